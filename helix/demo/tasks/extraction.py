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

EXTRACT = Phrasings(
    """
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
""",
    more="""
    Read the sentence and give the {fields} as JSON: {sentence}
    Read this text and return a JSON object with {fields}: {sentence}
    Fill a JSON object with the {fields} of this sentence: {sentence}
    Make a JSON object with {fields} from this: {sentence}
    Show the {fields} as JSON: {sentence}
    List the {fields} as JSON: {sentence}
    Tell me the {fields} in JSON: {sentence}
    Answer in JSON with the {fields}: {sentence}
    Take the {fields} from the sentence and write JSON: {sentence}
    What are the {fields} in this sentence? Write JSON: {sentence}
    What {fields} are in this text? Reply as JSON: {sentence}
    Can you extract the {fields} as JSON? {sentence}
    Could you give me a JSON object having the keys {fields}? {sentence}
    I need the {fields} as JSON: {sentence}
    I would like to have JSON with {fields} for this text: {sentence}
    This text mentions {fields}. Put them into JSON: {sentence}
    {sentence} Extract the {fields} as JSON.
    {sentence} Give me the {fields} of this as JSON.
    {sentence} Which {fields} are mentioned? Write a JSON object.
    {fields} as JSON: {sentence}
""",
)
PERSON = Phrasings(
    """
    {name} is {age} years old and lives in {city}.
    {name}, {age}, lives in {city}.
    My friend {name} lives in {city} and is {age} years old.
    {name} from {city} is {age} years old.
    At the age of {age}, {name} moved to {city}.
    In {city} lives {name}, who is {age} years old.
    {name} lives in {city} and turned {age} last week.
    I met {name} in {city}. {name} is {age}.
""",
    more="""
    {name} is {age} and lives in {city}.
    {name} is {age} and comes from {city}.
    {name} lives in {city} at the age of {age}.
    {name} moved to {city} when {name} was {age}.
    {name} has lived in {city} for {age} years.
    {name} ({age}) is from {city}.
    {name}, who is {age} years old, moved to {city}.
    {name}, who lives in {city}, is {age} years old.
    {city} is the home of {name}, aged {age}.
    {age} years ago, {name} was born in {city}.
    The age of {name} is {age}, and the home of {name} is {city}.
    Now {age} years old, {name} still lives in {city}.
    With {age} years, {name} is the oldest of us in {city}.
    My neighbor {name} is {age} and was born in {city}.
    In {city} I met {name}, aged {age}.
    This is {name} from {city}, {age} years old.
    When {name} came to {city}, {name} was {age} years old.
""",
)
WORKER = Phrasings(
    """
    {name} works as a {job} at {company}.
    {name} is a {job} at {company}.
    At {company}, {name} works as a {job}.
    {company} hired {name} as a {job}.
    The new {job} of {company} is {name}.
    {name} is the new {job} at {company}.
    {name} has been a {job} at {company} for years.
    {company} is where {name} works as a {job}.
""",
    more="""
    {name} works at {company} as a {job}.
    {name} works for {company} and is a {job}.
    {name} is employed by {company} as a {job}.
    {name} got a job as a {job} at {company}.
    {name} started at {company} as a {job}.
    {name}, a {job}, works at {company}.
    {name}, who is a {job}, was hired by {company}.
    {name} from {company} is a {job}.
    {company} has a new {job}, {name}.
    {company} pays {name} to work as a {job}.
    {company} is looking for a {job} and asks {name}.
    The {job} at {company} is called {name}.
    The name of the {job} at {company} is {name}.
    Our {job} {name} left us for {company}.
    As a {job}, {name} earns good money at {company}.
    If you call {company}, ask for the {job}, {name}.
    Meet {name}, the {job} of {company}.
""",
)
ORDER = Phrasings(
    """
    {name} ordered {quantity} {product} for {price} dollars.
    {name} bought {quantity} {product} and paid {price} dollars.
    An order by {name}: {quantity} {product}, {price} dollars in total.
    For {price} dollars, {name} ordered {quantity} {product}.
    We sent {quantity} {product} to {name}, at a price of {price} dollars.
    {name} paid {price} dollars for {quantity} {product}.
    {quantity} {product} were ordered by {name} for {price} dollars.
    Please send {quantity} {product} to {name}. The price is {price} dollars.
""",
    more="""
    {name} orders {quantity} {product} and pays {price} dollars.
    {name} buys {quantity} {product} for {price} dollars.
    {name} got {quantity} {product} at a price of {price} dollars.
    {name} wants {quantity} {product} and will pay {price} dollars.
    {name} spent {price} dollars on {quantity} {product}.
    {name} needs {quantity} {product}. They cost {price} dollars.
    {quantity} {product} for {name}, that makes {price} dollars.
    {quantity} {product} go to {name}, the price is {price} dollars.
    {price} dollars is what {name} paid for {quantity} {product}.
    We sold {quantity} {product} to {name} for {price} dollars.
    We have to send {name} {quantity} {product} worth {price} dollars.
    The order of {name} is {quantity} {product} at {price} dollars.
    The {quantity} {product} that {name} bought cost {price} dollars.
    Send {name} {quantity} {product} and a bill of {price} dollars.
    Today, {name} paid {price} dollars and received {quantity} {product}.
    At {price} dollars, {name} took {quantity} {product}.
""",
)
EVENT = Phrasings(
    """
    The {event} is on {day} at {time} in {city}.
    The {event} takes place on {day} at {time} in {city}.
    On {day} at {time} there is a {event} in {city}.
    Come to the {event} in {city} on {day} at {time}.
    In {city}, a {event} starts at {time} on {day}.
    Our {event} in {city} starts on {day} at {time}.
    Do not miss the {event} in {city}, {day} at {time}.
    We meet in {city} on {day} at {time} for the {event}.
""",
    more="""
    The {event} in {city} is on {day} at {time}.
    The {event} in {city} begins at {time} on {day}.
    There is a {event} in {city} on {day}. It starts at {time}.
    There will be a {event} on {day} at {time} in {city}.
    On {day}, {city} has a {event} at {time}.
    On {day} we go to {city} for the {event} at {time}.
    In {city} there is a {event} on {day} at {time}.
    {city} invites you to a {event} on {day} at {time}.
    {day}, {time}, {city}: {event}.
    I will be in {city} on {day} for the {event} at {time}.
    See you at the {event} on {day} at {time} in {city}.
    Be in {city} at {time} on {day}, the {event} will not wait.
""",
)
PRODUCT = Phrasings(
    """
    The {color} {product} by {company} cost {price} dollars.
    {company} sells {color} {product} for {price} dollars.
    For {price} dollars you get {color} {product} from {company}.
    {company} offers {color} {product} at {price} dollars.
    New from {company}: {product} in {color}, only {price} dollars.
    The price of the {color} {product} from {company} is {price} dollars.
    You can buy {color} {product} from {company} for {price} dollars.
    The {color} {product} from {company} are {price} dollars now.
""",
    more="""
    The {product} from {company} are {color} and cost {price} dollars.
    The {product} in {color} from {company} cost {price} dollars.
    The new {product} by {company} come in {color} for {price} dollars.
    {company} has new {product} in {color} for only {price} dollars.
    {company} makes {color} {product} that cost {price} dollars.
    {company} sells its {product} in {color} at {price} dollars.
    {company} asks {price} dollars for {color} {product}.
    {color} {product} from {company} cost only {price} dollars.
    {color} {product} for {price} dollars, made by {company}.
    {price} dollars is the price of {color} {product} by {company}.
    I bought {color} {product} from {company} for {price} dollars.
    I paid {price} dollars to {company} for {color} {product}.
    Only {price} dollars for {color} {product} at {company}.
    At {company}, {color} {product} cost {price} dollars.
    Get {product} in {color} from {company} and pay {price} dollars.
    New at the shop: {color} {product} of {company} for {price} dollars.
""",
)
CONTACT = Phrasings(
    """
    You can reach {name} at {email} or {phone}.
    {name}'s email is {email} and the phone number is {phone}.
    Write to {name} at {email} or call {phone}.
    Contact {name}: {email}, {phone}.
    {phone} is the number of {name}, whose mail goes to {email}.
    Call {name} at {phone} or write to {email}.
    The contact is {name}, {email}, phone {phone}.
    {name} answers mails to {email} and calls to {phone}.
""",
    more="""
    You reach {name} by mail at {email} and by phone at {phone}.
    The email of {name} is {email}, the phone is {phone}.
    {name} has the email {email} and the number {phone}.
    {name} has the phone number {phone} and the address {email}.
    {name} can be called at {phone}, or write to {email}.
    {name} reads mails sent to {email}. The number is {phone}.
    {name}: phone {phone}, mail {email}.
    {email} is the address of {name}, and {phone} is the number.
    {phone} belongs to {name}, and so does {email}.
    Send a mail to {email} or call {phone} to reach {name}.
    Call {phone} and ask for {name}, or send a mail to {email}.
    Mail for {name} goes to {email}, calls go to {phone}.
    My friend {name} uses the number {phone} and the mail {email}.
    If you need {name}, dial {phone} or use {email}.
    I wrote to {name} at {email} and then called {phone}.
""",
)
BIRTHDAY = Phrasings(
    """
    {name} was born on {day} {month} {year}.
    {name}, born on {day} {month} {year}, is here.
    The birthday of {name} is {day} {month} {year}.
    On {day} {month} {year}, {name} was born.
    {day} {month} {year} is when {name} came into the world.
    {name} came into the world on {day} {month} {year}.
    {name}'s date of birth is {day} {month} {year}.
    Born on {day} {month} {year}: {name}.
""",
    more="""
    {name} was born in {year}, on {day} {month}.
    {name} has a birthday on {day} {month} and was born in {year}.
    {name} celebrates on {day} {month}. The year of birth is {year}.
    {name} came to the world in {year}, on {day} {month}.
    {name} (born {day} {month} {year}) is my friend.
    {day} {month} {year} is the birthday of {name}.
    {day} {month} {year} was the day when {name} was born.
    The date of birth of {name} is {day} {month} {year}.
    The day {name} was born is {day} {month} {year}.
    The life of {name} began on {day} {month} {year}.
    It was {day} {month} {year} when {name} was born.
    In {year}, on {day} {month}, {name} was born.
    My friend {name} was born on {day} {month} {year}.
    Her child {name} came into this world on {day} {month} {year}.
    Since {day} {month} {year} there is {name} in this world.
    Birthday of {name}: {day} {month} {year}.
""",
)
TRIP = Phrasings(
    """
    {name} travels from {origin} to {destination} on {day}.
    On {day}, {name} flies from {origin} to {destination}.
    {name} takes the train from {origin} to {destination} on {day}.
    {name} goes to {destination} from {origin} on {day}.
    {name} leaves {origin} on {day}, bound for {destination}.
    A ticket for {name} from {origin} to {destination} on {day}, please.
    {name} has a ticket from {origin} to {destination} for {day}.
    From {origin} to {destination} on {day}: {name}.
""",
    more="""
    {name} drives from {origin} to {destination} on {day}.
    {name} will go from {origin} to {destination} on {day}.
    {name} flies on {day} from {origin} to {destination}.
    {name} is in {origin} and goes to {destination} on {day}.
    {name} starts in {origin} on {day} and ends in {destination}.
    {name} wants to travel to {destination} on {day}, starting in {origin}.
    {name} takes a bus to {destination} that leaves {origin} on {day}.
    {day} is the day when {name} leaves {origin} for {destination}.
    On {day}, {name} leaves {origin} and travels to {destination}.
    On {day}, a train brings {name} to {destination} from {origin}.
    The train of {name} from {origin} is bound for {destination}, on {day}.
    The trip of {name} on {day} goes from {origin} to {destination}.
    From {origin}, {name} goes on to {destination} on {day}.
    To reach {destination}, {name} leaves {origin} on {day}.
    We meet {name} in {destination} on {day}, coming from {origin}.
""",
)
LIKES = Phrasings(
    """
    {name} likes {first} and {second}.
    {name} loves {first} and {second}.
    The hobbies of {name} are {first} and {second}.
    {name} spends the weekend with {first} and {second}.
    What {name} enjoys most is {first} and {second}.
    {name} enjoys {first} and {second}.
    In the evening, {name} likes {first} and {second}.
    {name} has two hobbies, {first} and {second}.
""",
    more="""
    {name} likes {first} best, and then {second}.
    {name} likes {first} a lot and also {second}.
    {name} loves {first}, but {second} too.
    {name} is a fan of {first} and {second}.
    {name} spends every evening with {first} or {second}.
    {name} has fun with {first} and {second}.
    {name} does {first} and {second} for fun.
    {name}'s hobbies are {first} and {second}.
    {name}, who loves {first}, also enjoys {second}.
    {first} and {second} are the hobbies of {name}.
    {first} and {second} are what {name} likes.
    The two things {name} likes most are {first} and {second}.
    My friend {name} enjoys {first} and {second}.
    On weekends, {name} enjoys {first} and {second}.
    When {name} has time, it is for {first} and {second}.
    What does {name} like? It is {first} and {second}.
    For {name}, nothing is better than {first} and {second}.
""",
)


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
