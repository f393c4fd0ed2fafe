"""Runs the application on a socket until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from litestar import Litestar

from helix import ConfigError
from openai_compat.bounded_protocol import bounded_protocol
from openai_compat.config import ServerConfig
from openai_compat.draining import begin_draining, has_work_left
from openai_compat.request_log import RequestLog
from openai_compat.request_record import RequestRecord, recorded

IDLE_CONNECTION_S = 75
"""Longer than clients keep idle connections, so that none is closed under a request on its way."""
LAST_WORDS_S = 5
"""Time for error events to reach clients whose requests were cut off."""


def bind(config: ServerConfig) -> socket.socket:
    """Return a bound socket that does not listen yet: a taken port is known before a model is loaded.

    Raises:
        ConfigError: The address is taken, or is none of this machine's, or strangers would be let in without a key.
    """
    if config.is_open_to_network and not config.allow_no_key:
        raise ConfigError(
            f"other machines can reach {config.host or 'every address of this one'}, so clients need a key: set "
            "HELIX_API_KEY or --api-key-file, listen on 127.0.0.1, or let everybody in with --allow-no-key"
        )
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((config.host, config.port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"port {config.port} on {config.host} is in use; choose another with --port") from None
        raise ConfigError(f"cannot listen on {config.host}:{config.port}: {error.strerror or error}") from None
    return sock


def leave_out_of_collections() -> None:
    """Let garbage collections pass over all that exists by now: modules, model, routes, which stay for good.

    Going through them takes 0.4 seconds, in which no request gets a token.
    """
    gc.collect()
    gc.freeze()


class DrainingServer(uvicorn.Server):
    """Lets running requests finish when it is told to stop, and ends those that take too long with an error.

    uvicorn by itself would cut their connections, which clients cannot tell from a crash. Besides the log that config
    asks for, each of write is told of every request that is over.
    """

    def __init__(
        self,
        app: Litestar,
        config: ServerConfig,
        *,
        end_requests: Callable[[], None],
        write: Sequence[Callable[[RequestRecord], object]] = (),
    ) -> None:
        if config.log_format is not None:
            write = (RequestLog(config.log_format).write, *write)
        settings = uvicorn.Config(
            recorded(app, write) if write else app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            ws="none",
            http=bounded_protocol(config),
            server_header=False,
            timeout_keep_alive=IDLE_CONNECTION_S,
            timeout_graceful_shutdown=LAST_WORDS_S,
        )
        super().__init__(settings)
        self.app = app
        self._timeout_s = config.drain_timeout_s
        self._end_requests = end_requests
        self._is_hurried = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more work, wait for running requests, and leave; end_requests may block.

        Until they have ended the door stays open, for health checks to see that it will close.
        """
        begin_draining(self.app, self._timeout_s)
        try:
            await asyncio.wait_for(self._requests_end(), self._timeout_s)
        except TimeoutError:
            await self._say_last_words()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at once at the second; any signal, where uvicorn counts Ctrl-C alone."""
        self._is_hurried = self.should_exit
        super().handle_exit(sig, frame)

    async def _requests_end(self) -> None:
        while self.server_state.tasks or has_work_left(self.app):
            if self._is_hurried:
                raise TimeoutError
            await asyncio.sleep(0.05)

    async def _say_last_words(self) -> None:
        """End the requests and let their last events out, as far as a step in progress leaves time for that."""
        ending = threading.Thread(target=self._end_requests, daemon=True)
        ending.start()
        deadline_s = time.monotonic() + LAST_WORDS_S
        while (ending.is_alive() or self.server_state.tasks) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)
        self.force_exit = ending.is_alive()  # it would be waited for again
