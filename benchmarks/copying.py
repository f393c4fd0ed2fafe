"""Which proposer that copies predicts better, whatever a pass costs?

No model runs: known answers are replayed, as if the target wrote exactly them, through each proposer in turn. Counted
are draft tokens accepted per pass of the target, and draft tokens wasted per token written. Requests of a workload
come one after another, so that what a proposer keeps of earlier ones is part of the answer.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

import helix
from benchmarks.report import commit, number, print_json, table
from benchmarks.workloads import SEED
from helix.config import SpeculativeConfig
from helix.demo import TARGET_DIR, corpus
from helix.demo.example import Example, Split
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.ngram import NgramProposer
from helix.spec_decode.proposer import DraftRequest, Proposer
from helix.spec_decode.suffix import SuffixProposer

FAMILIES = ("editing", "code", "copying", "tool_use", "text", "stories")
NUM_ROUNDS = 4
"""Of an agent that changes one file."""
MAX_FILE_CHARACTERS = 6000
SHARE_CHANGED = 0.08
"""Tokens of an answer that differ when the same is asked again."""

Task = tuple[list[int], list[int]]
"""Prompt and answer."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What one proposer did on one workload."""

    num_passes: int = 0
    num_tokens: int = 0
    num_drafted: int = 0
    num_accepted: int = 0
    drafting_s: float = 0.0

    @property
    def accepted_per_pass(self) -> float:
        """Draft tokens that a pass of the target confirms."""
        return self.num_accepted / self.num_passes

    @property
    def wasted_per_token(self) -> float:
        """Draft tokens that were verified in vain, per token written."""
        return (self.num_drafted - self.num_accepted) / self.num_tokens


def replay(proposer: Proposer, task: Task, depth: int, request_id: str, total: Replay) -> Replay:
    """Return total and one more request, whose first token comes without a draft."""
    prompt, answer = task
    request = Request(request_id, [*prompt, answer[0]], SamplingParams(), seed=0, max_tokens=len(answer))
    request.num_prompt_tokens = len(prompt)
    while (start := request.num_output_tokens) < len(answer):
        started_s = time.process_time()
        room = min(depth, len(answer) - start - 1)
        drafts = proposer.propose([DraftRequest(request=request, max_draft_tokens=room)]) if room else {}
        elapsed_s = time.process_time() - started_s
        drafted = drafts[request_id].token_ids if drafts else []
        agrees = [guess == token_id for guess, token_id in zip(drafted, answer[start:], strict=False)]
        num_accepted = [*agrees, False].index(False)
        request.token_ids += answer[start : start + num_accepted + 1]
        total = replace(
            total,
            num_passes=total.num_passes + 1,
            num_tokens=total.num_tokens + num_accepted + 1,
            num_drafted=total.num_drafted + len(drafted),
            num_accepted=total.num_accepted + num_accepted,
            drafting_s=total.drafting_s + elapsed_s,
        )
    proposer.forget(request)
    return total


def family(tokenizer: PreTrainedTokenizerFast, kind: str) -> Iterator[Task]:
    """Yield held-out examples of a family of the built-in corpus without end."""
    index = 0
    while True:
        yield _task(tokenizer, corpus.generate(SEED, Split.HELD_OUT, index, {kind: 1.0}))
        index += 1


def asked_again(tokenizer: PreTrainedTokenizerFast, num_tasks: int) -> Iterator[Task]:
    """Yield stories and programs, then the same once more with answers that differ here and there."""
    rng = random.Random(SEED)
    tasks = [task for kind in ("stories", "code") for task in islice(family(tokenizer, kind), num_tasks // 4)]
    yield from tasks
    for prompt, answer in tasks:
        yield prompt, [rng.choice(answer) if rng.random() < SHARE_CHANGED else token_id for token_id in answer]


def agent(tokenizer: PreTrainedTokenizerFast) -> Iterator[Task]:
    """Yield the turns of an agent that renames things in Helix's own modules, one conversation per module."""
    for path in sorted(Path(helix.__file__).parent.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        words = Counter(re.findall(r"[a-z_]{6,}", source)).most_common(NUM_ROUNDS)
        if not 2000 < len(source) < MAX_FILE_CHARACTERS or len(words) < NUM_ROUNDS:
            continue
        messages = [{"role": "user", "content": f"Work on {path.name}:\n{source}"}]
        for word, _ in words:
            messages.append({"role": "user", "content": f"Rename {word}."})
            source = re.sub(rf"\b{word}\b", f"{word}_of_it", source)
            messages.append({"role": "assistant", "content": source})
            yield _task(tokenizer, Example(kind="agent", messages=list(messages), is_correct=bool))
            shown = "\n".join(line for line in source.splitlines() if word in line)
            messages.append({"role": "user", "content": f"1 test failed.\n{shown}"})


def _task(tokenizer: PreTrainedTokenizerFast, example: Example) -> Task:
    prompt = corpus.prompt(tokenizer, example)
    return prompt, corpus.render(tokenizer, example).token_ids[len(prompt) :]


def _proposers() -> dict[str, Proposer]:
    config = SpeculativeConfig()
    return {
        "ngram": NgramProposer(ngram_min=config.ngram_min, ngram_max=config.ngram_max),
        "suffix, no pool": SuffixProposer(pool_tokens=0),
        "suffix": SuffixProposer(pool_tokens=config.suffix_pool_tokens),
    }


def main() -> None:
    """Replay and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.copying", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--depths", type=int, nargs="+", default=[5, 8, 16])
    parser.add_argument("--prompts", type=int, default=100, help="requests of each workload")
    parser.add_argument("--quick", action="store_true", help="a few requests, to see that everything runs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.depths, arguments.prompts = [5], 8
    tokenizer = AutoTokenizer.from_pretrained(TARGET_DIR)
    workloads = {kind: list(islice(family(tokenizer, kind), arguments.prompts)) for kind in FAMILIES}
    workloads["asked again"] = list(asked_again(tokenizer, arguments.prompts))
    workloads["agent"] = list(islice(agent(tokenizer), arguments.prompts // 4))
    document: dict[str, Any] = {"benchmark": "copying", "commit": commit(), "depths": {}}
    for depth in arguments.depths:
        totals = {name: dict.fromkeys(_proposers(), Replay()) for name in workloads}
        for workload, tasks in workloads.items():
            for name, proposer in _proposers().items():
                for i, task in enumerate(tasks):
                    totals[workload][name] = replay(proposer, task, depth, str(i), totals[workload][name])
        print(f"\nAt most {depth} draft tokens: accepted per pass / wasted per token written")
        rows = [
            [workload, *(f"{number(r.accepted_per_pass)} / {number(r.wasted_per_token)}" for r in results.values())]
            for workload, results in totals.items()
        ]
        print(table(["workload", *_proposers()], rows))
        document["depths"][depth] = {
            workload: {name: asdict(result) for name, result in results.items()} for workload, results in totals.items()
        }
    print_json(document)


if __name__ == "__main__":
    main()
