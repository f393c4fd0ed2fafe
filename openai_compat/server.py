"""Runs the application on a socket until a signal ends it."""

from __future__ import annotations

import errno
import socket

import uvicorn
from litestar import Litestar

from helix import ConfigError
from openai_compat.config import ServerConfig

IDLE_CONNECTION_S = 75
"""Longer than clients keep idle connections, so that none is closed under a request on its way."""


def bind(config: ServerConfig) -> socket.socket:
    """Return a bound socket that does not listen yet: a taken port is known before a model is loaded.

    Raises:
        ConfigError: The address is taken, or is none of this machine's.
    """
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


def run(app: Litestar, sock: socket.socket, config: ServerConfig) -> None:
    """Serve until SIGINT or SIGTERM; then running requests have config.shutdown_timeout_s to finish."""
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_keep_alive=IDLE_CONNECTION_S,
        timeout_graceful_shutdown=config.shutdown_timeout_s,
    )
    uvicorn.Server(settings).run(sockets=[sock])
