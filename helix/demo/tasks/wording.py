"""Varied wordings of a phrasing: synonyms, small words left out, a few words around it.

A model that has met a question in one wording only knows the wording; training meets each phrasing in many.
"""

from __future__ import annotations

import random
import re

SYNONYMS = (
    "give show tell", "write print type", "fix correct repair", "change alter", "replace substitute", "find get",
    "delete remove drop erase", "mistakes errors", "sort order arrange", "largest biggest highest greatest",
    "smallest lowest least", "word term", "text passage", "answer reply", "explain describe", "need want",
    "could can would", "total sum", "compute calculate", "begin start", "make create", "big large", "reverse flip",
    "item entry element", "items entries elements", "numbers figures values", "repeat copy echo", "every each",
    "add append insert", "function routine", "extract pull", "below following", "exactly precisely", "turn convert",
    "everywhere throughout", "fields keys",
)  # fmt: skip
"""Words of a line may stand for each other."""
SMALL_WORDS = frozenset(
    (
        "a", "an", "the", "this", "that", "these", "please", "following", "me", "for", "is", "are", "you", "of",
        "can", "could", "would", "i", "do", "does", "just",
    )
)  # fmt: skip
"""Words that hurried people leave out."""
OPENINGS = (
    "Hey, ", "Hi, ", "Hello, ", "OK, ", "Well, ", "So, ", "Now, ", "Please, ", "Quick question: ", "One more thing: ",
    "Next: ", "A question: ", "Help me, please: ", "I have a question: ", "Tell me, ", "Here is my question: ",
)  # fmt: skip
CLOSINGS = (" Thanks!", " Thank you.", " Please.", " Be quick.", " Thanks in advance.")

_INTERCHANGEABLE = {word: tuple(line.split()) for line in SYNONYMS for word in line.split()}
_WORD = re.compile(r"(?<![{\w'-])[A-Za-z]+(?![}\w'-])")


def reworded(rng: random.Random, template: str) -> str:
    """Return a template in another wording; its fields and what it asks for stay."""
    if rng.random() < 0.7:
        template = _WORD.sub(lambda match: _synonym(rng, match[0]), template)
    if rng.random() < 0.4:
        template = _without_small_words(rng, template)
    if rng.random() < 0.3 and template[:1].isalpha():
        template = rng.choice(OPENINGS) + template[0].lower() + template[1:]
    elif rng.random() < 0.15 and template[-1] in ".?":
        template += rng.choice(CLOSINGS)
    return template


def _synonym(rng: random.Random, word: str) -> str:
    others = _INTERCHANGEABLE.get(word.lower())
    if others is None or rng.random() < 0.5:
        return word
    other = rng.choice(others)
    return other.capitalize() if word[0].isupper() else other


def _without_small_words(rng: random.Random, template: str) -> str:
    words = template.split(" ")
    kept = [word for word in words if word.lower() not in SMALL_WORDS or rng.random() < 0.5]
    if not kept:
        return template
    shorter = " ".join(kept)
    return shorter[0].upper() + shorter[1:] if template[0].isupper() else shorter
