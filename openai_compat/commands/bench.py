"""`helix bench`: measure a model on this machine and recommend draft, depth and dtype."""

from __future__ import annotations

import argparse
import gc
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helix import ConfigError, EngineConfig, ModelLoadError
from openai_compat.commands.engine_options import add_engine_options, engine_config

if TYPE_CHECKING:
    from helix import ArmResult, LLMEngine

WORTH_A_FLAG = 1.05
"""A fixed depth is recommended only where it is so much faster than the automatic choice."""
PROMPTS = (
    "What is speculative decoding, and why does it make a language model faster?",
    "Write a Python function that returns the largest number of a list.",
    "Repeat this text with every name in capital letters: Ada met Alan in London. Alan gave Ada a book about London, "
    "and Ada gave Alan a map. Later Ada and Alan went home.",
    "Name five things that one should take along on a walk in the mountains.",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("bench", "What is measured.")
    group.add_argument("--prompt-file", metavar="FILE", help="Your own prompts, one a line; default: four short ones.")
    group.add_argument("--max-tokens", type=int, default=96, metavar="N", help="Tokens per answer (default: 96).")
    group.add_argument("--rounds", type=int, default=2, metavar="N", help="Answers per prompt and way (default: 2).")
    group.add_argument(
        "--try-draft-model", action="append", default=[], metavar="TEXT", help="Compare this one too; several times."
    )
    group.add_argument("--try-dtype", action="append", default=[], metavar="TEXT", help="Compare this one too.")
    add_engine_options(parser)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model with one draft in one number format reached."""

    config: EngineConfig
    title: str
    results: list[ArmResult]


def run(options: argparse.Namespace) -> int:
    """Measure every combination, one after another, and print a table for each and a command line at the end."""
    prompts = _prompts(options.prompt_file)
    if options.max_tokens < 8:
        raise ConfigError(f"max_tokens must be at least 8 to measure a speed, got {options.max_tokens}")
    if options.rounds < 1:
        raise ConfigError(f"rounds must be positive, got {options.rounds}")
    outcomes = []
    for config in _combinations(engine_config(options), options.try_draft_model, options.try_dtype):
        try:
            outcome = _measure(config, prompts * options.rounds, options.max_tokens)
        except (ConfigError, ModelLoadError) as error:
            print(f"left out: {error}\n")
            continue
        print(f"{outcome.title}\n{table(outcome.results)}\n", flush=True)
        outcomes.append(outcome)
    if not outcomes:
        raise ConfigError("nothing could be measured; see the reasons above")
    print(recommendation(outcomes))
    return 0


def table(results: Sequence[ArmResult]) -> str:
    """Return one line per arm; the first one is plain decoding."""
    plain = results[0]
    head = f"  {'':<18}{'TOKENS/S':>9}{'BESIDE PLAIN':>14}{'A PASS':>8}{'ACCEPTED':>10}{'SAME TEXT':>11}"
    lines = [head]
    for result in results:
        spec = result.spec
        accepted = "" if spec.acceptance_rate is None else f"{spec.acceptance_rate:.0%}"
        same = "yes" if result.answers == plain.answers else "NO"
        lines.append(
            f"  {result.arm.name:<18}{result.median_tokens_per_s:>9.1f}{result.speed_up(plain):>13.2f}x"
            f"{spec.mean_accepted_length or 1:>8.2f}{accepted:>10}{same:>11}"
        )
    return "\n".join(lines)


def recommendation(outcomes: Sequence[Outcome]) -> str:
    """Name the fastest combination and arm; the automatic choice unless a fixed one is clearly ahead."""
    chosen = [(outcome, _best(outcome.results)) for outcome in outcomes]
    outcome, best = max(chosen, key=lambda pair: _or_zero(pair[1].median_tokens_per_s))
    config, plain = outcome.config, outcome.results[0]
    words = ["helix serve", config.model.model]
    if config.speculative.draft_model is not None:
        words.append(f"--draft-model {config.speculative.draft_model}")
    if config.model.dtype != "auto":
        words.append(f"--dtype {config.model.dtype}")
    if best.arm.name == "plain":
        words.append("--speculation-depth 0")
    elif best.arm.method is not None:
        words.append(f"--speculation-method {best.arm.method} --speculation-depth {best.arm.depth}")
        words.append("--no-speculation-adaptive")
    return (
        f"Fastest here: {best.arm.name}, {best.median_tokens_per_s:.1f} tokens/s, "
        f"{best.speed_up(plain):.2f}x plain decoding.\n\n  {' '.join(words)}"
    )


def _best(results: Sequence[ArmResult]) -> ArmResult:
    plain, auto = results[0], results[1]
    fastest = max(results, key=lambda result: _or_zero(result.speed_up(plain)))
    return auto if _or_zero(auto.speed_up(plain)) * WORTH_A_FLAG >= fastest.speed_up(plain) else fastest


def _or_zero(number: float) -> float:
    return 0.0 if math.isnan(number) else number


def _combinations(config: EngineConfig, drafts: Sequence[str], dtypes: Sequence[str]) -> list[EngineConfig]:
    """Return the settings as given, and those with each other draft model and number format."""
    all_drafts = dict.fromkeys([config.speculative.draft_model, *drafts])
    return [
        replace(
            config,
            model=replace(config.model, dtype=dtype),  # type: ignore[arg-type]  # load_model says what it does not know
            speculative=replace(config.speculative, draft_model=draft),
        )
        for dtype in dict.fromkeys([config.model.dtype, *dtypes])
        for draft in all_drafts
    ]


def _prompts(path: str | None) -> list[str]:
    if path is None:
        return list(PROMPTS)
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"prompt file {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not (prompts := [line.strip() for line in lines if line.strip()]):
        raise ConfigError(f"prompt file {path} has no prompts; write one a line")
    return prompts


def _measure(config: EngineConfig, prompts: Sequence[str], max_tokens: int) -> Outcome:
    from tqdm import tqdm

    from helix import LLMEngine, bench_arms, run_bench

    gc.collect()  # the engine before this one
    engine = LLMEngine(config)
    token_ids = [_encode(engine, prompt) for prompt in prompts]
    arms = bench_arms(engine)
    with tqdm(total=len(arms) * len(prompts), desc="measuring", unit="answer", leave=False) as bar:
        results = run_bench(engine, token_ids, max_tokens=max_tokens, arms=arms, on_answer=bar.update)
    info = engine.info
    drafts = [*filter(None, [info.draft_model]), *(["its own heads"] if info.has_mtp else [])]
    draft = " and ".join(drafts) or "no draft model"
    title = f"{info.model} with {draft} on {info.device}, {info.dtype}: {len(prompts)} answers of {max_tokens} tokens"
    return Outcome(config, title, results)


def _encode(engine: LLMEngine, prompt: str) -> list[int]:
    tokenizer = engine.tokenizer
    if tokenizer.has_chat_template:
        return tokenizer.apply_chat_template([{"role": "user", "content": prompt}])
    return tokenizer.encode(prompt)
