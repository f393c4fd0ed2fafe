"""Words are spelt, counted and translated correctly."""

from __future__ import annotations

import random

from helix.demo.example import Split
from helix.demo.tasks import text, vocabulary
from helix.demo.tasks.draw import Draw


def test_a_spelt_word_is_the_word() -> None:
    draw = Draw(random.Random(1), "text", "")
    for _ in range(200):
        *_, question, answer = (message["content"] for message in text.spell(draw).messages)
        assert answer.replace("-", "").lower() in question
        *_, answer = (message["content"] for message in text.letters(draw).messages)
        word, rest = answer.split(": ")
        assert rest == f"{'-'.join(word)}, {len(word)} letters."


def test_new_word_questions_are_new_in_phrasing_only() -> None:
    rng = random.Random(1)
    assert {text.generate(rng, Split.HELD_OUT).held_out for _ in range(100)} == {"phrasing"}


def test_any_sentence_with_the_word_is_accepted() -> None:
    draw = Draw(random.Random(1), "text", "")
    example = text.sentence_with(draw)
    word = next(word for word, known in vocabulary.SENTENCES_WITH.items() if known == example.messages[-1]["content"])
    assert example.is_correct(f"I like the word {word}.")
    assert not example.is_correct("I like the word xylophone.")
    assert not example.is_correct(word)
