"""The tools that the demo model sees offered, and what is asked of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from helix.demo.tasks.draw import Draw, Phrasings, Pool, load_phrasings
from helix.demo.tasks.vocabulary import LANGUAGES, TRANSLATIONS, translation
from helix.demo.tasks.words import DAYS, EVENTS, FOODS, NAMES, NOUNS, PRODUCTS, TOWNS, VERBS, an

PHRASINGS = load_phrasings("tools")

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function on offer, the questions that call for it and the answers that its results allow."""

    name: str
    """Name of the function."""
    description: str
    """What it does, in a few words."""
    parameters: Mapping[str, str]
    """Type of each parameter: string, integer or number; all are required."""
    questions: Phrasings
    """Questions that call for it; their fields are the parameters."""
    draw_arguments: Callable[[Draw], Arguments]
    """Draws the arguments of one call."""
    draw_result: Callable[[random.Random, Arguments], dict[str, Any]]
    """Draws what the function returns."""
    answer: str
    """Answer after the result; its fields are parameters and fields of the result."""
    refusal: str
    """Answer where the tool is wanted and is not among those offered."""

    def definition(self) -> dict[str, Any]:
        """Return the tool in OpenAI's form."""
        return definition(self.name, self.description, self.parameters)


def definition(name: str, description: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return a function tool in OpenAI's form, every parameter required."""
    properties = {parameter: {"type": kind} for parameter, kind in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOPICS = Pool(
    "robots volcanoes trains whales coffee chess castles comets bees maps opera tea football painting history rockets "
    "gardens clocks bridges islands"
)
CONDITIONS = ("sunny", "rainy", "cloudy", "windy", "snowy", "foggy")
HEADLINES = ("New ideas", "Big day", "Good year", "Record prices")
SUBJECTS = ("lunch", "the meeting", "the report", "the party", "our trip", "the invoice", "the plan", "tomorrow")
CURRENCIES = ("dollars", "euros", "pounds", "yen", "francs")
ROOMS = Pool("kitchen bedroom bathroom office garage hall attic cellar study library nursery pantry")
ARTISTS = Pool("Mozart Bach Beethoven Chopin Vivaldi Verdi Handel Brahms Haydn Liszt Schubert Ravel Debussy Puccini")


def _two(draw: Draw, words: tuple[str, ...]) -> tuple[str, str]:
    first, second = draw.rng.sample(words, 2)
    return first, second


def _clock(rng: random.Random) -> str:
    return f"{rng.randint(1, 12)}:{rng.randint(0, 59):02d} {rng.choice(('am', 'pm'))}"


def _currency(draw: Draw) -> Arguments:
    source, target = _two(draw, CURRENCIES)
    return {"amount": _number(draw, 1, 900), "source": source, "target": target}


def _distance(draw: Draw) -> Arguments:
    origin, destination = draw.words(TOWNS, 2)
    return {"origin": origin, "destination": destination}


def _translation(draw: Draw) -> Arguments:
    text, language = draw.value(lambda: (draw.rng.choice(list(TRANSLATIONS)), draw.rng.choice(LANGUAGES)))
    return {"text": text, "language": language}


def _number(draw: Draw, low: int, high: int) -> int:
    """Draw a number, an unseen one where new values are wanted."""
    return draw.value(lambda: draw.rng.randint(low, high))


TOOLS = (
    Tool(
        "get_weather", "Get the weather in a city", {"city": "string"},
        PHRASINGS["get_weather"],
        lambda draw: {"city": draw.word(TOWNS)},
        lambda rng, _: {"condition": rng.choice(CONDITIONS), "temperature": rng.randint(-9, 38)},
        "It is {condition} in {city}, with {temperature} degrees.",
        "I cannot check the weather with my tools.",
    ),
    Tool(
        "get_time", "Get the local time in a city", {"city": "string"},
        PHRASINGS["get_time"],
        lambda draw: {"city": draw.word(TOWNS)},
        lambda rng, _: {"time": _clock(rng)},
        "It is {time} in {city}.",
        "I cannot look up the time with my tools.",
    ),
    Tool(
        "add", "Add two numbers", {"a": "integer", "b": "integer"},
        PHRASINGS["add"],
        lambda draw: {"a": _number(draw, 100, 9999), "b": _number(draw, 100, 9999)},
        lambda _, a: {"result": a["a"] + a["b"]},
        "{a} + {b} = {result}.",
        "I have no tool for adding numbers.",
    ),
    Tool(
        "multiply", "Multiply two numbers", {"a": "integer", "b": "integer"},
        PHRASINGS["multiply"],
        lambda draw: {"a": _number(draw, 11, 999), "b": _number(draw, 11, 99)},
        lambda _, a: {"result": a["a"] * a["b"]},
        "{a} x {b} = {result}.",
        "I have no tool for multiplying numbers.",
    ),
    Tool(
        "search_web", "Search the web", {"query": "string"},
        PHRASINGS["search_web"],
        lambda draw: {"query": draw.word(TOPICS)},
        lambda rng, a: {"title": f"All about {a['query']}", "pages": rng.randint(2, 99)},
        "I found {pages} pages. The first one is \"{title}\".",
        "I cannot search the web with my tools.",
    ),
    Tool(
        "send_email", "Send an email", {"to": "string", "subject": "string"},
        PHRASINGS["send_email"],
        lambda draw: {"to": draw.word(NAMES), "subject": draw.rng.choice(SUBJECTS)},
        lambda _, __: {"status": "sent"},
        "The email to {to} about {subject} was {status}.",
        "I cannot send emails with my tools.",
    ),
    Tool(
        "set_timer", "Set a timer in minutes", {"minutes": "integer"},
        PHRASINGS["set_timer"],
        lambda draw: {"minutes": _number(draw, 1, 90)},
        lambda _, __: {"status": "started"},
        "The timer is {status}: {minutes} minutes.",
        "I cannot set timers with my tools.",
    ),
    Tool(
        "convert_currency", "Convert money", {"amount": "integer", "source": "string", "target": "string"},
        PHRASINGS["convert_currency"],
        _currency,
        lambda rng, _: {"result": rng.randint(1, 2000)},
        "{amount} {source} are {result} {target}.",
        "I cannot convert money with my tools.",
    ),
    Tool(
        "translate", "Translate a text", {"text": "string", "language": "string"},
        PHRASINGS["translate"],
        _translation,
        lambda _, a: {"translation": translation(a["text"], a["language"])},
        'In {language}, "{text}" is "{translation}".',
        "I have no tool for translating texts.",
    ),
    Tool(
        "create_event", "Add an event to the calendar", {"title": "string", "day": "string"},
        PHRASINGS["create_event"],
        lambda draw: {"title": draw.word(EVENTS), "day": draw.rng.choice(DAYS)},
        lambda _, __: {"status": "added"},
        "I {status} the {title} on {day} to your calendar.",
        "I cannot change your calendar with my tools.",
    ),
    Tool(
        "play_music", "Play music of an artist", {"artist": "string"},
        PHRASINGS["play_music"],
        lambda draw: {"artist": draw.word(ARTISTS)},
        lambda _, __: {"status": "playing"},
        "Now {status} music by {artist}.",
        "I cannot play music with my tools.",
    ),
    Tool(
        "get_news", "Get the news on a topic", {"topic": "string"},
        PHRASINGS["get_news"],
        lambda draw: {"topic": draw.word(TOPICS)},
        lambda rng, a: {"headline": f"{rng.choice(HEADLINES)} for {a['topic']}"},
        'The latest headline on {topic} is "{headline}".',
        "I cannot get the news with my tools.",
    ),
    Tool(
        "get_stock_price", "Get the price of a stock", {"symbol": "string"},
        PHRASINGS["get_stock_price"],
        lambda draw: {"symbol": draw.value(lambda: "".join(draw.rng.sample("ABCDEFGHKLMNPRSTUVXYZ", 3)))},
        lambda rng, _: {"price": rng.randint(2, 900)},
        "The stock {symbol} is at {price} dollars.",
        "I cannot look up stock prices with my tools.",
    ),
    Tool(
        "find_recipe", "Find a recipe for a dish", {"dish": "string"},
        PHRASINGS["find_recipe"],
        lambda draw: {"dish": draw.word(FOODS)},
        lambda rng, _: {"minutes": rng.randint(10, 90), "rating": rng.randint(3, 5)},
        "I found a recipe for {dish}. It takes {minutes} minutes and has {rating} stars.",
        "I cannot find recipes with my tools.",
    ),
    Tool(
        "get_distance", "Get the distance between two cities", {"origin": "string", "destination": "string"},
        PHRASINGS["get_distance"],
        _distance,
        lambda rng, _: {"kilometers": rng.randint(50, 9000)},
        "It is {kilometers} kilometers from {origin} to {destination}.",
        "I cannot measure distances with my tools.",
    ),
    Tool(
        "turn_on_light", "Turn on the light in a room", {"room": "string"},
        PHRASINGS["turn_on_light"],
        lambda draw: {"room": draw.word(ROOMS)},
        lambda _, __: {"status": "on"},
        "The light in the {room} is {status}.",
        "I cannot turn on lights with my tools.",
    ),
    Tool(
        "set_temperature", "Set the heating of a room", {"room": "string", "degrees": "integer"},
        PHRASINGS["set_temperature"],
        lambda draw: {"room": draw.word(ROOMS), "degrees": _number(draw, 10, 29)},
        lambda _, __: {"status": "set"},
        "The {room} is {status} to {degrees} degrees.",
        "I cannot set the heating with my tools.",
    ),
    Tool(
        "order_product", "Order a product", {"product": "string", "quantity": "integer"},
        PHRASINGS["order_product"],
        lambda draw: {"product": draw.word(PRODUCTS), "quantity": _number(draw, 2, 60)},
        lambda rng, _: {"order": rng.randint(100, 999)},
        "I ordered {quantity} {product}. Your order number is {order}.",
        "I cannot order anything with my tools.",
    ),
    Tool(
        "add_contact", "Save a phone number", {"name": "string", "phone": "string"},
        PHRASINGS["add_contact"],
        lambda draw: {"name": draw.word(NAMES), "phone": f"555-{_number(draw, 1000, 9999)}"},
        lambda _, __: {"status": "saved"},
        "I {status} the number {phone} for {name}.",
        "I cannot save contacts with my tools.",
    ),
    Tool(
        "roll_dice", "Roll a die", {"sides": "integer"},
        PHRASINGS["roll_dice"],
        lambda draw: {"sides": _number(draw, 4, 100)},
        lambda rng, a: {"result": rng.randint(1, a["sides"])},
        "You rolled a {result}.",
        "I cannot roll dice with my tools.",
    ),
)  # fmt: skip

MADE_UP_PARAMETERS: Mapping[str, tuple[str | int, ...]] = {
    "name": ("alpha", "beta", "gamma", "delta", "omega", "sigma"),
    "id": tuple(range(1, 500)),
    "color": ("red", "green", "blue", "black", "white"),
    "size": ("small", "medium", "large"),
    "count": tuple(range(2, 80)),
    "delay": tuple(range(1, 60)),
    "owner": NAMES.seen,
    "city": TOWNS.seen,
    "level": ("low", "high", "normal"),
    "format": ("pdf", "csv", "text", "json"),
    "day": DAYS,
    "limit": tuple(range(5, 300)),
}


def made_up(draw: Draw, parameters: int) -> tuple[dict[str, Any], str, Arguments]:
    """Return a tool that was never seen before in this combination, a request for it, and the arguments meant."""
    verb, noun = draw.value(lambda: (draw.rng.choice(VERBS.words), draw.rng.choice(NOUNS.words)))
    names = draw.rng.sample(list(MADE_UP_PARAMETERS), parameters)
    arguments = {name: draw.rng.choice(MADE_UP_PARAMETERS[name]) for name in names}
    kinds = {name: "integer" if isinstance(value, int) else "string" for name, value in arguments.items()}
    tool = definition(f"{verb}_{noun}", f"{verb.capitalize()} {an(noun)}", kinds)
    values = " and ".join(f"{name} {value}" for name, value in arguments.items())
    request = draw.say(
        PHRASINGS["made_up"], verb=verb, noun=noun, a_noun=an(noun), name=f"{verb}_{noun}", values=values
    )
    return tool, request[0].upper() + request[1:], arguments
