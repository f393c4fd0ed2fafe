"""`helix serve`: load a model and answer HTTP requests."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from helix import ConfigError
from openai_compat.commands.engine_options import add_engine_options, engine_config
from openai_compat.config import ServerConfig
from openai_compat.options import add_options, from_options
from openai_compat.version import package_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from openai_compat.request_record import RequestRecord

API_KEY_VARIABLE = "HELIX_API_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_options(parser, ServerConfig)
    add_engine_options(parser)


def server_config(options: argparse.Namespace) -> ServerConfig:
    """Return the server's settings that options, a file of keys and the environment describe.

    Raises:
        ConfigError: A setting makes no sense, or the file has no keys.
    """
    config = from_options(ServerConfig, options)
    keys = [*config.api_key, *(_keys_in(config.api_key_file) if config.api_key_file is not None else ())]
    if not keys:
        keys = [key.strip() for key in os.environ.get(API_KEY_VARIABLE, "").split(",") if key.strip()]
    return replace(config, api_key=tuple(dict.fromkeys(keys)))


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    engine_settings, server_settings = engine_config(options), server_config(options)
    from openai_compat.banner import banner, loading_line
    from openai_compat.loading import answers_while_loading
    from openai_compat.server import DrainingServer, bind, leave_out_of_collections

    provider = _trace_provider() if server_settings.traces else None
    sock = bind(server_settings)
    signal.signal(signal.SIGTERM, _leave)
    name = (*server_settings.served_model_name, engine_settings.model.model)[0]
    port = sock.getsockname()[1]
    with answers_while_loading(sock, name):
        print(loading_line(server_settings, model=name, port=port), flush=True)
        from helix import AsyncEngine
        from openai_compat.app import create_app

        engine = AsyncEngine(engine_settings)
        app = create_app(engine, server_settings)
        leave_out_of_collections()
    print(banner(engine.info, server_settings, model=name, port=port, version=package_version()), flush=True)
    with _traces(provider, name) as write:
        DrainingServer(app, server_settings, end_requests=engine.shutdown, write=write).run(sockets=[sock])
    return 0


def _leave(*_: object) -> None:
    """End as asked, and not by a signal: while the model loads at once, later when the server has drained."""
    sys.exit(0)


def _trace_provider() -> TracerProvider:
    """Return what sends traces.

    Raises:
        ConfigError: There is nothing to send them with, or nowhere.
    """
    try:
        from openai_compat.tracing import exporting_provider
    except ModuleNotFoundError:
        raise ConfigError("traces need OpenTelemetry; install it with pip install 'helix-llm[otel]'") from None
    return exporting_provider()


@contextmanager
def _traces(provider: TracerProvider | None, model: str) -> Iterator[list[Callable[[RequestRecord], object]]]:
    """Give what is to be told of requests that are over; at the end, send what has not been sent."""
    if provider is None:
        yield []
        return
    from openai_compat.tracing import RequestTraces

    try:
        yield [RequestTraces(provider, model).write]
    finally:
        provider.shutdown()


def _keys_in(path: str) -> list[str]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"api_key_file {path} cannot be read: {reason}") from None
    keys = [key for line in lines if (key := line.partition("#")[0].strip())]
    if not keys:  # letting everybody in would be the opposite of what was meant
        raise ConfigError(f"api_key_file {path} has no keys")
    return keys
