"""`helix generate`: complete one text and print it."""

from __future__ import annotations

import argparse
import sys

from helix import ConfigError, RequestOutput
from openai_compat.commands.engine_options import (
    add_engine_options,
    add_sampling_options,
    engine_config,
    sampling_params,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="Text to go on from; none: standard input.")
    parser.add_argument("--chat", action="store_true", help="Ask it as a user's message, by the model's chat template.")
    parser.add_argument("--quiet", action="store_true", help="Print the text and nothing about its speed.")
    add_sampling_options(parser)
    add_engine_options(parser, has_positional_model=False)


def run(options: argparse.Namespace) -> int:
    """Print the text as it comes, and on standard error how it came."""
    config = engine_config(options)
    prompt = options.prompt
    if prompt is None:
        if sys.stdin.isatty():
            raise ConfigError('there is no prompt; say helix generate "Once upon a time", or pipe a text in')
        prompt = sys.stdin.read()
    from helix import LLMEngine
    from openai_compat.commands.answering import answer, summary

    engine = LLMEngine(config)
    params = sampling_params(options, engine.info.default_sampling_params)
    if options.chat:
        token_ids = engine.tokenizer.apply_chat_template([{"role": "user", "content": prompt}])
    else:
        token_ids = engine.tokenizer.encode(prompt)
    metrics = answer(engine, token_ids, params, _show)
    print(flush=True)
    if not options.quiet:
        print(f"[{summary(metrics)}]", file=sys.stderr)
    return 0


def _show(output: RequestOutput) -> None:
    print(output.text, end="", flush=True)
