"""Text in which every draft is wrong: word salad that the draft model cannot guess and copying cannot find.

It is made for the two models at hand, from what they say about 192 random words:

- Only two sets of words may be drawn (logit_bias). The target finds the first set much likelier than its draft does,
  the second much less likely; the bias is set half way, so the target says a word of the first set wherever its draft
  says one of the second. Noise that both share cannot make them agree.
- Within its set the target finds all words about equally likely (logit_bias again), draws them warm, and likes each
  less once it came, and the less the more often (presence_penalty, frequency_penalty). In the prompt every word of the
  set stands before one that may not be said. So copying finds a match at nearly every step, drafts what stood behind
  it, and is wrong.

That holds where the acceptance of each is under 5%, which the benchmark measures and counts among its claims. Seeds are
fixed, so every arm must give the tokens of plain decoding.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.workloads import SEED, Prompt
from helix import LLMEngine
from helix.model.batch import Span
from helix.model.runner import ModelRunner

NUM_WORDS = 64
"""Words of each set; a prompt has twice as many."""
TEMPERATURE = 1.5
PENALTY = 2.0
_SAMPLE_LEN = 192
_NUM_SKIPPED = 32
"""First positions, where the models have too little to go by."""
_NUM_ROUNDS = 3
"""The words looked at are drawn anew from the set found, since that is what the text will consist of."""
_LEVEL = 60.0
"""Logit of an allowed word; the others stay around 0 and are never drawn."""


def draw_word_salad(engine: LLMEngine, num_prompts: int, *, seed: int = SEED) -> list[Prompt]:
    """Return prompts of words, each with the bias, penalty and seed under which the text stays salad.

    Raises:
        ValueError: The vocabulary has too few whole words.
    """
    words = _words(engine)
    if len(words) < 4 * NUM_WORDS:
        raise ValueError(f"word salad takes {4 * NUM_WORDS} words, the vocabulary has {len(words)}")
    said, unsaid, levels = _opposed_words(engine, words)
    # Half way between the two models' opinions; without a draft there is only one opinion, and one set.
    bias = {words[i]: _LEVEL - levels[i] for i in (*said, *unsaid)}
    others = sorted(set(range(len(words))) - {*said, *unsaid})
    prompts = []
    for number in range(num_prompts):
        rng = random.Random(f"{seed}/adversarial/{number}")
        sampling = {
            "temperature": TEMPERATURE,
            "frequency_penalty": PENALTY,
            "presence_penalty": PENALTY,
            "logit_bias": bias,
            "seed": seed - SEED + number,
            "ignore_eos": True,
        }
        pairs = zip(rng.sample(said, len(said)), rng.sample(others, len(said)), strict=True)
        token_ids = tuple(words[i] for pair in pairs for i in pair)
        prompts.append(Prompt(token_ids, lambda _: True, sampling=sampling))
    return prompts


def _words(engine: LLMEngine) -> list[int]:
    """Return the tokens that are a word with a space before it."""
    texts = {i: engine.tokenizer.token_text(i) for i in range(engine.tokenizer.vocab_size)}
    return [i for i, text in texts.items() if len(text) > 3 and text[0] == " " and text[1:].isalpha()]


def _opposed_words(engine: LLMEngine, words: Sequence[int]) -> tuple[list[int], list[int], list[float]]:
    """Return the places in words of the two sets, and for every word the logit at which the models stand opposed."""
    rng = random.Random(f"{SEED}/adversarial")
    target, draft = engine.worker.target, engine.worker.draft
    said = list(range(len(words)))
    for _ in range(_NUM_ROUNDS):
        token_ids = [words[rng.choice(said)] for _ in range(_SAMPLE_LEN)]
        opinion = _opinion(engine, target, token_ids, words)
        if draft is None:
            return rng.sample(range(len(words)), NUM_WORDS), [], opinion.mean(0).tolist()
        difference = opinion - _opinion(engine, draft, token_ids, words)
        mean, doubt = difference.mean(0), difference.std(0) / 2
        said = (mean - doubt).topk(NUM_WORDS).indices.tolist()
        unsaid = (-mean - doubt).topk(NUM_WORDS).indices.tolist()
    levels = opinion.mean(0)
    gap = float(mean[said].mean() - mean[unsaid].mean())
    levels[unsaid] += gap / 2
    return said, unsaid, levels.tolist()


def _opinion(engine: LLMEngine, runner: ModelRunner, token_ids: list[int], words: Sequence[int]) -> Tensor:
    """Return a model's logits of the words along a text, each row with mean 0: [positions, words] float32."""
    block_table: list[int] = []
    if not engine.block_manager.allocate(block_table, len(token_ids)):
        raise RuntimeError(f"{len(token_ids)} tokens do not fit the KV cache")
    try:
        logits = runner.forward([Span(block_table, 0, token_ids, len(token_ids))])
    finally:
        engine.block_manager.free(block_table)
    chosen = logits[_NUM_SKIPPED:, torch.tensor(words, device=logits.device)].float().cpu()
    return chosen - chosen.mean(1, keepdim=True)
