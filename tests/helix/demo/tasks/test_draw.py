"""What holds for every family, and the draw they share."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

import pytest

from helix.demo.example import Example, Split
from helix.demo.tasks import FAMILIES
from helix.demo.tasks.draw import Draw, Phrasings, Pool, is_unseen, load_phrasings
from helix.demo.tasks.tool_use import rendered
from helix.demo.tasks.words import COMPANIES, NAMES, TOWNS

ROLES = {"system", "user", "assistant", "tool"}


@cache
def examples(family: str, split: Split, count: int) -> list[Example]:
    rng = random.Random(7)
    return [FAMILIES[family](rng, split) for _ in range(count)]


def questions(example: Example) -> str:
    return "\n".join(str(message["content"]) for message in example.messages[:-1] if message["role"] == "user")


def literal_parts(template: str) -> list[str]:
    return [part for part in re.split(r"\{.*?\}", template) if part.strip()]


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_example_accepts_its_own_answer_and_rejects_another(family: str, split: Split) -> None:
    for example in examples(family, split, 120):
        answer = rendered(example.messages[-1])
        assert example.is_correct(answer), example
        assert not example.is_correct(""), example
        assert not example.is_correct("<tool_call>\nnothing of the sort"), example


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_example_is_a_well_formed_conversation(family: str, split: Split) -> None:
    for example in examples(family, split, 120):
        roles = [message["role"] for message in example.messages]
        assert example.kind == family
        assert set(roles) <= ROLES
        assert "system" not in roles[1:]
        assert roles[-1] == "assistant"
        assert (example.held_out in ("values", "phrasing")) == (split is Split.HELD_OUT)
        assert all(message["content"] or message.get("tool_calls") for message in example.messages)
        assert "{" not in questions(example).replace("```json\n{", "") or family in ("editing", "code", "extraction")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_draws_the_same_examples(family: str) -> None:
    def view(example: Example) -> tuple[Any, ...]:
        return example.messages, example.tools, example.held_out

    for split in Split:
        first, second = random.Random(3), random.Random(3)
        for _ in range(50):
            assert view(FAMILIES[family](first, split)) == view(FAMILIES[family](second, split))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_held_out_question_is_ever_trained_on(family: str) -> None:
    def key(example: Example) -> str:
        return f"{questions(example)}\n{example.tools}".lower().rstrip(".?")

    trained = {key(example) for example in examples(family, Split.TRAIN, 3000)}
    assert not trained & {key(example) for example in examples(family, Split.HELD_OUT, 300)}


@pytest.mark.parametrize("family", FAMILIES)
def test_held_out_names_never_occur_in_training(family: str) -> None:
    held_out = {word for pool in (NAMES, TOWNS, COMPANIES) for word in pool.unseen}
    for example in examples(family, Split.TRAIN, 3000):
        words = set(re.findall(r"\w+", str(example.messages)))
        assert not words & held_out


def test_training_says_only_what_it_may_say() -> None:
    phrasings = Phrasings([f"Way {number} of {{word}}." for number in range(20)])
    assert len(phrasings.unseen) == 4
    draw, held_out_draw = Draw(random.Random(1), "kind", ""), Draw(random.Random(1), "kind", "phrasing")
    said = {draw.say(phrasings, word="x").lower().rstrip(".") for _ in range(500)}
    unsaid = {held_out_draw.say(phrasings, word="x").lower().rstrip(".") for _ in range(500)}
    assert not said & unsaid
    assert len({number for text in said for number in re.findall(r"\d+", text)}) == 16


@pytest.mark.parametrize("module", [*FAMILIES, "tools"])
def test_training_leaves_out_some_of_all_phrasings(module: str) -> None:
    for name, phrasings in load_phrasings(module).items():
        assert phrasings.seen and phrasings.unseen, name
        assert not set(phrasings.seen) & set(phrasings.unseen), name


def test_training_draws_only_values_that_are_not_held_out() -> None:
    for held_out in ("", "phrasing", "values"):
        draw = Draw(random.Random(1), "kind", held_out)
        values = [draw.value(lambda: draw.rng.randint(0, 999)) for _ in range(300)]  # noqa: B023
        assert all(is_unseen(value) == (held_out == "values") for value in values)


def test_a_basic_value_is_never_held_out() -> None:
    draw = Draw(random.Random(1), "kind", "values")
    assert all(draw.value(lambda: draw.rng.randint(0, 999), lambda value: value < 500) >= 500 for _ in range(100))


def test_words_of_a_pool_are_seen_or_unseen() -> None:
    pool = Pool(" ".join(f"word{number}" for number in range(60)))
    assert set(pool.seen) | set(pool.unseen) == set(pool.words)
    assert not set(pool.seen) & set(pool.unseen)
    training, held_out = Draw(random.Random(1), "kind", ""), Draw(random.Random(1), "kind", "values")
    assert all(training.word(pool) in pool.seen and held_out.word(pool) in pool.unseen for _ in range(100))
    assert len(set(held_out.words(pool, 30))) == 30


def test_even_a_small_pool_holds_out_a_word() -> None:
    assert Pool("a b").unseen
