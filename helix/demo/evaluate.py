"""Score the built-in models on examples they have never seen: `python -m helix.demo.evaluate`.

Every example comes from the held-out split. The target answers greedily; the generator's own check says whether the
answer is right. The draft and the head are scored along the target's answers: how often their most likely token is the
target's.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from helix.demo import DRAFT_DIR, TARGET_DIR, corpus
from helix.demo.example import Example, Split
from helix.demo.head import Head, load_head
from helix.demo.network import TARGET

NUM_SPECULATIVE_TOKENS = 4
BATCH_SIZE = 32


@dataclass(slots=True)
class Score:
    """What was counted for one kind of task."""

    num_examples: int = 0
    num_correct: int = 0
    num_tokens: int = 0
    """Tokens the target generated, turn ends included."""
    num_agreed: int = 0
    """Of them, how many the draft puts first as well."""
    num_drafted: int = 0
    num_accepted: int = 0
    """Drafted and accepted when drafting NUM_SPECULATIVE_TOKENS ahead."""
    num_head_drafted: int = 0
    num_head_accepted: int = 0
    """The same with the head."""
    failures: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Add the counts of another kind."""
        self.num_examples += other.num_examples
        self.num_correct += other.num_correct
        self.num_tokens += other.num_tokens
        self.num_agreed += other.num_agreed
        self.num_drafted += other.num_drafted
        self.num_accepted += other.num_accepted
        self.num_head_drafted += other.num_head_drafted
        self.num_head_accepted += other.num_head_accepted


def held_out_examples(per_kind: int, seed: int, only: list[str] | None = None) -> list[Example]:
    """Return up to per_kind examples of every kind, no prompt twice."""
    by_kind: dict[str, dict[str, Example]] = defaultdict(dict)
    for name, generate in corpus.GENERATORS.items():
        if only and name not in only:
            continue
        rng = random.Random(f"{seed}/{name}")
        for _ in range(per_kind * 40):
            example = generate(rng, Split.HELD_OUT)
            examples = by_kind[example.kind]
            if len(examples) < per_kind:
                examples.setdefault(repr(example.messages[:-1]), example)
    return [example for kind in sorted(by_kind) for example in by_kind[kind].values()]


@torch.inference_mode()
def answer(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> Iterator[tuple[Example, list[int], list[int]]]:
    """Yield (example, prompt ids, answer ids) with greedy answers, in order of prompt length."""
    prompts = [(corpus.prompt(tokenizer, example), example) for example in examples]
    prompts.sort(key=lambda pair: len(pair[0]))
    stops = set(model.generation_config.eos_token_id)
    progress = tqdm(total=len(prompts), desc="answers")
    for start in range(0, len(prompts), BATCH_SIZE):
        batch = prompts[start : start + BATCH_SIZE]
        longest = max(len(ids) for ids, _ in batch)
        input_ids = torch.full((len(batch), longest), tokenizer.pad_token_id)
        attention_mask = torch.zeros_like(input_ids)
        for row, (ids, _) in enumerate(batch):
            input_ids[row, longest - len(ids) :] = torch.tensor(ids)
            attention_mask[row, longest - len(ids) :] = 1
        limit = 16 + max(len(corpus.render(tokenizer, example).token_ids) - len(ids) for ids, example in batch)
        generated = model.generate(
            input_ids=input_ids, attention_mask=attention_mask, max_new_tokens=limit, do_sample=False
        )
        for (ids, example), row in zip(batch, generated[:, longest:].tolist(), strict=True):
            end = next((i + 1 for i, token_id in enumerate(row) if token_id in stops), len(row))
            yield example, ids, row[:end]
        progress.update(len(batch))


@torch.inference_mode()
def agreement(draft: LlamaForCausalLM, prompt_ids: list[int], answer_ids: list[int]) -> list[bool]:
    """Return for each token of the target's answer whether the draft's most likely token is the same."""
    input_ids = torch.tensor([prompt_ids + answer_ids[:-1]])
    logits: Tensor = draft(input_ids, logits_to_keep=len(answer_ids)).logits
    return [a == b for a, b in zip(logits[0].argmax(-1).tolist(), answer_ids, strict=True)]


@torch.inference_mode()
def head_agreement(
    target: LlamaForCausalLM, head: Head, prompt_ids: list[int], answer_ids: list[int], depth: int
) -> list[list[bool]]:
    """Return the same for a head by depth; a token that a depth cannot reach from the prompt counts as missed."""
    input_ids = torch.tensor([prompt_ids + answer_ids[:-1]])
    positions = torch.arange(input_ids.shape[1])
    rows = positions[len(prompt_ids) - 1 :]
    states = target.model(input_ids).last_hidden_state[0]
    embeddings = target.get_input_embeddings()(input_ids)[0]
    labels = torch.tensor(answer_ids)
    agreed = []
    for reached, found in head(embeddings, states, positions, [len(positions)], rows, depth):
        is_agreed = torch.zeros(len(labels), dtype=torch.bool)
        is_agreed[reached] = target.lm_head(found).argmax(-1) == labels[reached]
        agreed.append(is_agreed.tolist())
    return agreed + [[False] * len(answer_ids)] * (depth - len(agreed))


def speculate(agreed: list[list[bool]]) -> tuple[int, int]:
    """Return (drafted, accepted) for greedy speculation along an answer, as deep as there are depths.

    Each step drafts up to that many tokens, keeps those before the first disagreement, and gets one token of the
    target. An accepted prefix is the target's own text, so the agreement along that text, by depth, decides everything.
    """
    num_tokens = len(agreed[0])
    drafted = accepted = position = 0
    while position < num_tokens - 1:
        window = [at_depth[position + i] for i, at_depth in enumerate(agreed) if position + i < num_tokens - 1]
        run = window.index(False) if False in window else len(window)
        drafted, accepted = drafted + len(window), accepted + run
        position += run + 1
    return drafted, accepted


def evaluate(
    target: LlamaForCausalLM,
    draft: LlamaForCausalLM | None,
    head: Head | None,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[Example],
) -> dict[str, Score]:
    """Return the scores by kind, with "all" at the end."""
    scores: dict[str, Score] = defaultdict(Score)
    for example, prompt_ids, answer_ids in answer(target, tokenizer, examples):
        text = tokenizer.decode(answer_ids, skip_special_tokens=True)
        score = scores[example.kind]
        score.num_examples += 1
        score.num_tokens += len(answer_ids)
        if example.is_correct(text):
            score.num_correct += 1
        else:
            score.failures.append(f"{example.messages[-2].get('content')!r} -> {text!r}, not {example.messages[-1]}")
        if draft is not None:
            agreed = agreement(draft, prompt_ids, answer_ids)
            drafted, accepted = speculate([agreed] * NUM_SPECULATIVE_TOKENS)
            score.num_agreed += sum(agreed)
            score.num_drafted += drafted
            score.num_accepted += accepted
        if head is not None:
            drafted, accepted = speculate(head_agreement(target, head, prompt_ids, answer_ids, NUM_SPECULATIVE_TOKENS))
            score.num_head_drafted += drafted
            score.num_head_accepted += accepted
    total = Score()
    for score in scores.values():
        total.add(score)
    return dict(sorted(scores.items())) | {"all": total}


def markdown(scores: dict[str, Score]) -> str:
    """Return the table of helix/demo/README.md."""
    lines = [
        f"| kind | prompts | right | answer tokens | draft agrees | accepted of {NUM_SPECULATIVE_TOKENS} ahead "
        "| of the head's |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, score in scores.items():
        lines.append(
            f"| {kind} | {score.num_examples} | {share(score.num_correct, score.num_examples)} | {score.num_tokens} "
            f"| {share(score.num_agreed, score.num_tokens)} | {share(score.num_accepted, score.num_drafted)} "
            f"| {share(score.num_head_accepted, score.num_head_drafted)} |"
        )
    return "\n".join(lines)


def share(part: int, whole: int) -> str:
    """Return a percentage without decimals, or a dash of nothing."""
    return f"{part / whole:.0%}" if whole else "-"


def main() -> None:
    """Score the models named on the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m helix.demo.evaluate", description=__doc__)
    parser.add_argument("--target", type=Path, default=TARGET_DIR, help="folder of the target")
    parser.add_argument("--draft", type=Path, default=DRAFT_DIR, help="folder of the draft; skipped if missing")
    parser.add_argument("--per-kind", type=int, default=60, help="examples of each kind")
    parser.add_argument("--only", nargs="*", help="generators to score, if not all")
    parser.add_argument("--seed", type=int, default=7, help="of the examples")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--failures", type=int, default=0, help="wrong answers to show for each kind")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.target)
    target = AutoModelForCausalLM.from_pretrained(arguments.target, dtype=torch.float32)
    draft = None
    if arguments.draft.exists():
        draft = AutoModelForCausalLM.from_pretrained(arguments.draft, dtype=torch.float32)
    examples = held_out_examples(arguments.per_kind, arguments.seed, arguments.only)
    scores = evaluate(target, draft, load_head(arguments.target, TARGET), tokenizer, examples)
    for kind, score in scores.items():
        for failure in score.failures[: arguments.failures]:
            print(f"{kind}: {failure}")
    print(markdown(scores))


if __name__ == "__main__":
    main()
