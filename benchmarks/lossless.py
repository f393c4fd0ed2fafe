"""Is seeded text the same with speculation on and off, over 100,000 tokens?

    python -m benchmarks.lossless [--tokens 100000] [--max-tokens 160] [--threads 2]

Every answer is generated twice: plainly, sixteen at once, and with speculation, five at once, so that batches differ as
well. Ways to speculate (the engine's own choice, draft model, n-grams, suffixes, at several depths) and sampling
parameters take turns from request to request and share batches. Prompts are the held-out ones of the built-in corpus
and some long conversations. A difference is reported with its request, and the exit status is 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

from tqdm import tqdm

from benchmarks.command_line import load_engine, model_parser
from benchmarks.report import commit, hardware, number, percent, print_json, table
from benchmarks.timing import total_spec
from benchmarks.workloads import WORKLOADS, draw_prompts, long_prompt
from helix import LLMEngine, SamplingParams, SpecDecodeStats

PARAMETERS: tuple[dict[str, Any], ...] = (
    {"temperature": 0},
    {"temperature": 0.7},
    {"temperature": 1.0},
    {"temperature": 1.5},
    {"top_p": 0.8},
    {"top_k": 8},
    {"min_p": 0.05},
    {"presence_penalty": 1.2},
    {"frequency_penalty": 0.8, "temperature": 0},
    {"repetition_penalty": 1.2},
    {"logit_bias": {17: 2.0, 260: -100.0, 301: 1.5}},
    {
        "temperature": 0.9,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.01,
        "presence_penalty": 0.4,
        "frequency_penalty": 0.3,
        "repetition_penalty": 1.1,
        "logit_bias": {42: 1.0},
    },
)
METHODS: dict[str, dict[str, Any]] = {
    "auto": {},
    "draft 3": {"speculation_method": "draft", "speculation_depth": 3, "speculation_adaptive": False},
    "draft 7": {"speculation_method": "draft", "speculation_depth": 7, "speculation_adaptive": False},
    "ngram 5": {"speculation_method": "ngram", "speculation_depth": 5, "speculation_adaptive": False},
    "suffix 8": {"speculation_method": "suffix", "speculation_depth": 8, "speculation_adaptive": False},
}
LONG_PROMPT_LENS = (300, 600, 1000, 1500)
_PLAIN_CONCURRENCY, _SPECULATIVE_CONCURRENCY = 16, 5


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt with a seed and parameters of its own, and how it is answered the second time."""

    token_ids: tuple[int, ...]
    params: SamplingParams
    method: str

    @property
    def plain(self) -> SamplingParams:
        """Parameters that forbid speculation."""
        return replace(self.params, speculation_method="none", speculation_depth=0)

    @property
    def speculative(self) -> SamplingParams:
        """Parameters that ask for the question's way to speculate."""
        return replace(self.params, **METHODS[self.method])


@dataclass(slots=True)
class Tally:
    """What came of the questions of one method."""

    num_answers: int = 0
    num_tokens: int = 0
    num_different: int = 0
    specs: list[SpecDecodeStats] = field(default_factory=list)


def questions(prompts: Sequence[tuple[int, ...]], max_tokens: int) -> Iterator[Question]:
    """Yield questions without end; prompt, parameters, method and seed never take the same turns again soon."""
    methods, parameters = cycle(METHODS), cycle(PARAMETERS)
    for seed, prompt in enumerate(cycle(prompts)):
        params = SamplingParams(max_tokens=max_tokens, seed=seed, ignore_eos=seed % 4 != 0, **next(parameters))
        yield Question(prompt, params, next(methods))


def answer(
    engine: LLMEngine, asked: Sequence[tuple[tuple[int, ...], SamplingParams]], concurrency: int
) -> list[tuple[tuple[int, ...], SpecDecodeStats]]:
    """Return the tokens of each answer and how it was speculated, with up to concurrency requests in flight."""
    requests = [engine.make_request(token_ids, params) for token_ids, params in asked]
    waiting = list(reversed(requests))
    num_running = 0
    while waiting or num_running:
        while waiting and num_running < concurrency:
            engine.add_request(waiting.pop())
            num_running += 1
        num_running -= sum(output.is_finished for output in engine.step())
    return [(tuple(request.output_token_ids), request.metrics.spec) for request in requests]


def compare(engine: LLMEngine, batch: Sequence[Question], tallies: dict[str, Tally]) -> None:
    """Answer questions both ways and count; a difference is printed."""
    plain = answer(engine, [(q.token_ids, q.plain) for q in batch], _PLAIN_CONCURRENCY)
    speculative = answer(engine, [(q.token_ids, q.speculative) for q in batch], _SPECULATIVE_CONCURRENCY)
    for question, (expected, _), (got, spec) in zip(batch, plain, speculative, strict=True):
        tally = tallies[question.method]
        tally.num_answers += 1
        tally.num_tokens += len(got)
        tally.specs.append(spec)
        if got != expected:
            tally.num_different += 1
            print(f"DIFFERENT: {question.method}, {question.params}: {got} instead of {expected}")


def report(tallies: dict[str, Tally]) -> list[dict[str, Any]]:
    """Print the table; return its rows, the last one of all methods together."""
    everything = Tally(
        sum(tally.num_answers for tally in tallies.values()),
        sum(tally.num_tokens for tally in tallies.values()),
        sum(tally.num_different for tally in tallies.values()),
        [spec for tally in tallies.values() for spec in tally.specs],
    )
    rows: list[dict[str, Any]] = []
    for name, tally in {**tallies, "all": everything}.items():
        spec = total_spec(tally.specs)
        rows.append({
            "method": name,
            "answers": tally.num_answers,
            "tokens": tally.num_tokens,
            "different": tally.num_different,
            "drafted": spec.num_draft_tokens,
            "accepted": spec.acceptance_rate,
        })  # fmt: skip
    print(
        table(
            ["speculation", "answers", "tokens compared", "answers that differ", "tokens drafted", "accepted"],
            [
                [row["method"], row["answers"], number(row["tokens"], 0), row["different"], number(row["drafted"], 0),
                 percent(row["accepted"])]
                for row in rows
            ],
        )
    )  # fmt: skip
    return rows


def main() -> None:
    """Print the table and the JSON document."""
    parser = model_parser("benchmarks.lossless", __doc__)
    parser.add_argument("--tokens", type=int, default=100_000, help="tokens to compare")
    parser.add_argument("--max-tokens", type=int, default=160, help="longest answer")
    arguments = parser.parse_args()
    num_tokens = 2_000 if arguments.quick else arguments.tokens
    started_s = time.monotonic()
    engine = load_engine(arguments)
    prompts = [prompt.token_ids for name in WORKLOADS for prompt in draw_prompts(name, engine.tokenizer, 23)]
    prompts += [long_prompt(engine.tokenizer, length) for length in LONG_PROMPT_LENS]
    asked = questions(prompts, arguments.max_tokens)
    tallies = {name: Tally() for name in METHODS}
    with tqdm(total=num_tokens, unit="tokens", disable=None) as progress:
        while (done := sum(tally.num_tokens for tally in tallies.values())) < num_tokens:
            progress.update(done - progress.n)
            compare(engine, [next(asked) for _ in range(2 * _PLAIN_CONCURRENCY)], tallies)
    print(f"{hardware()}; commit {commit()}; {time.monotonic() - started_s:.0f} s")
    rows = report(tallies)
    print_json({"benchmark": "lossless", "model": arguments.model, "rows": rows})
    if rows[-1]["different"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
