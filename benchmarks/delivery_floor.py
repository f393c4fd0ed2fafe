"""What the least that a server can do costs: wake an event loop at every step and write fixed bytes to each stream.

A bare uvloop in a thread, no HTTP, no JSON, no Python but one callback for each step; the steps are the engine's, and
the reader is that of the measured server. Whatever a server does costs this much and more.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import uvloop

from helix import LLMEngine, SamplingParams
from openai_compat.sse import DONE

PIECE = b"data: {" + 230 * b"x" + b"}\n\n"
"""As long as a chunk with its framing."""


class _Streams(asyncio.Protocol):
    """The connections of all streams; what clients send is not looked at."""

    def __init__(self, floor: _Floor) -> None:
        self._floor = floor

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count one more."""
        self._floor.transports.append(transport)
        if len(self._floor.transports) == self._floor.num_streams:
            self._floor.are_open.set()


class _Floor:
    """An event loop in a thread of its own that writes to num_streams connections."""

    def __init__(self, num_streams: int) -> None:
        self.num_streams = num_streams
        self.transports: list[asyncio.Transport] = []
        self.listens, self.are_open = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.listens.wait()

    def write(self) -> None:
        """Write one piece to each stream."""
        for transport in self.transports:
            transport.write(PIECE)

    def close(self) -> None:
        """End all streams and the loop."""
        for transport in self.transports:
            transport.write(DONE)
            transport.close()
        self._end.set()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await self.loop.create_server(lambda: _Streams(self), "127.0.0.1", 0, backlog=256)
        self.port: int = server.sockets[0].getsockname()[1]
        self.listens.set()
        await self._end.wait()
        await asyncio.sleep(0.05)
        server.close()


def floor_s(engine: LLMEngine, prompt_token_ids: Sequence[int], num_streams: int, max_tokens: int) -> float:
    """Return the processor time of the loop's thread for each piece, while engine generates in this one."""
    floor = _Floor(num_streams)
    words = [sys.executable, "-m", "benchmarks.stream_client", str(floor.port), str(num_streams), str(max_tokens)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL):
        if not floor.are_open.wait(60):
            raise RuntimeError("the readers did not come")
        params = SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True, speculation_depth=0)
        for _ in range(num_streams):
            engine.add_request(engine.make_request(prompt_token_ids, params))
        clock = time.pthread_getcpuclockid(floor.thread.ident or 0)
        began_s = time.clock_gettime(clock)
        num_steps = 0
        while engine.has_requests:
            engine.step()
            floor.loop.call_soon_threadsafe(floor.write)
            num_steps += 1
        time.sleep(0.01)
        taken_s = time.clock_gettime(clock) - began_s
        floor.loop.call_soon_threadsafe(floor.close)
    floor.thread.join()
    return taken_s / (num_steps * num_streams)
