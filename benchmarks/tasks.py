"""The eight tasks that speculation is measured on: fixed texts of the built-in corpus, held-out split.

The built-in model knows a small world, so each task is written in that world: what a real model does with it, this one
does too. The texts are a function of a seed, SEED unless told; random token ids are nowhere among them.
`benchmarks.adversarial` draws the eighth task, because its texts depend on the models.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.adversarial import draw_word_salad
from benchmarks.workloads import SEED, Prompt
from helix import LLMEngine, Tokenizer
from helix.demo import copying, facts, small_talk
from helix.demo.example import Example, Split, exactly
from helix.demo.tasks import FAMILIES, editing, extraction, texts
from helix.demo.tasks.draw import Draw


@dataclass(frozen=True, slots=True)
class Question:
    """An example of the corpus, and what its caller adds to it."""

    example: Example
    prediction: str = ""
    json_schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the table."""

    title: str
    methods: tuple[str, ...]
    """Those whose fixed depths are tried: the ones that may be best here."""
    draw: Callable[[random.Random], Question] | None
    """None: draw_word_salad draws it."""
    min_answer_len: int = 24
    """Tokens of the reference answer; in a shorter one there is no decoding to measure."""
    max_tokens: int = 64


def chat(rng: random.Random) -> Question:
    """Small talk, or a story."""
    draw = rng.choice((small_talk.generate, FAMILIES["stories"]))
    return Question(draw(rng, Split.HELD_OUT))


def question(rng: random.Random) -> Question:
    """Ask for a fact."""
    return Question(facts.generate(rng, Split.HELD_OUT))


def summary(rng: random.Random) -> Question:
    """Ask for a text without one of its sentences: the summaries of this world are made by leaving out."""
    return Question(editing.remove_sentence(_held_out(rng, "editing")))


def rewriting(rng: random.Random) -> Question:
    """Ask for the same words in another form: numbered, spelt right, one replaced, or as another sort of list."""
    task = rng.choice((editing.number_lines, editing.fix_spelling, editing.replace, None))
    if task is not None:
        return Question(task(_held_out(rng, "editing")))
    while True:
        example = copying.generate(rng, Split.HELD_OUT)
        asked, answer = (message["content"] for message in example.messages)
        if answer not in asked:
            return Question(example)


def code_editing(rng: random.Random) -> Question:
    """Ask for a name to be changed in code; the prediction is the code as it was."""
    example = editing.rename(_held_out(rng, "editing"))
    found = re.search(r"```python\n.*?\n```", example.messages[-2]["content"], re.DOTALL)
    assert found is not None, "code is shown in a fence"
    return Question(example, prediction=found[0])


NUM_TURNS = 3


def agent_loop(rng: random.Random) -> Question:
    """Three turns, in each of which the same tool output comes in and is stated again; the last one is measured.

    The output stands in the user's turn, because there the built-in model restates it.
    """
    draw = _held_out(rng, "editing")
    output = draw.value(lambda: texts.text(draw.rng, 5, 5)[0])
    turns: list[str] = []
    for _ in range(NUM_TURNS):
        turns += [f"{draw.say(editing.PHRASINGS['repeat'])}\n{output}", output]
    return Question(draw.dialogue(turns, exactly(output)))


def json_extraction(rng: random.Random) -> Question:
    """Ask for the fields of a sentence as JSON under a schema."""
    example = extraction.extract(_held_out(rng, "extraction"))
    return Question(example, json_schema=schema_of(json.loads(example.messages[-1]["content"])))


def schema_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of records with these fields in this order and no other."""
    kinds = {str: {"type": "string"}, int: {"type": "integer"}, list: {"type": "array", "items": {"type": "string"}}}
    return {
        "type": "object",
        "properties": {name: kinds[type(value)] for name, value in record.items()},
        "required": list(record),
        "additionalProperties": False,
    }


COPYING = ("ngram", "suffix")
TASKS = {
    "chat": Task("chat", ("draft",), chat, 16),
    "questions": Task("question answering", ("draft",), question),
    "summaries": Task("summarising", ("draft", *COPYING), summary),
    "rewriting": Task("rewriting", ("draft", *COPYING), rewriting),
    "code-editing": Task("code editing, predicted", ("predicted", *COPYING), code_editing, 48, 96),
    "agent-loops": Task("agent loops", ("draft", *COPYING), agent_loop, 32),
    "json": Task("JSON with schema", ("draft", "grammar"), json_extraction, 20),
    "adversarial": Task("adversarial", ("draft", *COPYING), None, max_tokens=48),
}


def draw_task(name: str, engine: LLMEngine, num_prompts: int, *, seed: int = SEED) -> list[Prompt]:
    """Return the first num_prompts different prompts of a task; more of them begin with the same ones."""
    if TASKS[name].draw is None:
        return draw_word_salad(engine, num_prompts, seed=seed)
    return draw_questions(name, engine.tokenizer, num_prompts, seed=seed)


def draw_questions(name: str, tokenizer: Tokenizer, num_prompts: int, *, seed: int = SEED) -> list[Prompt]:
    """Return the first num_prompts different prompts of a task of the corpus."""
    task = TASKS[name]
    assert task.draw is not None, "a task of the corpus"
    rng = random.Random(f"{seed}/{name}")
    prompts: dict[tuple[int, ...], Prompt] = {}
    while len(prompts) < num_prompts:
        asked = task.draw(rng)
        messages = asked.example.messages
        if len(tokenizer.encode(messages[-1].get("content") or "")) < task.min_answer_len:
            continue
        token_ids = tuple(tokenizer.apply_chat_template(messages[:-1], tools=asked.example.tools))
        prediction = tuple(tokenizer.encode(asked.prediction, add_special_tokens=False)) if asked.prediction else ()
        prompt = Prompt(token_ids, asked.example.is_correct, prediction, asked.json_schema)
        prompts.setdefault(token_ids, prompt)
    return list(prompts.values())


def _held_out(rng: random.Random, kind: str) -> Draw:
    return Draw(rng, kind, rng.choice(("phrasing", "values")))
