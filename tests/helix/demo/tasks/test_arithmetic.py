"""Sums are right, by an evaluation that does not share the generator's code."""

from __future__ import annotations

import random
import re
from operator import add, mul, sub, truediv

from helix.demo.example import Split
from helix.demo.tasks import arithmetic
from helix.demo.tasks.draw import is_unseen

OPERATIONS = {"+": add, "-": sub, "x": mul, "/": truediv}


def test_every_equation_holds() -> None:
    rng, checked = random.Random(5), 0
    for split in Split:
        for _ in range(700):
            answer = arithmetic.generate(rng, split).messages[-1]["content"]
            for a, operation, b, result in re.findall(r"(\d+) ([+\-x/]) (\d+) = (\d+)", answer):
                assert OPERATIONS[operation](int(a), int(b)) == int(result), answer
                checked += 1
            for number, half in re.findall(r"[Hh]alf of (\d+) is (\d+)", answer):
                assert int(number) == 2 * int(half), answer
    assert checked > 1500


def test_the_answer_is_about_the_numbers_of_the_question() -> None:
    rng = random.Random(6)
    for _ in range(700):
        *_, question, answer = arithmetic.generate(rng, Split.TRAIN).messages
        found = re.fullmatch(r"(?:[\w', ]+ )?(\d+) ([+\-x*/]) (\d+)(?: = )?[?.]?", question["content"])
        if found:
            expected = OPERATIONS[found[2].replace("*", "x")](int(found[1]), int(found[3]))
            assert int(re.findall(r"\d+", answer["content"])[-1]) == expected


def test_held_out_sums_are_not_trained_on_in_any_order() -> None:
    rng = random.Random(7)
    for _ in range(700):
        question = arithmetic.generate(rng, Split.TRAIN).messages[-2]["content"]
        for a, _, b in re.findall(r"(\d+) ?(\+|-|plus|minus) ?(\d+)", question):
            pair = (min(int(a), int(b)), max(int(a), int(b)))
            assert arithmetic.is_basic(pair) or not is_unseen(pair), question


def test_comparisons_are_true() -> None:
    rng = random.Random(8)
    for _ in range(700):
        *_, question, answer = arithmetic.generate(rng, Split.HELD_OUT).messages
        numbers = [int(number) for number in re.findall(r"\d+", question["content"])]
        if answer["content"].endswith("is larger."):
            assert answer["content"] == f"{max(numbers)} is larger."
        if answer["content"].endswith("is smaller."):
            assert answer["content"] == f"{min(numbers)} is smaller."
        if answer["content"].startswith("Yes"):
            assert numbers[0] > numbers[1]
        if answer["content"].endswith(("odd.", "even.")):
            assert answer["content"].endswith("even.") == (numbers[0] % 2 == 0)


def test_only_the_last_number_decides() -> None:
    assert arithmetic.ends_in_number(85)("47 + 38 = 85.")
    assert not arithmetic.ends_in_number(85)("85 = 47 + 38")
    assert not arithmetic.ends_in_number(85)("I do not know.")
