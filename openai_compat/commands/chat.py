"""`helix chat`: talk with a model in the terminal."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from helix import HelixError, RequestOutput, SamplingParams
from openai_compat.commands.engine_options import (
    add_engine_options,
    add_sampling_options,
    engine_config,
    sampling_params,
)
from openai_compat.commands.status_line import StatusLine

if TYPE_CHECKING:
    from helix import LLMEngine

HELP = "/reset begins anew, /undo takes a turn back, /help shows this, /exit or Ctrl-D ends; Ctrl-C stops an answer."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--system", metavar="TEXT", help="System message that the conversation begins with.")
    add_sampling_options(parser)
    add_engine_options(parser)


def run(options: argparse.Namespace) -> int:
    """Read questions from the terminal, or one a line from a pipe, and answer each."""
    config = engine_config(options)
    from helix import LLMEngine

    engine = LLMEngine(config)
    params = sampling_params(options, engine.info.default_sampling_params)
    info, is_terminal = engine.info, sys.stdin.isatty() and sys.stdout.isatty()
    if is_terminal:
        draft = info.draft_model or "no draft model"
        print(f"{info.model} with {draft} on {info.device}, {info.dtype}. {HELP}")
    Conversation(engine, params, options.system, is_terminal=is_terminal).run()
    return 0


class Conversation:
    """Turns of a person and a model; below every answer a line says how it comes, and in the end how it came."""

    def __init__(self, engine: LLMEngine, params: SamplingParams, system: str | None, *, is_terminal: bool) -> None:
        self._engine = engine
        self._params = params
        self._first: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        self._turns: list[dict[str, Any]] = []
        self._is_terminal = is_terminal

    def run(self) -> None:
        """Go on until the person leaves."""
        while (line := self._read()) is not None:
            match line.strip():
                case "":
                    continue
                case "/exit" | "/quit":
                    return
                case "/reset":
                    self._turns.clear()
                case "/undo":
                    del self._turns[-2:]
                case "/help":
                    print(HELP)
                case question:
                    self._answer(question)

    def _read(self) -> str | None:
        try:
            return input("\n> " if self._is_terminal else "")
        except EOFError:
            if self._is_terminal:
                print()
            return None

    def _answer(self, question: str) -> None:
        from openai_compat.commands.answering import answer, summary

        line = StatusLine(sys.stdout)
        turns = [*self._turns, {"role": "user", "content": question}]
        texts: list[str] = []

        def show(output: RequestOutput) -> None:
            texts.append(output.text)
            line.write(output.text, summary(output.metrics))

        try:
            prompt = self._engine.tokenizer.apply_chat_template([*self._first, *turns])
            metrics = answer(self._engine, prompt, self._params, show)
        except HelixError as error:  # this question is at fault, and the next one may not be
            print(f"helix: {error}", file=sys.stderr)
            return
        self._turns = [*turns, {"role": "assistant", "content": "".join(texts)}]
        line.end(f"[{summary(metrics)}]")
