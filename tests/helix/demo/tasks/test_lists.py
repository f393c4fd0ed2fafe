"""Lists are sorted, counted and turned around correctly."""

from __future__ import annotations

import random
import re
from itertools import pairwise

from helix.demo.example import Example
from helix.demo.tasks import lists
from helix.demo.tasks.draw import Draw, Task


def drawn(task: Task, count: int = 300) -> list[Example]:
    draw = Draw(random.Random(2), "lists", "values")
    return [task(draw) for _ in range(count)]


def numbers_of(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def test_sorted_numbers_are_the_numbers_asked_for() -> None:
    for example in drawn(lists.sort_numbers):
        question, answer = (numbers_of(message["content"]) for message in example.messages[-2:])
        assert answer in (sorted(question), sorted(question)[::-1])
        descending = re.search("descending|largest to|largest first|high to", example.messages[-2]["content"])
        assert (answer == sorted(question)) != bool(descending)


def test_counting_reaches_both_ends() -> None:
    for task in (lists.count_up, lists.count_down):
        for example in drawn(task):
            question, answer = (numbers_of(message["content"]) for message in example.messages[-2:])
            assert [answer[0], answer[-1]] == question
            assert {abs(b - a) for a, b in pairwise(answer)} == {1}


def test_a_reversed_list_reads_backwards() -> None:
    for example in drawn(lists.reverse):
        question, answer = (message["content"] for message in example.messages[-2:])
        assert ", ".join(answer.split(", ")[::-1]) in question


def test_extremes_are_extreme() -> None:
    for example in drawn(lists.extreme):
        question, (answer,) = (numbers_of(message["content"]) for message in example.messages[-2:])
        assert answer == (max(question) if "largest" in example.messages[-1]["content"] else min(question))


def test_a_list_of_fruits_may_name_them_in_any_order_but_not_twice() -> None:
    for example in drawn(lists.name_some, 50):
        lines = example.messages[-1]["content"].splitlines()
        assert example.is_correct("\n".join(lines[::-1]))
        assert not example.is_correct("\n".join([lines[0]] * len(lines)))
        assert not example.is_correct("\n".join(lines[1:]))


def test_the_day_after_sunday_is_monday() -> None:
    answers = {example.messages[-1]["content"] for example in drawn(lists.neighbour, 2000)}
    assert "The day after Sunday is Monday." in answers
    assert "The month before January is December." in answers
    assert "The letter after C is D." in answers
