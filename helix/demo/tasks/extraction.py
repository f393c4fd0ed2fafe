"""Fields of a sentence as compact JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, draw_from
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

EXTRACT = Phrasings("""
    Extract the {fields} as JSON: {sentence}
    Extract {fields} as JSON: {sentence}
    Give me the {fields} as JSON: {sentence}
    Return the {fields} as JSON: {sentence}
    Which {fields} does this mention? Answer in JSON: {sentence}
    Find the {fields} in this sentence and answer in JSON: {sentence}
    Turn this into JSON with the {fields}: {sentence}
    Extract the {fields} from this sentence as JSON: {sentence}
    Extract JSON with the keys {fields}: {sentence}
    Read this and fill a JSON object having {fields}: {sentence}
    Write the {fields} as a JSON object: {sentence}
    JSON with {fields}: {sentence}
    Get the {fields} from this text as JSON: {sentence}
    Output a JSON object with {fields} for this sentence: {sentence}
""")
PERSON = Phrasings("""
    {name} is {age} years old and lives in {city}.
    {name}, {age}, lives in {city}.
    My friend {name} lives in {city} and is {age} years old.
    {name} from {city} is {age} years old.
    At the age of {age}, {name} moved to {city}.
    In {city} lives {name}, who is {age} years old.
    {name} lives in {city} and turned {age} last week.
    I met {name} in {city}. {name} is {age}.
""")
WORKER = Phrasings("""
    {name} works as a {job} at {company}.
    {name} is a {job} at {company}.
    At {company}, {name} works as a {job}.
    {company} hired {name} as a {job}.
    The new {job} of {company} is {name}.
    {name} is the new {job} at {company}.
    {name} has been a {job} at {company} for years.
    {company} is where {name} works as a {job}.
""")
ORDER = Phrasings("""
    {name} ordered {quantity} {product} for {price} dollars.
    {name} bought {quantity} {product} and paid {price} dollars.
    An order by {name}: {quantity} {product}, {price} dollars in total.
    For {price} dollars, {name} ordered {quantity} {product}.
    We sent {quantity} {product} to {name}, at a price of {price} dollars.
    {name} paid {price} dollars for {quantity} {product}.
    {quantity} {product} were ordered by {name} for {price} dollars.
    Please send {quantity} {product} to {name}. The price is {price} dollars.
""")
EVENT = Phrasings("""
    The {event} is on {day} at {time} in {city}.
    The {event} takes place on {day} at {time} in {city}.
    On {day} at {time} there is a {event} in {city}.
    Come to the {event} in {city} on {day} at {time}.
    In {city}, a {event} starts at {time} on {day}.
    Our {event} in {city} starts on {day} at {time}.
    Do not miss the {event} in {city}, {day} at {time}.
    We meet in {city} on {day} at {time} for the {event}.
""")
PRODUCT = Phrasings("""
    The {color} {product} by {company} cost {price} dollars.
    {company} sells {color} {product} for {price} dollars.
    For {price} dollars you get {color} {product} from {company}.
    {company} offers {color} {product} at {price} dollars.
    New from {company}: {product} in {color}, only {price} dollars.
    The price of the {color} {product} from {company} is {price} dollars.
    You can buy {color} {product} from {company} for {price} dollars.
    The {color} {product} from {company} are {price} dollars now.
""")
CONTACT = Phrasings("""
    You can reach {name} at {email} or {phone}.
    {name}'s email is {email} and the phone number is {phone}.
    Write to {name} at {email} or call {phone}.
    Contact {name}: {email}, {phone}.
    {phone} is the number of {name}, whose mail goes to {email}.
    Call {name} at {phone} or write to {email}.
    The contact is {name}, {email}, phone {phone}.
    {name} answers mails to {email} and calls to {phone}.
""")
BIRTHDAY = Phrasings("""
    {name} was born on {day} {month} {year}.
    {name}, born on {day} {month} {year}, is here.
    The birthday of {name} is {day} {month} {year}.
    On {day} {month} {year}, {name} was born.
    {day} {month} {year} is when {name} came into the world.
    {name} came into the world on {day} {month} {year}.
    {name}'s date of birth is {day} {month} {year}.
    Born on {day} {month} {year}: {name}.
""")
TRIP = Phrasings("""
    {name} travels from {origin} to {destination} on {day}.
    On {day}, {name} flies from {origin} to {destination}.
    {name} takes the train from {origin} to {destination} on {day}.
    {name} goes to {destination} from {origin} on {day}.
    {name} leaves {origin} on {day}, bound for {destination}.
    A ticket for {name} from {origin} to {destination} on {day}, please.
    {name} has a ticket from {origin} to {destination} for {day}.
    From {origin} to {destination} on {day}: {name}.
""")
LIKES = Phrasings("""
    {name} likes {first} and {second}.
    {name} loves {first} and {second}.
    The hobbies of {name} are {first} and {second}.
    {name} spends the weekend with {first} and {second}.
    What {name} enjoys most is {first} and {second}.
    {name} enjoys {first} and {second}.
    In the evening, {name} likes {first} and {second}.
    {name} has two hobbies, {first} and {second}.
""")


def same_json(expected: object) -> Callable[[str], bool]:
    """Return a check for an answer that is this JSON value, in any spacing, fenced or not."""

    def is_correct(answer: str) -> bool:
        fence = re.fullmatch(r"```(?:json)?\n(.*)\n```", answer.strip(), re.DOTALL)
        try:
            return bool(json.loads(fence[1] if fence else answer) == expected)
        except ValueError:
            return False

    return is_correct


def fields_of(draw: Draw, schema: Phrasings) -> dict[str, Any]:
    """Draw the fields of one record of a schema."""
    rng, name = draw.rng, draw.word(NAMES)
    if schema is PERSON:
        return {"name": name, "age": rng.randint(5, 95), "city": draw.word(TOWNS)}
    if schema is WORKER:
        return {"name": name, "job": rng.choice(JOBS.seen), "company": draw.word(COMPANIES)}
    if schema is ORDER:
        return {
            "name": name,
            "quantity": rng.randint(2, 60),
            "product": draw.word(PRODUCTS),
            "price": rng.randint(3, 400),
        }
    if schema is EVENT:
        time = f"{rng.randint(8, 21)}:{rng.choice(('00', '15', '30', '45'))}"
        return {"event": draw.word(EVENTS), "day": rng.choice(DAYS), "time": time, "city": draw.word(TOWNS)}
    if schema is PRODUCT:
        fields = {"product": draw.word(PRODUCTS), "color": rng.choice(COLOURS.seen), "price": rng.randint(2, 250)}
        return {**fields, "company": draw.word(COMPANIES)}
    if schema is CONTACT:
        email = f"{name.lower()}@{rng.choice(COMPANIES.seen).lower()}.com"
        return {"name": name, "email": email, "phone": f"555-{rng.randint(1000, 9999)}"}
    if schema is BIRTHDAY:
        return {"name": name, "day": rng.randint(1, 28), "month": rng.choice(MONTHS), "year": rng.randint(1930, 2015)}
    if schema is TRIP:
        origin, destination = draw.words(TOWNS, 2)
        return {"name": name, "origin": origin, "destination": destination, "day": rng.choice(DAYS)}
    first, second = rng.sample(HOBBIES.seen, 2)
    return {"name": name, "first": first, "second": second}


def extract(draw: Draw) -> Example:
    """Ask for all or some of the fields of a sentence."""
    schema = draw.rng.choice((PERSON, PERSON, WORKER, ORDER, EVENT, PRODUCT, CONTACT, BIRTHDAY, TRIP, LIKES))
    record = fields_of(draw, schema)
    sentence = draw.rng.choice(schema.unseen if draw.held_out == "phrasing" else schema.seen).format(**record)
    if schema is LIKES:
        record = {"name": record["name"], "hobbies": [record["first"], record["second"]]}
    if draw.rng.random() < 0.3:
        record = dict(draw.rng.sample(list(record.items()), draw.rng.randint(1, len(record))))
    prompt = draw.say(EXTRACT, fields=join_words(list(record)), sentence=sentence)
    return draw.example(prompt, json.dumps(record), same_json(record))


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one sentence and its fields."""
    return draw_from("extraction", {extract: 1}, rng, split)
