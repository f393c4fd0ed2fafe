"""Words that nobody has ever seen: they cannot be guessed, so they teach to look back and copy."""

from __future__ import annotations

import random

ONSETS = (
    "b", "bl", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "qu",
    "r", "s", "sh", "sp", "st", "t", "th", "tr", "v", "w", "x", "y", "z",
)  # fmt: skip
NUCLEI = ("a", "ai", "e", "ea", "ee", "i", "ie", "o", "oa", "oo", "ou", "u", "y")
CODAS = ("", "b", "ck", "d", "g", "l", "ll", "m", "n", "nd", "ng", "p", "r", "rt", "s", "st", "t", "x")


def invent(rng: random.Random) -> str:
    """Return a word of one or two made-up syllables, in small letters."""
    syllables = rng.choice((1, 1, 2))
    return "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(syllables))


def invent_name(rng: random.Random) -> str:
    """Return a made-up name of a person or a place."""
    name = invent(rng) if rng.random() < 0.5 else rng.choice("aeiou") + invent(rng)
    return (name + rng.choice(("", "", "a", "o", "ia", "en", "is"))).capitalize()
