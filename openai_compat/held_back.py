"""How much of a growing text must wait, because it may be the beginning of a marker."""

from __future__ import annotations


def held_back(text: str, marker: str) -> int:
    """Return how many characters at the end may be the beginning of marker, white space in front of it included."""
    longest = min(len(text), len(marker) - 1)
    overlap = next((size for size in range(longest, 0, -1) if text.endswith(marker[:size])), 0)
    body = text[: len(text) - overlap]
    return overlap + len(body) - len(body.rstrip())
