"""Greetings, moods, jokes, names and honest shrugs: the talk that is not about facts.

What is said and answered lies in small_talk.toml. Where several answers fit, any of them is right.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from helix.demo.example import Example, Message, Split, exactly
from helix.demo.invention import invent_name

_SYSTEM_MESSAGES = (
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are helix-demo, a small and friendly model.",
    "Be polite and clear.",
    "You are a helpful and honest assistant.",
    "Answer in one sentence.",
    "Be brief.",
    "Help the user.",
)


def generate(rng: random.Random, split: Split) -> Example:
    """Return a conversation of one to four turns of small talk, drawn from rng.

    HELD_OUT examples use phrasings ("phrasing") or names of users ("values") that no TRAIN example uses.
    """
    chance = rng.random()
    if chance < 0.22:
        messages, answers, held_out = _about_the_name(rng, split)
    elif chance < 0.37:
        messages, answers, held_out = _joke(rng, split)
    elif chance < 0.45:
        messages, answers, held_out = _unknown(rng, split)
    else:
        messages, answers, held_out = _topic(rng, split)
        if chance > 0.9:
            second, answers, held_out = _topic(rng, split)
            messages += second
    if rng.random() < 0.25:
        messages.insert(0, {"role": "system", "content": rng.choice(_SYSTEM_MESSAGES)})
    return Example(
        kind="small_talk",
        messages=messages,
        is_correct=_one_of(answers),
        held_out=held_out if split is Split.HELD_OUT else "",
    )


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads((files("helix.demo") / "small_talk.toml").read_text(encoding="utf-8"))


_Part = tuple[list[Message], Sequence[str], str]
"""Messages, the answers that fit their last question, and what a held-out example holds out."""


def _topic(rng: random.Random, split: Split) -> _Part:
    topic = rng.choice(_tables()["topic"])
    said = rng.choice(topic["ask" if split is Split.TRAIN else "held_out"])
    answers = topic.get("answers") or [topic["answer"]]
    return _turn(_casual(rng, said), rng.choice(answers)), answers, "phrasing"


def _joke(rng: random.Random, split: Split) -> _Part:
    tables = _tables()
    phrasings = tables["jokes"] if split is Split.TRAIN else tables["jokes"]["held_out"]
    joke = rng.choice(tables["joke"])
    if rng.random() < 0.25:
        said = rng.choice(phrasings["plain"])
        return _turn(_casual(rng, said), joke["text"]), [one["text"] for one in tables["joke"]], "phrasing"
    said = rng.choice(phrasings["about"]).format(topic=rng.choice(joke["topics"]))
    return _turn(_casual(rng, said), joke["text"]), [joke["text"]], "phrasing"


def _unknown(rng: random.Random, split: Split) -> _Part:
    table = _tables()["unknown"]
    said = rng.choice(table["ask" if split is Split.TRAIN else "held_out"])
    return _turn(_casual(rng, said), table["answer"]), [table["answer"]], "phrasing"


def _about_the_name(rng: random.Random, split: Split) -> _Part:
    """Let the user give a name, talk of other things or not, and ask for it; without a name, say so."""
    table = _tables()["names"]
    ask = _casual(rng, rng.choice(table["ask"]))
    if split is Split.TRAIN and rng.random() < 0.1:
        answer = "You have not told me your name yet."
        return _turn(ask, answer), [answer], "values"
    name = rng.choice(table[split.value])
    if split is Split.TRAIN and rng.random() < 0.4:
        name = invent_name(rng)
    answer = f"Nice to meet you, {name}!"
    messages = _turn(rng.choice(table["tell"]).format(name=name), answer)
    if rng.random() < 0.75:
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            messages += _topic(rng, Split.TRAIN)[0]
        answer = f"Your name is {name}."
        messages += _turn(ask, answer)
    return messages, [answer], "values"


def _turn(question: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _one_of(answers: Sequence[str]) -> Callable[[str], bool]:
    checks = [exactly(answer) for answer in answers]
    return lambda text: any(check(text) for check in checks)


def _casual(rng: random.Random, text: str) -> str:
    """Return text, now and then greeted, in lower case or without its last stop."""
    if len(text.split()) > 2 and not text.startswith(("Hi", "Hello", "Good", "good", "Bye")) and rng.random() < 0.1:
        text = rng.choice(("Hi! ", "Hello! ", "Hey! ")) + text
    if rng.random() < 0.15:
        text = text.lower()
    if len(text) > 3 and rng.random() < 0.15:
        text = text.rstrip(".?!") or text
    return text
