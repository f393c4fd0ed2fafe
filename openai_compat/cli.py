"""The helix command: the only place, with its commands, that reads argv and the environment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from helix import ConfigError, InvalidRequestError, ModelLoadError
from openai_compat.commands import bench, chat, generate, info, models, serve
from openai_compat.version import package_version

EXIT_MISUSE = 2
"""Exit status when the settings or the model are at fault."""

_COMMANDS = {
    "serve": (serve, "[MODEL] [options]", "load a model and answer HTTP requests"),
    "chat": (chat, "[MODEL] [options]", "talk with a model in the terminal"),
    "generate": (generate, "[PROMPT] [options]", "complete one text and print it"),
    "bench": (bench, "[MODEL] [options]", "measure a model here and recommend draft, depth and dtype"),
    "models": (models, "[download NAME]", "list the models of this machine and the pairs that fit, or fetch one"),
    "info": (info, "", "show what this machine has and which kernels serve"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ConfigError, InvalidRequestError, ModelLoadError) as error:
        print(f"helix: {error}", file=sys.stderr)
        return EXIT_MISUSE
    except KeyboardInterrupt:
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="helix", description="Serve a language model with OpenAI's API.", allow_abbrev=False
    )
    root.add_argument("--version", action="version", version=f"helix {package_version()}")
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (command, arguments, purpose) in _COMMANDS.items():
        own = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            usage=f"helix {name} {arguments}".rstrip(),
            allow_abbrev=False,
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return root
