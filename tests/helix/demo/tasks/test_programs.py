"""The small programs do what their purpose says, where a call can tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helix.demo.tasks.programs import PROGRAMS

CALLS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "add": ((2, 3), 5), "subtract": ((7, 3), 4), "multiply": ((4, 3), 12), "divide": ((8, 2), 4), "square": ((5,), 25),
    "double": ((4,), 8), "is_even": ((4,), True), "is_odd": ((4,), False), "is_positive": ((-1,), False),
    "larger": ((2, 5), 5), "smaller": ((2, 5), 2), "absolute": ((-4,), 4), "factorial": ((5,), 120),
    "fibonacci": ((10,), 55), "is_prime": ((91,), False), "gcd": ((12, 18), 6), "sum_digits": ((347,), 14),
    "sum_list": (([1, 2, 3],), 6), "average": (([1, 2, 3],), 2), "find_max": (([1, 9, 3],), 9),
    "find_min": (([4, 2, 3],), 2), "count_even": (([1, 2, 4],), 2), "keep_even": (([1, 2, 4],), [2, 4]),
    "square_all": (([1, 2, 3],), [1, 4, 9]), "reverse_list": (([1, 2, 3],), [3, 2, 1]), "first": (([4, 5],), 4),
    "last": (([4, 5],), 5), "unique": (([1, 2, 1],), [1, 2]), "is_empty": (([],), True),
    "count_item": (([1, 2, 1], 1), 2), "find_index": (([4, 5, 6], 6), 2), "is_sorted": (([1, 3, 2],), False),
    "bubble_sort": (([3, 1, 2],), [1, 2, 3]), "binary_search": (([1, 3, 5, 7], 5), 2),
    "merge": (([1, 4], [2, 3]), [1, 2, 3, 4]), "flatten": (([[1], [2, 3]],), [1, 2, 3]),
    "chunk": (([1, 2, 3], 2), [[1, 2], [3]]), "reverse_string": (("abc",), "cba"), "is_palindrome": (("level",), True),
    "count_vowels": (("Hello",), 2), "count_words": (("a b c",), 3), "longest_word": (("a bcd ef",), "bcd"),
    "word_counts": (("a b a",), {"a": 2, "b": 1}), "shout": (("abc",), "ABC"), "remove_spaces": (("a b",), "ab"),
    "greet": (("Ada",), "Hello, Ada!"), "join_words": ((["a", "b"],), "a, b"), "invert": (({1: 2},), {2: 1}),
    "merge_dicts": (({1: 2}, {3: 4}), {1: 2, 3: 4}), "to_fahrenheit": ((100,), 212), "to_celsius": ((212,), 100),
    "rectangle_area": ((2, 3), 6), "triangle_area": ((4, 3), 6), "is_leap_year": ((1900,), False),
    "power": ((2, 10), 1024), "clamp": ((15, 0, 10), 10),
}  # fmt: skip


def function(text: str, name: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    found: Callable[..., Any] = namespace[name]
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.purpose))
def test_a_program_does_what_its_purpose_says(program: Any) -> None:
    run = function(program.text, program.names[0])
    if program.names[0] in CALLS:
        arguments, expected = CALLS[program.names[0]]
        assert run(*arguments) == expected


def test_a_renamed_program_still_works() -> None:
    program = next(
        program for program in PROGRAMS if program.names[0] == "factorial" and "recursively" in program.purpose
    )
    assert function(program.renamed({"factorial": "product_up_to", "n": "last"}), "product_up_to")(5) == 120


def test_programs_with_files_read_what_they_wrote(tmp_path: Path) -> None:
    texts = {program.names[0]: program.text for program in PROGRAMS}
    path = tmp_path / "file"
    function(texts["write_file"], "write_file")(path, "one\ntwo\n")
    assert function(texts["read_file"], "read_file")(path) == "one\ntwo\n"
    assert function(texts["count_lines"], "count_lines")(path) == 2


def test_purposes_are_distinct() -> None:
    assert len({program.purpose for program in PROGRAMS}) == len(PROGRAMS) > 60
