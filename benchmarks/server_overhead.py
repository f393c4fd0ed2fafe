"""What does the server cost beside the engine, per streamed token and per request?

The processor time of the event loop's thread is read around runs of many streams, whose client is a process of its
own; requests of one token tell what a request costs, long ones what every further chunk costs. Beside it stand the
time of the engine's step, taken by a bare loop over the same engine in the same rounds, and the time to make and
encode one chunk, by msgspec as the server does it and by the pydantic models of OpenAI's package, and the floor: what
an event loop takes that is woken at every step of the engine and writes fixed bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import threading
import time
from statistics import median
from typing import Any

from benchmarks.delivery_floor import floor_s
from benchmarks.report import commit, hardware, number, print_json, table
from helix import AsyncEngine, EngineConfig, LLMEngine, SamplingParams, SchedulerConfig
from openai_compat.config import ServerConfig
from openai_compat.schemas.chat import ChatChunkChoice, ChatCompletionChunk, Delta
from openai_compat.server import leave_out_of_collections
from openai_compat.sse import encode_event
from tests.servers import running_server

STREAMS = {1: 16, 16: 4, 64: 2}
"""Streams at once, and how many times max_tokens each has: few chunks would tell little, as a request costs dozens."""
IDENTITY = {
    "id": "chatcmpl-0123456789abcdef",
    "created": 1_750_000_000,
    "model": "helix-demo",
    "system_fingerprint": "fp_0123456789",
}


def main() -> None:
    """Run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-tokens", type=int, default=64, help="of each stream, times more for fewer streams")
    parser.add_argument("--quick", action="store_true", help="one short round: does it run?")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.max_tokens = 1, 8
    scheduler = SchedulerConfig(max_num_seqs=max(STREAMS), max_num_batched_tokens=512)
    config = EngineConfig(scheduler=scheduler)
    bare = LLMEngine(config)
    engine = AsyncEngine(engine=LLMEngine(config, worker=bare.worker))  # one of them computes at a time
    leave_out_of_collections()  # as `helix serve` does
    with running_server(engine, ServerConfig(port=0)) as server:
        port = int(server.url.rpartition(":")[2])
        for num_streams in STREAMS:
            loop_s(port, num_streams, 2)  # what is made once
        rounds = [measure(engine, bare, port, arguments.max_tokens) for _ in range(arguments.rounds)]
    step_s = median(one["step_s"] for one in rounds)
    facts = {"hardware": hardware(), "commit": commit(), "rounds": arguments.rounds, "tokens": arguments.max_tokens}
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    print(f"\nOne plain step of helix-demo, batch 1: {1e3 * step_s:.2f} ms\n")
    rows = []
    for num_streams in STREAMS:
        chunk_s = median(one[f"chunk_s_{num_streams}"] for one in rounds)
        request_s = median(one[f"request_s_{num_streams}"] for one in rounds)
        floor = median(one[f"floor_s_{num_streams}"] for one in rounds)
        us = [number(1e6 * s) for s in (chunk_s, floor, request_s)]
        rows.append([num_streams, us[0], f"{chunk_s / step_s:.1%}", us[1], us[2]])
    print(table(["streams", "µs per chunk", "of that step", "µs, floor", "µs per request"], rows))
    encoding = encode_times(200 if arguments.quick else 20_000)
    print()
    print(table(["one chunk made and encoded by", "µs"], [[name, number(1e6 * s)] for name, s in encoding.items()]))
    print_json({"facts": facts, "rounds": rounds, "encoding_s": encoding})


def measure(engine: AsyncEngine, bare: LLMEngine, port: int, max_tokens: int) -> dict[str, float]:
    """Return one round: seconds of a bare step, and of the event loop per chunk, on the floor, and per request."""
    result = {"step_s": bare_step_s(engine, max_tokens)}
    for num_streams, times in STREAMS.items():
        short_s, short_chunks = loop_s(port, num_streams, 1)
        long_s, long_chunks = loop_s(port, num_streams, times * max_tokens)
        result[f"chunk_s_{num_streams}"] = (long_s - short_s) / (long_chunks - short_chunks)
        result[f"request_s_{num_streams}"] = short_s / num_streams
        result[f"floor_s_{num_streams}"] = floor_s(bare, story_prompt(engine), num_streams, times * max_tokens)
    return result


def loop_s(port: int, num_streams: int, max_tokens: int) -> tuple[float, int]:
    """Return the processor time of the server's thread for some streams, and the number of their chunks."""
    clock = time.pthread_getcpuclockid(_server_thread())
    began_s = time.clock_gettime(clock)
    words = [sys.executable, "-m", "benchmarks.stream_client", *map(str, (port, num_streams, max_tokens))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return time.clock_gettime(clock) - began_s, int(done.stdout)


def _server_thread() -> int:
    """Return the thread in which running_server runs the event loop."""
    for thread in threading.enumerate():
        if thread.name.endswith("(run)") and thread.ident is not None:
            return thread.ident
    raise RuntimeError("no thread runs the server")


def story_prompt(engine: AsyncEngine) -> list[int]:
    """Return the prompt that the clients' requests have."""
    return engine.tokenizer.apply_chat_template([{"role": "user", "content": "Tell me a story."}])


def bare_step_s(engine: AsyncEngine, max_tokens: int) -> float:
    """Return the time from token to token of one plain request, without a server."""

    async def generate() -> float:
        params = SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True, speculation_depth=0)
        gaps: list[float] = []
        async for output in engine.generate(story_prompt(engine), params):
            gaps = output.metrics.inter_token_s
        return median(gaps)

    return asyncio.run(generate())


def encode_times(repeats: int) -> dict[str, float]:
    """Return seconds to make and encode one chunk of a stream."""
    from openai.types.chat import ChatCompletionChunk as PydanticChunk

    def by_msgspec() -> bytes:
        choice = ChatChunkChoice(index=0, delta=Delta(content=" word"), finish_reason=None)
        return encode_event(ChatCompletionChunk(**IDENTITY, choices=[choice]))  # type: ignore[arg-type]

    def by_pydantic() -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": {"content": " word"}, "finish_reason": None}
        chunk = PydanticChunk(**IDENTITY, object="chat.completion.chunk", choices=[choice])  # type: ignore[arg-type, list-item]
        return f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n".encode()

    times: dict[str, list[float]] = {"msgspec": [], "pydantic": []}
    for _ in range(5):
        for name, make in (("msgspec", by_msgspec), ("pydantic", by_pydantic)):
            began_s = time.perf_counter()
            for _ in range(repeats):
                make()
            times[name].append((time.perf_counter() - began_s) / repeats)
    return {name: median(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
