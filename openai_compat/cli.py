"""The helix command: the only place that reads argv and the environment."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_type_hints

from helix import DEMO_MODEL, ConfigError, EngineConfig, ModelConfig, ModelLoadError
from openai_compat.config import ServerConfig
from openai_compat.options import add_options, field_docs, from_options

API_KEY_VARIABLE = "HELIX_API_KEY"
EXIT_MISUSE = 2
"""Exit status when the settings or the model are at fault."""

ENGINE_PARTS: dict[str, type[Any]] = get_type_hints(EngineConfig)
"""The dataclasses an EngineConfig is made of, by field."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ConfigError, ModelLoadError) as error:
        print(f"helix: {error}", file=sys.stderr)
        return EXIT_MISUSE
    except KeyboardInterrupt:
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="helix", description="Serve a language model with OpenAI's API.", allow_abbrev=False
    )
    root.add_argument("--version", action="version", version=f"helix {_version()}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    serve = commands.add_parser(
        "serve",
        help="load a model and answer HTTP requests",
        description="Load a model and answer HTTP requests.",
        usage="helix serve [MODEL] [options]",
        allow_abbrev=False,
    )
    serve.add_argument("model", nargs="?", metavar="MODEL", default=DEMO_MODEL, help=field_docs(ModelConfig)["model"])
    add_options(serve, ServerConfig)
    for part in ENGINE_PARTS.values():
        add_options(serve, part, skip={"model"})
    serve.set_defaults(run=_serve)
    return root


def engine_config(options: argparse.Namespace) -> EngineConfig:
    """Return the engine's settings that options describe."""
    return EngineConfig(**{name: from_options(part, options) for name, part in ENGINE_PARTS.items()})


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


def _serve(options: argparse.Namespace) -> int:
    engine_settings, server_settings = engine_config(options), server_config(options)
    from openai_compat.banner import banner
    from openai_compat.server import DrainingServer, bind

    sock = bind(server_settings)
    from helix import AsyncEngine
    from openai_compat.app import create_app

    engine = AsyncEngine(engine_settings)
    app = create_app(engine, server_settings)
    sock.listen()
    name = server_settings.served_model_name[0] if server_settings.served_model_name else engine.info.model
    port = sock.getsockname()[1]
    print(banner(engine.info, server_settings, model=name, port=port, version=_version()), flush=True)
    DrainingServer(app, server_settings, end_requests=engine.shutdown).run(sockets=[sock])
    return 0


def _version() -> str:
    try:
        return version("helix-llm")
    except PackageNotFoundError:
        return "from source"
