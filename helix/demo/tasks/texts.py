"""Texts to be edited: sentences, lists, configuration files and code, drawn from small grammars."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping

from helix.demo.tasks.programs import PROGRAMS, Program
from helix.demo.tasks.words import (
    ANIMALS,
    COLOURS,
    DAYS,
    FOODS,
    HOBBIES,
    IDENTIFIERS,
    JOBS,
    NAMES,
    PLACES,
    THINGS,
    TOWNS,
)

SENTENCES = (
    "The {colour} {thing} is in the {place}.",
    "{name} saw the {colour} {animal} near the {place}.",
    "{name} likes {food} and {hobby}.",
    "{name} put the {thing} next to the {other_thing}.",
    "Every morning, {name} walks to the {place}.",
    "The {animal} sleeps under the {thing}.",
    "{name} bought the {colour} {thing} for {other_name}.",
    "In the {place} lives the old {animal}.",
    "On {day}, {name} meets {other_name} at the {place}.",
    "{name} works in {town} as the new {job}.",
    "The train to {town} leaves at {hour} in the morning.",
    "{other_name} lost the {other_thing} in {town}.",
    "The {animal} and the {other_animal} are friends.",
    "{name} asked {other_name} about the {thing}.",
    "There was no {food} left in the {other_place}.",
    "The door of the {place} is {colour}.",
    "Nobody knows why the {animal} ran away.",
    "{other_name} painted the {thing} {colour} last {day}.",
    "We found the {other_thing} behind the {other_place}.",
    "It rained in {town} until {day}.",
    "The {job} told {name} to wait.",
    "Please bring the {thing} to the {place} on {day}.",
)
"""No slot follows "a" or "an", so that any word may be put in the place of any other of its sort."""

SORTS: Mapping[str, tuple[str, ...]] = {
    "name": NAMES.seen,
    "other_name": NAMES.seen,
    "colour": COLOURS.seen,
    "thing": THINGS.seen,
    "other_thing": THINGS.seen,
    "animal": ANIMALS.seen,
    "other_animal": ANIMALS.seen,
    "place": PLACES.seen,
    "other_place": PLACES.seen,
    "food": FOODS.seen,
    "hobby": HOBBIES.seen,
    "job": JOBS.seen,
    "town": TOWNS.seen,
    "day": DAYS,
    "hour": ("six", "seven", "eight", "nine", "ten"),
}
SETTINGS: Mapping[str, tuple[str | int | bool, ...]] = {
    "name": ("demo", "shop", "blog", "api", "store", "portal", "backup", "worker"),
    "host": ("localhost", "example.com", "db.example.com", "0.0.0.0", "api.example.com"),
    "port": (80, 443, 3000, 5000, 5432, 6379, 8000, 8080, 9000),
    "debug": (True, False),
    "timeout": (5, 10, 15, 20, 30, 45, 60, 90, 120),
    "retries": (1, 2, 3, 4, 5, 8, 10),
    "workers": (1, 2, 4, 6, 8, 12, 16),
    "level": ("info", "debug", "warning", "error"),
    "language": ("en", "de", "fr", "es", "it"),
    "theme": ("dark", "light", "blue"),
    "user": ("admin", "guest", "root", "test", "app"),
    "path": ("/tmp", "/data", "/var/log", "/srv/files", "/home/app"),
    "cache": (True, False),
    "size": (10, 16, 32, 64, 100, 128, 256, 512),
    "version": ("1.0", "1.2", "2.0", "2.1", "3.4"),
    "region": ("north", "south", "east", "west"),
    "mode": ("fast", "safe", "slow", "auto"),
    "limit": (10, 20, 25, 50, 100, 200, 500, 1000),
    "enabled": (True, False),
    "color": ("red", "green", "blue", "black", "white"),
    "format": ("json", "csv", "xml", "text"),
    "interval": (1, 5, 10, 30, 60, 300),
}


def text(rng: random.Random, low: int = 2, high: int = 5) -> tuple[str, dict[str, str]]:
    """Return low to high sentences around the same words, and those words by their slot."""
    words = {slot: rng.choice(pool) for slot, pool in SORTS.items()}
    while len(set(words.values())) < len(words):
        words = {slot: rng.choice(pool) for slot, pool in SORTS.items()}
    sentences = [template.format(**words) for template in rng.sample(SENTENCES, rng.randint(low, high))]
    return " ".join(sentences), words


def replace_word(text: str, old: str, word: str) -> str:
    """Return text with every whole occurrence of a word replaced."""
    return re.sub(rf"\b{re.escape(old)}\b", word, text)


def settings(rng: random.Random, low: int = 3, high: int = 7) -> dict[str, str | int | bool]:
    """Return some settings and their values."""
    return {key: rng.choice(SETTINGS[key]) for key in rng.sample(list(SETTINGS), rng.randint(low, high))}


def config_file(language: str, values: Mapping[str, str | int | bool], title: str) -> str:
    """Return settings as JSON, YAML, INI or as Python constants; YAML and INI have them under a title."""
    if language == "json":
        return json.dumps(values, indent=2)
    if language == "yaml":
        return f"{title}:\n" + "\n".join(f"  {key}: {_plain(value)}" for key, value in values.items())
    if language == "ini":
        return f"[{title}]\n" + "\n".join(f"{key} = {_plain(value)}" for key, value in values.items())
    return "\n".join(
        f"{key.upper()} = {json.dumps(value) if isinstance(value, str) else value}" for key, value in values.items()
    )


def _plain(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def code(rng: random.Random, min_lines: int = 5, max_chars: int = 420) -> tuple[str, tuple[str, ...]]:
    """Return one to three functions, names marked as in programs, and the names that occur in them."""
    marked = ""
    for program in rng.sample(PROGRAMS, 6):
        part = _under_other_names(rng, program)
        taken = set(re.findall(r"def \$(\w+)", marked))
        if len(marked) + len(part) > max_chars or taken & set(re.findall(r"\w+", part)):
            continue
        marked += ("\n\n\n" if marked else "") + part
        if marked.count("\n") + 1 >= min_lines and rng.random() < 0.6:
            break
    return marked, tuple(dict.fromkeys(re.findall(r"\$(\w+)", marked)))


def _under_other_names(rng: random.Random, program: Program) -> str:
    """Return a marked program with up to two of its names exchanged for others."""
    names = [word for word in rng.sample(IDENTIFIERS.seen, 3) if not re.search(rf"\b{word}\b", program.marked)]
    renamed = dict(zip(rng.sample(program.names, min(len(program.names), 2)), names, strict=False))
    return re.sub(r"\$(\w+)", lambda found: f"${renamed.get(found[1], found[1])}", program.marked)
