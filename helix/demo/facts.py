"""Short questions and answers about a few hundred subjects, told in one sentence or in one paragraph.

The facts lie in facts/*.toml, one file per field; how people ask for them lies in facts/phrasings.toml. The wording of
a question decides between the two answers of a subject, so that an answer is a function of the question alone.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from helix.demo.example import Example, Message, Split, exactly

CLAUSE_WORDS = ("what", "why", "how", "who", "when", "where")
"""Tables of a fact file whose subjects are asked with this word and a clause of their own."""
NAMED_KINDS = ("concept", "place", "capital", "person", "howto")
"""Tables of a fact file whose subjects are asked by their name."""
WELCOME = "You are welcome!"
"""What is said to thanks."""
NO_MORE = "That is all I know about it."
"""What is said to a wish for more after the longest answer there is."""

_HELIX_SHARE = 0.2
_DETAILED_SHARE = 0.35
_OPENINGS = (
    "Hi, ",
    "Hello, ",
    "Hey, ",
    "Hi there, ",
    "Quick question: ",
    "Just curious: ",
    "A question: ",
    "Excuse me, ",
    "Hello! ",
    "Hi! ",
)
_CLOSINGS = (" Thanks.", " Thank you!", " Thanks!", " Please help me.", " I am curious.")
_KEY_WORDS = frozenset(
    ("sentence", "short", "brief", "briefly", "detail", "detailed", "more", "paragraph", "length", "several", "capital")
)
"""Words that decide what is asked for, and are therefore never mistyped."""

_COMMON_FIRST_WORDS = frozenset(
    (
        "A",
        "What",
        "Where",
        "Who",
        "Why",
        "How",
        "When",
        "Which",
        "Tell",
        "Can",
        "Could",
        "Do",
        "Define",
        "Please",
        "Explain",
        "Describe",
        "Give",
        "Write",
        "Name",
        "Show",
        "Help",
        "In",
        "Would",
        "Is",
        "Teach",
        "Any",
        "Briefly",
        "And",
        "Then",
        "Now",
        "Have",
        "So",
        "The",
        "Sum",
        "Somebody",
    )
)
"""Words that lose their capital letter after a greeting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that can be asked about, with its one or two answers."""

    field: str
    """Name of the file it comes from."""
    kind: str
    """One of NAMED_KINDS, or "clause"."""
    names: tuple[str, ...]
    """How it is called, the usual name first; for a clause, the whole of "why the sky is blue"."""
    word: str
    """Question word of a clause, else empty."""
    ask: str
    """A clause as a question puts it, without its word: "is the sky blue"."""
    tell: str
    """A clause as a subordinate clause puts it: "the sky is blue"."""
    verb: str
    """The form of "to be" that goes with the usual name."""
    short: str
    """The answer in one sentence."""
    long: str | None
    """The answer in one paragraph, which begins with the short one; None where there is none."""

    def fill(self, template: str, rng: random.Random) -> str:
        """Return template as a question about this subject, under one of its names."""
        if self.kind == "clause":
            return _capitalized(template.format(word=self.word, ask=self.ask, tell=self.tell))
        name = self.names[0] if rng.random() < 0.6 else rng.choice(self.names)
        plural = self.verb == "are" or (
            _takes_article(self.names[0]) and not _takes_article(name) and name.endswith("s")
        )
        if plural and "What's" in template:
            template = template.replace("What's", "What are")
        return _capitalized(template.format(x=name, be="are" if plural else self.verb, it="they" if plural else "it"))


@cache
def subjects() -> tuple[Subject, ...]:
    """Return every subject of the fact files, in a fixed order."""
    found = []
    for path in sorted(_folder().iterdir(), key=lambda path: path.name):
        if path.name.endswith(".toml") and path.name != "phrasings.toml":
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
            for kind, rows in tables.items():
                found += [_subject(path.name.removesuffix(".toml"), kind, row) for row in rows]
    return tuple(found)


@cache
def phrasings(split: Split) -> dict[str, dict[str, list[str]]]:
    """Return the question templates of one split: by kind of subject, then by the length they ask for."""
    tables = tomllib.loads((_folder() / "phrasings.toml").read_text(encoding="utf-8"))
    chosen: dict[str, dict[str, list[str]]] = tables[split.value]
    return chosen


def generate(rng: random.Random, split: Split) -> Example:
    """Return a conversation of one to three questions about facts, drawn from rng.

    HELD_OUT examples are asked in phrasings that no TRAIN example uses, about the same subjects.
    """
    table = phrasings(split)
    subject = rng.choice(_pool("helix" if rng.random() < _HELIX_SHARE else ""))
    # A subject without a paragraph is sometimes asked for one all the same, and answered with its sentence.
    detailed = rng.random() < (_DETAILED_SHARE if subject.long is not None else 0.08)
    messages, question, system = _first_turn(rng, table, subject, detailed)
    messages += _turn(question, _answer(subject, detailed))
    if rng.random() < 0.25:
        messages += _follow_up(rng, table, subject, detailed, system)
        if messages[-1]["content"] != WELCOME and rng.random() < 0.3:
            messages += _thanks(rng, table)
    return Example(
        kind="helix" if subject.field == "helix" else "facts",
        messages=messages,
        is_correct=exactly(messages[-1]["content"]),
        held_out="phrasing" if split is Split.HELD_OUT else "",
    )


def _first_turn(
    rng: random.Random, table: dict[str, dict[str, list[str]]], subject: Subject, detailed: bool
) -> tuple[list[Message], str, str]:
    """Return the system message, if any, the question, and the length that the system message asks for.

    Question and system message together decide the length of the answer; "plain" leaves it to the question.
    """
    length = "detailed" if detailed else "brief"
    templates = table[subject.kind]
    has_system = rng.random() < 0.25
    system = "plain"
    closing = ""
    # A plain question is answered briefly; a system message or a closing sentence may ask for more.
    way = rng.random()
    if has_system and way < 0.5:
        template, system = rng.choice(templates["plain"]), length
    elif way < 0.15:
        template, closing = rng.choice(templates["plain"]), " " + rng.choice(table["length"][length])
    elif detailed or way < 0.4:
        template = rng.choice(templates[length])
    else:
        template = rng.choice(templates["plain"])
    question = subject.fill(_with_typo(rng, template), rng)
    if closing and question[-1] not in ".?!":
        question += "?"
    question = _decorated(rng, question + closing)
    messages = [{"role": "system", "content": rng.choice(table["system"][system])}] if has_system else []
    return messages, question, system


def _follow_up(
    rng: random.Random, table: dict[str, dict[str, list[str]]], subject: Subject, detailed: bool, system: str
) -> list[Message]:
    """Return a second question and its answer: more about subject, or another subject of its kind."""
    follow_ups = table["follow_up"]
    chance = rng.random()
    # Under "answer in one sentence" nobody asks for more.
    if chance < (0.15 if detailed or subject.long is None else 0.6) and system != "brief":
        more = NO_MORE if detailed or subject.long is None else subject.long
        return _turn(_casual(rng, rng.choice(follow_ups["more"])), more)
    if chance > 0.8:
        return _thanks(rng, table)
    pool = _pool(subject.field, subject.kind)
    other = rng.choice(pool)
    if other is subject:
        other = pool[pool.index(other) - 1]
    return _turn(
        _casual(rng, other.fill(rng.choice(follow_ups[other.kind]), rng)), _answer(other, system == "detailed")
    )


def _thanks(rng: random.Random, table: dict[str, dict[str, list[str]]]) -> list[Message]:
    return _turn(_casual(rng, rng.choice(table["follow_up"]["thanks"])), WELCOME)


def _turn(question: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _answer(subject: Subject, detailed: bool) -> str:
    return subject.long if detailed and subject.long is not None else subject.short


@cache
def _pool(field: str, kind: str = "") -> tuple[Subject, ...]:
    """Return the subjects of a field and a kind; an empty field means all but Helix, an empty kind all kinds."""
    return tuple(
        subject
        for subject in subjects()
        if (subject.field == field or (not field and subject.field != "helix")) and kind in ("", subject.kind)
    )


def _decorated(rng: random.Random, text: str) -> str:
    """Return text as a polite or a hurried person would type it: with a greeting or with thanks, and casually."""
    chance = rng.random()
    if chance < 0.18:
        opening = rng.choice(_OPENINGS)
        text = opening + (text if opening.endswith("! ") or text.startswith(("I ", "My ")) else _uncapitalized(text))
    elif chance < 0.26:
        text = (text if text[-1] in ".?!" else text + ".") + rng.choice(_CLOSINGS)
    return _casual(rng, text)


def _casual(rng: random.Random, text: str) -> str:
    """Return text, now and then in lower or upper case or without its last stop."""
    chance = rng.random()
    if chance < 0.12:
        text = text.lower()
    elif chance < 0.13:
        text = text.upper()
    if rng.random() < 0.15:
        text = text.rstrip(".?!")
    return text


def _with_typo(rng: random.Random, template: str) -> str:
    """Return template, now and then with two neighbouring letters swapped or one left out in an unimportant word."""
    if rng.random() > 0.06:
        return template
    places = [match for match in re.finditer(r"(?<!\{)\b[a-z]{4,}\b(?!\})", template) if match[0] not in _KEY_WORDS]
    if not places:
        return template
    place = rng.choice(places)
    at = rng.randrange(place.start() + 1, place.end() - 1)
    if rng.random() < 0.5:
        return template[:at] + template[at + 1 :]
    return template[:at] + template[at + 1] + template[at] + template[at + 2 :]


def _subject(field: str, kind: str, row: dict[str, Any]) -> Subject:
    is_clause = kind in CLAUSE_WORDS
    tell = row.get("tell", row.get("ask", ""))
    names: Sequence[str] = (f"{kind} {tell}",) if is_clause else (row["name"], *row.get("aliases", ()))
    verb = "are" if row.get("plural") else "is"
    if kind == "person" and not row.get("living"):
        verb = "was"
    return Subject(
        field=field,
        kind="clause" if is_clause else kind,
        names=tuple(names),
        word=kind if is_clause else "",
        ask=row.get("ask", ""),
        tell=tell,
        verb=verb,
        short=row["short"],
        long=f"{row['short']} {row['more']}" if "more" in row else None,
    )


def _folder() -> Any:
    return files("helix.demo") / "facts"


def _takes_article(name: str) -> bool:
    return name.startswith(("a ", "an ", "the "))


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


def _uncapitalized(text: str) -> str:
    """Return text with a small first letter, unless its first word is a name or an acronym."""
    first = text.split(maxsplit=1)[0]
    return (
        text if not first[1:].islower() or first.rstrip("?.") not in _COMMON_FIRST_WORDS else text[0].lower() + text[1:]
    )
