"""Fields of a sentence as compact JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, draw_from, load_phrasings
from helix.demo.tasks.words import (
    COLOURS,
    COMPANIES,
    DAYS,
    EVENTS,
    HOBBIES,
    JOBS,
    MONTHS,
    NAMES,
    PRODUCTS,
    TOWNS,
    join_words,
)

PHRASINGS = load_phrasings("extraction")


def same_json(expected: object) -> Callable[[str], bool]:
    """Return a check for an answer that is this JSON value, in any spacing, fenced or not."""

    def is_correct(answer: str) -> bool:
        fence = re.fullmatch(r"```(?:json)?\n(.*)\n```", answer.strip(), re.DOTALL)
        try:
            return bool(json.loads(fence[1] if fence else answer) == expected)
        except ValueError:
            return False

    return is_correct


def fields_of(draw: Draw, schema: str) -> dict[str, Any]:
    """Draw the fields of one record of a schema."""
    rng, name = draw.rng, draw.word(NAMES)
    if schema == "person":
        return {"name": name, "age": rng.randint(5, 95), "city": draw.word(TOWNS)}
    if schema == "worker":
        return {"name": name, "job": rng.choice(JOBS.seen), "company": draw.word(COMPANIES)}
    if schema == "order":
        return {
            "name": name,
            "quantity": rng.randint(2, 60),
            "product": draw.word(PRODUCTS),
            "price": rng.randint(3, 400),
        }
    if schema == "event":
        time = f"{rng.randint(8, 21)}:{rng.choice(('00', '15', '30', '45'))}"
        return {"event": draw.word(EVENTS), "day": rng.choice(DAYS), "time": time, "city": draw.word(TOWNS)}
    if schema == "product":
        fields = {"product": draw.word(PRODUCTS), "color": rng.choice(COLOURS.seen), "price": rng.randint(2, 250)}
        return {**fields, "company": draw.word(COMPANIES)}
    if schema == "contact":
        email = f"{name.lower()}@{rng.choice(COMPANIES.seen).lower()}.com"
        return {"name": name, "email": email, "phone": f"555-{rng.randint(1000, 9999)}"}
    if schema == "birthday":
        return {"name": name, "day": rng.randint(1, 28), "month": rng.choice(MONTHS), "year": rng.randint(1930, 2015)}
    if schema == "trip":
        origin, destination = draw.words(TOWNS, 2)
        return {"name": name, "origin": origin, "destination": destination, "day": rng.choice(DAYS)}
    first, second = rng.sample(HOBBIES.seen, 2)
    return {"name": name, "first": first, "second": second}


def extract(draw: Draw) -> Example:
    """Ask for all or some of the fields of a sentence."""
    schema = draw.rng.choice(
        ("person", "person", "worker", "order", "event", "product", "contact", "birthday", "trip", "likes")
    )
    record = fields_of(draw, schema)
    sentences = PHRASINGS[schema]
    sentence = draw.rng.choice(sentences.unseen if draw.held_out == "phrasing" else sentences.seen).format(**record)
    if schema == "likes":
        record = {"name": record["name"], "hobbies": [record["first"], record["second"]]}
    if draw.rng.random() < 0.3:
        record = dict(draw.rng.sample(list(record.items()), draw.rng.randint(1, len(record))))
    prompt = draw.say(PHRASINGS["extract"], fields=join_words(list(record)), sentence=sentence)
    return draw.example(prompt, json.dumps(record), same_json(record))


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one sentence and its fields."""
    return draw_from("extraction", {extract: 1}, rng, split)
