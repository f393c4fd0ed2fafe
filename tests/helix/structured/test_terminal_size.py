"""Terminals that grow beyond bounds are found before anything is built of them."""

from __future__ import annotations

import pytest

from helix.structured.terminal_size import MAX_TERMINAL_SIZE, terminals_fit


def doubling(depth: int, leaf: str = '"a"') -> str:
    lines = [f"T{level}: T{level + 1} T{level + 1}" for level in range(depth)]
    return "\n".join(["start: T0", *lines, f"T{depth}: {leaf}"])


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (doubling(10), True),
        (doubling(20), False),
        (doubling(3000, "/./"), False),
        ("start: rest\nrest: %lark {\n" + doubling(30) + "\n}", False),
        (doubling(30).replace("T", "r"), True),  # rules are not written out
        ("start: A\nA: B\nB: A", True),  # which llguidance refuses
        ("\n".join(["start: T0", *(f"T{level}: T{level + 1}?" for level in range(4000)), 'T4000: "a"']), True),
        ("start: A\nA: " + " ".join(['"a"'] * (MAX_TERMINAL_SIZE + 1)), False),
        ('start: A // T: T T\nA[lazy]: "T T" /B:/ | B\nB.2: "x"', True),
        ("", True),
    ],
)
def test_only_what_grows_beyond_bounds_does_not_fit(text: str, fits: bool) -> None:
    assert terminals_fit(text) == fits
