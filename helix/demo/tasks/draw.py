"""Drawing one example: which phrasing, which words, which values, and what of it training never shows."""

from __future__ import annotations

import random
import tomllib
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any, TypeVar

from helix.demo.example import Example, Message, Split, exactly
from helix.demo.invention import invent_name
from helix.demo.tasks.wording import reworded

T = TypeVar("T")

SYSTEM_MESSAGES = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "You are a friendly assistant.",
    "You are Helix, a helpful assistant.",
    "You are a careful assistant who answers correctly.",
    "Answer the user's questions.",
    "Be brief and precise.",
    "You are a helpful AI assistant.",
    "You help people with short tasks.",
    "Be helpful, honest and short.",
)

IMPERATIVES = frozenset(
    [
        "Add",
        "Answer",
        "Append",
        "Arrange",
        "Change",
        "Compare",
        "Complete",
        "Compute",
        "Convert",
        "Copy",
        "Correct",
        "Count",
        "Delete",
        "Describe",
        "Do",
        "Drop",
        "Email",
        "Explain",
        "Extract",
        "Find",
        "Fix",
        "Form",
        "Give",
        "Implement",
        "Insert",
        "List",
        "Make",
        "Multiply",
        "Name",
        "Order",
        "Play",
        "Put",
        "Remove",
        "Rename",
        "Repeat",
        "Replace",
        "Reverse",
        "Roll",
        "Search",
        "Send",
        "Set",
        "Show",
        "Sort",
        "Spell",
        "Start",
        "Subtract",
        "Tell",
        "Translate",
        "Turn",
        "Use",
        "Write",
    ]
)
"""Words that a "please" may stand before."""


_REWORDED_SHARE = 0.35


def is_unseen(value: object) -> bool:
    """Whether a value is kept out of training: one in ten is, and the same ones on every machine."""
    return zlib.crc32(repr(value).encode()) % 10 == 0


class Pool:
    """Words of one sort; about a seventh of them, and one at least, never occur in training.

    Words in common are always for training, since some task knows them by heart. Among names, training also meets
    invented ones: what a name is can only be read, not known.
    """

    def __init__(self, words: str, common: str = "", *, are_names: bool = False) -> None:
        self.are_names = are_names
        self.words = tuple(word.strip() for word in words.split("," if "," in words else None))
        self.unseen = tuple(word for word in self.words if zlib.crc32(word.encode()) % 7 == 0)
        self.unseen = tuple(word for word in self.unseen if word not in common.split())
        self.unseen = self.unseen or self.words[-1:]
        self.seen = tuple(word for word in self.words if word not in self.unseen)


class Phrasings:
    """Ways to ask the same thing; every fifth of the lines never occurs in training.

    All of more are for training.
    """

    def __init__(self, lines: Sequence[str], more: Sequence[str] = ()) -> None:
        self.unseen = tuple(lines[4::5])
        self.seen = tuple(line for line in dict.fromkeys((*lines, *more)) if line not in self.unseen)


def load_phrasings(module: str) -> dict[str, Phrasings]:
    """Return the phrasings of a module of tasks, by the names they have in phrasings/<module>.toml."""
    path = files("helix.demo.tasks") / "phrasings" / f"{module}.toml"
    return {name: Phrasings(**table) for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items()}


class Draw:
    """A source of chance for one example, which knows what must be new about that example."""

    def __init__(self, rng: random.Random, kind: str, held_out: str) -> None:
        self.rng = rng
        self.kind = kind
        self.held_out = held_out

    def value(self, make: Callable[[], T], is_basic: Callable[[T], bool] | None = None) -> T:
        """Return a value of make, one kept out of training exactly when new values are wanted.

        A basic value (by is_basic) is always for training: the model has to know it by heart.
        """
        while True:
            value = make()
            unseen = is_unseen(value) and not (is_basic is not None and is_basic(value))
            if unseen == (self.held_out == "values"):
                return value

    def words(self, pool: Pool, count: int) -> list[str]:
        """Return distinct words of a pool; where new values are wanted, as many unseen ones as there are."""
        if self.held_out != "values":
            words = self.rng.sample(pool.seen, count)
            is_training = pool.are_names and not self.held_out
            return [invent_name(self.rng) if is_training and self.rng.random() < 0.4 else word for word in words]
        words = self.rng.sample(pool.unseen, min(count, len(pool.unseen)))
        return words + self.rng.sample(pool.seen, count - len(words))

    def word(self, pool: Pool) -> str:
        """Return one word of a pool."""
        return self.words(pool, 1)[0]

    def say(self, phrasings: Phrasings, **fields: object) -> str:
        """Fill one of the phrasings; its manner (case, final mark, a please) varies a little, in training its words."""
        template = self.rng.choice(phrasings.unseen if self.held_out == "phrasing" else phrasings.seen)
        if not self.held_out and self.rng.random() < _REWORDED_SHARE:
            other = reworded(self.rng, template)
            template = template if other in phrasings.unseen else other
        manner = self.rng.random()
        if template[0] != "{":
            if manner < 0.06:
                template = template[0].lower() + template[1:]
            elif manner < 0.12 and template.split(None, 1)[0] in IMPERATIVES:
                template = f"Please {template[0].lower()}{template[1:]}"
        if 0.12 < manner < 0.18 and template[-1] in ".?":
            template = template[:-1]
        return template.format(**fields)

    def example(
        self,
        prompt: str,
        answer: str,
        is_correct: Callable[[str], bool] | None = None,
    ) -> Example:
        """Return one question and its answer."""
        return self.dialogue([prompt, answer], is_correct)

    def dialogue(self, turns: Sequence[str], is_correct: Callable[[str], bool] | None = None) -> Example:
        """Return a conversation whose turns belong to the user and the assistant in turn."""
        roles = ("user", "assistant")
        messages: list[Message] = [{"role": roles[i % 2], "content": turn} for i, turn in enumerate(turns)]
        return self.conversation(messages, is_correct or exactly(turns[-1]))

    def conversation(
        self,
        messages: list[Message],
        is_correct: Callable[[str], bool],
        tools: list[dict[str, Any]] | None = None,
        system_share: float = 0.25,
    ) -> Example:
        """Return an example of these messages, under a system message in system_share of the cases."""
        if self.rng.random() < system_share:
            messages = [{"role": "system", "content": self.rng.choice(SYSTEM_MESSAGES)}, *messages]
        return Example(kind=self.kind, messages=messages, is_correct=is_correct, tools=tools, held_out=self.held_out)


Task = Callable[[Draw], Example]
"""One sort of question within a family."""


def draw_from(
    kind: str,
    tasks: Mapping[Task, int],
    rng: random.Random,
    split: Split,
    known_by_heart: Collection[Task] = (),
) -> Example:
    """Draw an example of one of the weighted tasks.

    Tasks known by heart have no values to hold out; only their phrasing can be new.
    """
    task = rng.choices(list(tasks), list(tasks.values()))[0]
    held_out = ""
    if split is Split.HELD_OUT:
        held_out = "phrasing" if task in known_by_heart else rng.choice(("phrasing", "values"))
    return task(Draw(rng, kind, held_out))
