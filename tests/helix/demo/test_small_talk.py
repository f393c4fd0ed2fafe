"""What the small talk of the demo corpus promises to a model that learns it."""

from __future__ import annotations

import random
import re
import tomllib
from collections import Counter
from importlib.resources import files

import pytest

from helix.demo import small_talk
from helix.demo.example import Example, Split

TABLES = tomllib.loads((files("helix.demo") / "small_talk.toml").read_text(encoding="utf-8"))


def test_every_topic_has_phrasings_for_both_splits_and_an_answer() -> None:
    for topic in TABLES["topic"]:
        assert len(topic["ask"]) >= 4, topic["name"]
        assert len(topic["held_out"]) >= 2, topic["name"]
        assert topic.get("answer") or topic.get("answers"), topic["name"]


def test_no_phrasing_belongs_to_two_topics_or_to_both_splits() -> None:
    train = [said for topic in TABLES["topic"] for said in {_plain(text) for text in topic["ask"]}]
    train += [_plain(text) for text in TABLES["unknown"]["ask"] + TABLES["jokes"]["plain"][2:]]
    assert [said for said, count in Counter(train).items() if count > 1] == []
    held_out = [_plain(said) for topic in TABLES["topic"] for said in topic["held_out"]]
    held_out += [_plain(text) for text in TABLES["unknown"]["held_out"] + TABLES["jokes"]["held_out"]["plain"]]
    assert set(train) & set(held_out) == set()


def test_no_name_belongs_to_both_splits() -> None:
    names = TABLES["names"]
    assert len(set(names["train"])) == len(names["train"]) >= 100
    assert not set(names["train"]) & set(names["held_out"])


def test_training_never_uses_a_held_out_phrasing_or_name() -> None:
    held_out = {_plain(said) for topic in TABLES["topic"] for said in topic["held_out"]}
    held_out |= {_plain(said) for said in TABLES["unknown"]["held_out"]}
    names = re.compile(rf"\b({'|'.join(TABLES['names']['held_out'])})\b", re.IGNORECASE)
    for example in _examples(Split.TRAIN, 5_000):
        assert example.held_out == ""
        for message in example.messages:
            assert not names.search(message["content"])
            if message["role"] == "user":
                said = _plain(message["content"])
                assert not {said, re.sub("^(hi|hello|hey)! ", "", said)} & held_out, message


def test_held_out_examples_say_what_is_held_out() -> None:
    assert {example.held_out for example in _examples(Split.HELD_OUT, 1_000)} == {"phrasing", "values"}


@pytest.mark.parametrize("split", Split)
def test_the_same_seed_gives_the_same_example(split: Split) -> None:
    assert [example.messages for example in _examples(split, 200)] == [
        example.messages for example in _examples(split, 200)
    ]


@pytest.mark.parametrize("split", Split)
def test_an_example_accepts_its_own_answer_but_not_any_text(split: Split) -> None:
    for example in _examples(split, 1_000):
        assert example.kind == "small_talk"
        assert example.is_correct(example.messages[-1]["content"])
        assert not example.is_correct("")
        assert not example.is_correct("The capital of France is Paris.")


def test_a_plain_wish_for_a_joke_accepts_every_joke_and_a_topic_only_its_own() -> None:
    """A model may choose among jokes, but not when the topic chooses."""
    jokes = [joke["text"] for joke in TABLES["joke"]]
    numbers = {
        sum(example.is_correct(joke) for joke in jokes)
        for example in _examples(Split.TRAIN, 2_000)
        if example.messages[-1]["content"] in jokes
    }
    assert numbers == {1, len(jokes)}


@pytest.mark.parametrize("split", Split)
def test_a_name_asked_for_is_the_name_that_was_told(split: Split) -> None:
    asked = [
        example for example in _examples(split, 1_000) if example.messages[-1]["content"].startswith("Your name is ")
    ]
    assert asked
    for example in asked:
        name = example.messages[-1]["content"].removeprefix("Your name is ").removesuffix(".")
        told = next(message["content"] for message in example.messages if message["role"] == "user")
        assert name in told


def _examples(split: Split, count: int) -> list[Example]:
    rng = random.Random(7)
    return [small_talk.generate(rng, split) for _ in range(count)]


def _plain(text: str) -> str:
    return text.lower().rstrip(".?!") or text
