"""What the facts of the demo corpus promise to a model that learns them."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from helix.demo import facts
from helix.demo.example import Example, Split


def test_there_are_enough_subjects_and_paragraphs() -> None:
    subjects = facts.subjects()
    assert len(subjects) >= 360
    assert sum(subject.long is not None for subject in subjects) >= 140
    assert sum(subject.field == "helix" for subject in subjects) >= 30


def test_every_subject_has_what_its_kind_needs() -> None:
    for subject in facts.subjects():
        assert subject.kind in (*facts.NAMED_KINDS, "clause"), subject
        assert all(subject.names), subject
        assert subject.kind != "clause" or (subject.word and subject.ask and subject.tell), subject
        assert re.fullmatch(r"[A-Z].*[.\w\]]", subject.short), subject
        assert 8 <= len(subject.short.split()) <= 30, subject.short


def test_a_paragraph_begins_with_the_sentence_and_goes_on() -> None:
    for subject in facts.subjects():
        if subject.long is not None:
            assert subject.long.startswith(subject.short + " "), subject
            assert 30 <= len(subject.long.split()) <= 80, subject.long


def test_no_two_subjects_share_a_name() -> None:
    """Two subjects of one name would make the answer depend on chance."""
    names = Counter(
        name.lower() for subject in facts.subjects() for name in {*subject.names} if subject.kind != "capital"
    )
    assert [name for name, count in names.items() if count > 1] == []
    capitals = Counter(name for subject in facts.subjects() for name in subject.names if subject.kind == "capital")
    assert max(capitals.values()) == 1


def test_no_two_subjects_share_a_paragraph() -> None:
    texts = Counter(subject.long or subject.short for subject in facts.subjects())
    assert max(texts.values()) == 1


@pytest.mark.parametrize("kind", [*facts.NAMED_KINDS, "clause"])
def test_each_kind_is_asked_for_in_many_ways(kind: str) -> None:
    train, held_out = (facts.phrasings(split)[kind] for split in Split)
    assert len(train["plain"]) + len(train["brief"]) >= 20
    assert len(train["detailed"]) >= 10
    for length, templates in held_out.items():
        assert templates, length
        assert not set(templates) & set(train[length])


def test_training_never_uses_a_held_out_phrasing() -> None:
    """A leak would turn the held-out rows of the evaluation table into training rows."""
    held_out = re.compile("|".join(_pattern(template) for template in _templates(Split.HELD_OUT)), re.IGNORECASE)
    rng = random.Random(1)
    for _ in range(5_000):
        for message in facts.generate(rng, Split.TRAIN).messages:
            if message["role"] != "assistant":
                assert not held_out.fullmatch(message["content"]), message


def test_held_out_examples_use_held_out_phrasings_only() -> None:
    train = {_pattern(template) for template in _templates(Split.TRAIN)}
    held_out = {_pattern(template) for template in _templates(Split.HELD_OUT)}
    assert not train & held_out
    rng = random.Random(2)
    examples = [facts.generate(rng, Split.HELD_OUT) for _ in range(500)]
    assert all(example.held_out == "phrasing" for example in examples)
    pattern = re.compile("|".join(held_out), re.IGNORECASE)
    matching = [any(pattern.fullmatch(message["content"]) for message in example.messages) for example in examples]
    assert sum(matching) > 0.8 * len(matching), "the rest has typos or a sentence behind the question"


@pytest.mark.parametrize("split", Split)
def test_the_same_seed_gives_the_same_example(split: Split) -> None:
    def draw() -> list[list[dict[str, object]]]:
        rng = random.Random(3)
        return [facts.generate(rng, split).messages for _ in range(200)]

    assert draw() == draw()


@pytest.mark.parametrize("split", Split)
def test_an_example_accepts_its_own_answer_and_no_other(split: Split) -> None:
    for example in _examples(split):
        answer = example.messages[-1]["content"]
        assert example.is_correct(answer)
        assert example.is_correct(f" {answer}\n")
        assert not example.is_correct(answer + " And more.")


@pytest.mark.parametrize("split", Split)
def test_the_last_message_is_an_answer_and_the_turns_alternate(split: Split) -> None:
    for example in _examples(split):
        roles = [message["role"] for message in example.messages]
        if roles[0] == "system":
            roles = roles[1:]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 1 <= len(roles) // 2 <= 3
        assert all(message["content"] and "{x}" not in message["content"] for message in example.messages)


def test_a_question_has_one_answer() -> None:
    """The same system message and question must never be answered in two ways."""
    rng = random.Random(5)
    seen: dict[tuple[str, ...], str] = {}
    for _ in range(20_000):
        messages = facts.generate(rng, Split.TRAIN).messages
        key = tuple(
            message["content"].lower().rstrip(".?!")
            for message in messages[: 2 if messages[0]["role"] == "system" else 1]
        )
        answer = messages[len(key)]["content"]
        assert seen.setdefault(key, answer) == answer, key


def test_examples_about_helix_have_a_kind_of_their_own() -> None:
    kinds = Counter(example.kind for example in _examples(Split.TRAIN))
    assert set(kinds) == {"facts", "helix"}
    assert 0.1 < kinds["helix"] / kinds.total() < 0.3


def _examples(split: Split) -> list[Example]:
    rng = random.Random(4)
    return [facts.generate(rng, split) for _ in range(1_000)]


def _templates(split: Split) -> list[str]:
    return [
        template for table in facts.phrasings(split).values() for templates in table.values() for template in templates
    ]


def _pattern(template: str) -> str:
    """Return a pattern of every text that template, greeted and thanked or not, can become."""
    words = {"be": "(?:is|are|was)", "word": "(?:what|why|how|who|when|where)"}
    text = re.sub(r"\\\{(\w+)\\\}", lambda match: words.get(match[1], ".+?"), re.escape(template))
    text = text.removesuffix(re.escape("?")).removesuffix(re.escape("."))
    return rf"(?:\w+( \w+)?[,:!] )?{text}[.?!]?( Thanks\.| Thank you!| Thanks!)?"
