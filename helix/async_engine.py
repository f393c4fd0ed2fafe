"""Owns the thread that owns the engine; turns steps into async iterators."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from helix.config import EngineConfig
from helix.engine import LLMEngine
from helix.errors import (
    EngineBusyError,
    EngineDeadError,
    EngineStoppedError,
    HelixError,
    InvalidRequestError,
    QueueTimeoutError,
)
from helix.finishing_rate import FinishingRate
from helix.output_stream import OutputStream, push_all
from helix.outputs import EngineInfo, RequestOutput
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.snapshot import EngineSnapshot
from helix.stats import EngineStats
from helix.structured.grammar import Grammar
from helix.text.tokenizer import Tokenizer

T = TypeVar("T")

logger = logging.getLogger(__name__)

MAX_REBUILDS = 3
"""Times that an engine is rebuilt within REBUILD_WINDOW_S; once more, and it is left dead."""
REBUILD_WINDOW_S = 600.0
IDLE_S = 5.0
"""How long nothing runs before memory goes back to the system."""


class AsyncEngine:
    """Many concurrent callers, one engine thread.

    Commands go in through a queue; outputs come back with call_soon_threadsafe, one wake-up per event loop and step.
    A bug that no request alone is to blame for ends every request, and the engine begins anew with its weights, unless
    that happens too often.

    Raises:
        ConfigError, ModelLoadError: As LLMEngine.
    """

    def __init__(
        self, config: EngineConfig | None = None, *, engine: LLMEngine | None = None, idle_s: float = IDLE_S
    ) -> None:
        self._idle_s = idle_s
        self._engine = engine or LLMEngine(config)
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._streams: dict[str, weakref.ref[OutputStream]] = {}  # a stream that was dropped aborts its request
        self._snapshots: list[Future[EngineSnapshot]] = []
        self._admission = threading.Lock()
        self._has_ended = False
        self._is_rebuilding = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._rebuilt_s: list[float] = []
        self._rate = FinishingRate()
        self._max_num_requests = self._engine.config.scheduler.max_num_requests

    @property
    def info(self) -> EngineInfo:
        """What the engine runs."""
        return self._engine.info

    @property
    def tokenizer(self) -> Tokenizer:
        """The target's tokenizer; safe to use from any thread."""
        return self._engine.tokenizer

    @property
    def is_alive(self) -> bool:
        """Whether the engine thread runs and takes requests."""
        is_running = self._thread is not None and self._thread.is_alive()
        return is_running and not self._has_ended and not self._is_rebuilding

    def start(self) -> None:
        """Start the engine thread; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="helix-engine", daemon=True)
            self._thread.start()

    def shutdown(self) -> None:
        """End the engine thread after its current step; every unfinished request receives EngineDeadError."""
        if self._thread is not None and self._thread.is_alive():
            self._commands.put(None)
            self._thread.join()

    def stats(self) -> EngineStats:
        """Return the engine's live counters."""
        stats = self._engine.stats()
        stats.finished_per_s = self._rate.per_s
        return stats

    async def snapshot(self) -> EngineSnapshot:
        """Return how memory and requests stand, taken by the engine thread between two steps.

        Raises:
            EngineDeadError: The engine thread is gone.
        """
        asked: Future[EngineSnapshot] = Future()
        with self._admission:
            if not self.is_alive:
                raise EngineDeadError("the engine has stopped") from self._error
            self._snapshots.append(asked)
            self._commands.put(self._take_snapshot)
        return await asyncio.wrap_future(asked)

    def compile_grammar(self, grammar: Grammar) -> None:
        """Compile a grammar ahead of generate, which then does not wait for it; from any thread.

        Raises:
            InvalidRequestError: It cannot be enforced; param is "grammar".
        """
        self._engine.compile_grammar(grammar)

    def generate(
        self,
        prompt_token_ids: Sequence[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str | None = None,
        tenant: str | None = None,
        deadline_s: float | None = None,
        queue_timeout_s: float | None = None,
        ready: asyncio.Event | None = None,
    ) -> OutputStream:
        """Queue a request and return its outputs; call it from a running event loop.

        An ordinary function, so that a bad request fails here and not behind the first byte of an answer. The stream
        raises DeadlineExceededError at deadline_s of the monotonic clock, QueueTimeoutError when the first step takes
        longer than queue_timeout_s to come, and RequestFailedError where a bug or memory ends the request. ready is
        set whenever the stream has something to take: who reads several streams waits for all of them at once.

        Raises:
            InvalidRequestError: The request cannot be served as asked, or its id is in use; param names the field.
            EngineBusyError: The queue is full.
            RequestFailedError: An equal request made steps fail before.
            EngineDeadError: The engine thread is gone.
        """
        with self._admission:
            if not self.is_alive:
                raise EngineDeadError("the engine has stopped") from self._error
            if len(self._streams) >= self._max_num_requests:
                raise EngineBusyError(
                    f"{len(self._streams)} requests are running or waiting; try again later",
                    retry_after_s=self._rate.retry_after_s(),
                )
            if request_id in self._streams:
                raise InvalidRequestError(f"request id {request_id} is in use", param="request_id")
            request = self._engine.make_request(
                prompt_token_ids,
                params,
                request_id=request_id,
                cache_salt=cache_salt,
                tenant=tenant,
                deadline_s=deadline_s,
                queue_timeout_s=queue_timeout_s,
            )
            stream = OutputStream(
                request.request_id, asyncio.get_running_loop(), self.abort, asyncio.Event() if ready is None else ready
            )
            self._streams[request.request_id] = weakref.ref(stream)
            self._commands.put(lambda: self._add(request))
            return stream

    def abort(self, request_id: str) -> None:
        """End a request at the next step and free its blocks; unknown ids are ignored. From any thread."""
        if request_id in self._streams:
            self._commands.put(lambda: self._abort(request_id))

    def _run(self) -> None:
        """Serve until shutdown, or until bugs leave nothing to serve with."""
        error: EngineDeadError = EngineStoppedError("the engine was shut down")
        while (bug := self._serve()) is not None:
            failure = EngineDeadError(f"the engine stopped on an error: {type(bug).__name__}")
            if not self._rebuild(failure):
                self._error, error = bug, failure
                break
        with self._admission:  # whoever comes later is refused
            self._has_ended = True
        self._end_all(error)

    def _serve(self) -> Exception | None:
        """Run commands and steps until shutdown; returns a bug that nobody below could handle."""
        try:
            while self._serve_commands():
                self._deliver(self._engine.step())
                self._deliver_failures()
        except Exception as bug:  # whatever it is, nobody may wait for ever
            logger.exception("the engine stopped on an error")
            return bug
        return None

    def _rebuild(self, error: BaseException) -> bool:
        """End every request and begin anew; returns False where that happens too often."""
        now_s = time.monotonic()
        self._rebuilt_s = [at_s for at_s in self._rebuilt_s if now_s - at_s < REBUILD_WINDOW_S]
        if len(self._rebuilt_s) >= MAX_REBUILDS:
            return False
        self._rebuilt_s.append(now_s)
        with self._admission:
            self._is_rebuilding = True
        try:
            self._end_all(error)
            self._engine.reset()
            self._engine.stats().num_rebuilds += 1
        except Exception:
            logger.exception("the engine cannot be rebuilt")
            return False
        logger.warning("the engine begins anew, %d of %d times", len(self._rebuilt_s), MAX_REBUILDS)
        self._is_rebuilding = False
        return True

    def _end_all(self, error: BaseException) -> None:
        """Raise error at everybody who waits."""
        with self._admission:
            snapshots, self._snapshots = self._snapshots, []
        for asked in snapshots:
            if asked.set_running_or_notify_cancel():
                asked.set_exception(error)
        for request_id in list(self._streams):
            self._end(request_id, error)

    def _serve_commands(self) -> bool:
        """Run queued commands, waiting for one when there is nothing to compute; returns False at shutdown."""
        is_idle = not self._engine.has_requests
        release_s: float | None = time.monotonic() + self._idle_s
        while True:
            patience_s = None if release_s is None else max(release_s - time.monotonic(), 0.0)
            try:
                command = self._commands.get(block=is_idle, timeout=patience_s)
            except queue.Empty:
                if not is_idle:
                    return True
                self._engine.release_memory()
                release_s = None
                continue
            if command is None:
                return False
            command()
            is_idle = not self._engine.has_requests

    def _take_snapshot(self) -> None:
        """Answer everybody who has asked by now."""
        if not self._snapshots:  # answered together with one before
            return
        taken = self._engine.snapshot()
        with self._admission:
            snapshots, self._snapshots = self._snapshots, []
        for asked in snapshots:
            if asked.set_running_or_notify_cancel():  # else nobody waits any more
                asked.set_result(taken)

    def _add(self, request: Request) -> None:
        if request.request_id not in self._streams:  # the engine was rebuilt meanwhile
            return
        try:
            self._engine.add_request(request)
        except HelixError as error:
            self._end(request.request_id, error)

    def _abort(self, request_id: str) -> None:
        output = self._engine.abort(request_id)
        if output is not None:
            self._deliver([output])
        self._streams.pop(request_id, None)

    def _deliver(self, outputs: Sequence[RequestOutput]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[OutputStream, RequestOutput]]] = {}
        for output in outputs:
            stream = self._stream(output.request_id)
            if output.is_finished:
                self._streams.pop(output.request_id, None)
                self._rate.observe()
            if stream is not None:
                by_loop.setdefault(stream.loop, []).append((stream, output))
        for loop, items in by_loop.items():
            _call_soon(loop, push_all, items)

    def _deliver_failures(self) -> None:
        for request_id, error in self._engine.take_failures():
            if isinstance(error, QueueTimeoutError):
                error.retry_after_s = self._rate.retry_after_s()
            if request_id in self._streams:
                self._end(request_id, error)

    def _end(self, request_id: str, error: BaseException) -> None:
        stream = self._stream(request_id)
        del self._streams[request_id]
        self._rate.observe()
        if stream is not None:
            _call_soon(stream.loop, stream.fail, error)

    def _stream(self, request_id: str) -> OutputStream | None:
        """Return what a caller reads; None where there is none, or nobody holds it any more."""
        reference = self._streams.get(request_id)
        return None if reference is None else reference()


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[T], object], argument: T) -> None:
    try:
        loop.call_soon_threadsafe(callback, argument)
    except RuntimeError:  # the loop was closed: nobody listens any more
        logger.debug("an event loop closed before its outputs arrived")
