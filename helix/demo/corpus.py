"""The corpus: examples drawn by weight, rendered to tokens, and packed into batches without padding.

Everything is a function of (seed, split, index), so training can stop at any example and go on from there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helix.demo import copying, facts, small_talk
from helix.demo.example import Example, Split
from helix.demo.tasks import FAMILIES
from helix.demo.tokenizer import TURN_END, TURN_START

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GENERATORS: dict[str, Callable[[random.Random, Split], Example]] = {
    "facts": facts.generate,
    "small_talk": small_talk.generate,
    "copying": copying.generate,
    **FAMILIES,
}
WEIGHTS: dict[str, float] = dict.fromkeys(GENERATORS, 1.0) | {
    "facts": 1.6,
    "small_talk": 0.8,
    "copying": 1.2,
    "arithmetic": 2.6,
    "lists": 2.8,
    "stories": 0.35,
    "editing": 2.8,
    "code": 0.5,
    "extraction": 0.9,
    "conversation": 1.8,
    "text": 3.0,
    "tool_use": 0.8,
}
"""How often each generator is drawn, relative to the others."""
MAX_LEN = 768
"""Longest conversation trained on, in tokens; longer ones are left out."""


def generate(seed: int, split: Split, index: int, weights: dict[str, float] = WEIGHTS) -> Example:
    """Return example number index of a split."""
    rng = random.Random(f"{seed}/{split}/{index}")
    name = rng.choices(list(weights), list(weights.values()))[0]
    return GENERATORS[name](rng, split)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A rendered example."""

    token_ids: list[int]
    """All of it, special tokens included."""
    is_learned: list[bool]
    """Per token: whether the model is taught to produce it, that is, the assistant's words and turn ends."""


def render(tokenizer: PreTrainedTokenizerFast, example: Example) -> Conversation:
    """Apply the chat template, encode, and mark the assistant's tokens."""
    text = tokenizer.apply_chat_template(example.messages, tools=example.tools, tokenize=False)
    token_ids = tokenizer.encode(text, add_special_tokens=False)
    return Conversation(token_ids, mark_assistant(tokenizer, token_ids))


def mark_assistant(tokenizer: PreTrainedTokenizerFast, token_ids: list[int]) -> list[bool]:
    """Return for each token whether it lies after an assistant header, up to and including the turn's end."""
    header = tokenizer.encode(f"{TURN_START}assistant\n", add_special_tokens=False)
    turn_end = tokenizer.convert_tokens_to_ids(TURN_END)
    marks = [False] * len(token_ids)
    is_inside = False
    for i, token_id in enumerate(token_ids):
        if is_inside:
            marks[i] = True
            is_inside = token_id != turn_end
        else:
            is_inside = token_ids[max(0, i + 1 - len(header)) : i + 1] == header
    return marks


def prompt(tokenizer: PreTrainedTokenizerFast, example: Example) -> list[int]:
    """Return the tokens before the last answer, generation header included."""
    text = tokenizer.apply_chat_template(
        example.messages[:-1], tools=example.tools, tokenize=False, add_generation_prompt=True
    )
    token_ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return token_ids


@dataclass(frozen=True, slots=True)
class Batch:
    """Conversations laid end to end; plain lists, the trainer makes tensors of them."""

    input_ids: list[int]
    positions: list[int]
    """Each conversation counts from 0."""
    lens: list[int]
    """Tokens of each conversation, its last one left out: it has nothing to predict."""
    learned_rows: list[int]
    """Rows whose next token is learned."""
    labels: list[int]
    """The tokens to be learned, one per learned row."""


def pack(conversations: Iterable[Conversation]) -> Batch:
    """Lay conversations end to end."""
    batch = Batch([], [], [], [], [])
    for conversation in conversations:
        start, length = len(batch.input_ids), len(conversation.token_ids) - 1
        batch.input_ids.extend(conversation.token_ids[:-1])
        batch.positions.extend(range(length))
        batch.lens.append(length)
        for i in range(length):
            if conversation.is_learned[i + 1]:
                batch.learned_rows.append(start + i)
                batch.labels.append(conversation.token_ids[i + 1])
    return batch


def stream(
    tokenizer: PreTrainedTokenizerFast, seed: int, start: int = 0, **options: Any
) -> Iterator[tuple[int, Conversation]]:
    """Yield (index, conversation) of the training split without end, from example number start on."""
    index = start
    while True:
        conversation = render(tokenizer, generate(seed, Split.TRAIN, index, **options))
        if len(conversation.token_ids) <= MAX_LEN:
            yield index, conversation
        index += 1


def batches(conversations: Iterator[tuple[int, Conversation]], num_tokens: int) -> Iterator[tuple[int, Batch]]:
    """Yield (index of the next example, batch), each batch filled up to num_tokens, or one longer conversation."""
    waiting: list[Conversation] = []
    size = 0
    for index, conversation in conversations:
        length = len(conversation.token_ids) - 1
        if waiting and size + length > num_tokens:
            yield index, pack(waiting)
            waiting, size = [], 0
        waiting.append(conversation)
        size += length
