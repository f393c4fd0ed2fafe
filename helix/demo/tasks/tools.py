"""The tools that the demo model sees offered, and what is asked of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from helix.demo.tasks.draw import Draw, Phrasings, Pool
from helix.demo.tasks.vocabulary import LANGUAGES, TRANSLATIONS, translation
from helix.demo.tasks.words import DAYS, EVENTS, FOODS, NAMES, NOUNS, PRODUCTS, TOWNS, VERBS, an

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
        Phrasings("""
            What is the weather in {city}?
            What's the weather like in {city}?
            How is the weather in {city}?
            Tell me the weather in {city}.
            Do I need an umbrella in {city}?
            Is it raining in {city}?
            Weather in {city}
            What is the weather like in {city} today?
            Is it warm in {city}?
            Is it a nice day for a walk in {city}?
            How cold is it in {city}?
            Can you check the weather in {city}?
        """),
        lambda draw: {"city": draw.word(TOWNS)},
        lambda rng, _: {"condition": rng.choice(CONDITIONS), "temperature": rng.randint(-9, 38)},
        "It is {condition} in {city}, with {temperature} degrees.",
        "I cannot check the weather with my tools.",
    ),
    Tool(
        "get_time", "Get the local time in a city", {"city": "string"},
        Phrasings("""
            What time is it in {city}?
            What is the time in {city}?
            Tell me the time in {city}.
            What's the local time in {city}?
            How late is it now over in {city}?
            Time in {city}?
            Can you tell me the time in {city}?
            What time is it now in {city}?
            Is it late in {city}?
            What does the clock say in {city}?
        """),
        lambda draw: {"city": draw.word(TOWNS)},
        lambda rng, _: {"time": _clock(rng)},
        "It is {time} in {city}.",
        "I cannot look up the time with my tools.",
    ),
    Tool(
        "add", "Add two numbers", {"a": "integer", "b": "integer"},
        Phrasings("""
            Use the tool to add {a} and {b}.
            What is {a} plus {b}?
            Add {a} and {b}.
            What is {a} + {b}?
            Let the tool sum up {a} and {b}.
            Compute {a} + {b} with the tool.
            Calculate {a} + {b}.
            What is the sum of {a} and {b}?
        """),
        lambda draw: {"a": _number(draw, 100, 9999), "b": _number(draw, 100, 9999)},
        lambda _, a: {"result": a["a"] + a["b"]},
        "{a} + {b} = {result}.",
        "I have no tool for adding numbers.",
    ),
    Tool(
        "multiply", "Multiply two numbers", {"a": "integer", "b": "integer"},
        Phrasings("""
            Use the tool to multiply {a} by {b}.
            What is {a} times {b}?
            Multiply {a} by {b}.
            What is {a} x {b}?
            Let the tool work out the product of {a} and {b}.
            Compute {a} times {b} with the tool.
            Calculate {a} x {b}.
            What is the product of {a} and {b}?
        """),
        lambda draw: {"a": _number(draw, 11, 999), "b": _number(draw, 11, 99)},
        lambda _, a: {"result": a["a"] * a["b"]},
        "{a} x {b} = {result}.",
        "I have no tool for multiplying numbers.",
    ),
    Tool(
        "search_web", "Search the web", {"query": "string"},
        Phrasings("""
            Search the web for {query}.
            Search for {query}.
            Look up {query} on the web.
            Find pages about {query}.
            What does the internet say on {query}?
            Google {query} for me.
            Search {query}
            Can you search the web for {query}?
            Find something about {query} online.
            I would like to read on the web about {query}.
        """),
        lambda draw: {"query": draw.word(TOPICS)},
        lambda rng, a: {"title": f"All about {a['query']}", "pages": rng.randint(2, 99)},
        "I found {pages} pages. The first one is \"{title}\".",
        "I cannot search the web with my tools.",
    ),
    Tool(
        "send_email", "Send an email", {"to": "string", "subject": "string"},
        Phrasings("""
            Send an email to {to} about {subject}.
            Email {to} about {subject}.
            Write an email to {to} about {subject}.
            Send {to} an email about {subject}.
            {to} should get an email on {subject}.
            Please email {to} about {subject}.
            Can you send {to} an email about {subject}?
            I want to email {to} about {subject}.
            Send a mail to {to} about {subject}.
            Let {to} know by email about {subject}.
        """),
        lambda draw: {"to": draw.word(NAMES), "subject": draw.rng.choice(SUBJECTS)},
        lambda _, __: {"status": "sent"},
        "The email to {to} about {subject} was {status}.",
        "I cannot send emails with my tools.",
    ),
    Tool(
        "set_timer", "Set a timer in minutes", {"minutes": "integer"},
        Phrasings("""
            Set a timer for {minutes} minutes.
            Set a timer: {minutes} minutes.
            Start a timer for {minutes} minutes.
            Start a {minutes} minute timer.
            Wake me up in {minutes} minutes.
            I need a timer for {minutes} minutes.
            Timer for {minutes} minutes
            Can you set a timer for {minutes} minutes?
            Set a {minutes} minute timer.
            Let it ring after {minutes} minutes.
        """),
        lambda draw: {"minutes": _number(draw, 1, 90)},
        lambda _, __: {"status": "started"},
        "The timer is {status}: {minutes} minutes.",
        "I cannot set timers with my tools.",
    ),
    Tool(
        "convert_currency", "Convert money", {"amount": "integer", "source": "string", "target": "string"},
        Phrasings("""
            Convert {amount} {source} to {target}.
            How much is {amount} {source} in {target}?
            What are {amount} {source} in {target}?
            Change {amount} {source} to {target}.
            For {amount} {source}, how many {target} do I get?
            How many {target} are {amount} {source}?
            {amount} {source} in {target}?
            Can you convert {amount} {source} to {target}?
            Exchange {amount} {source} to {target}.
            I have {amount} {source}. What is that in {target}?
        """),
        _currency,
        lambda rng, _: {"result": rng.randint(1, 2000)},
        "{amount} {source} are {result} {target}.",
        "I cannot convert money with my tools.",
    ),
    Tool(
        "translate", "Translate a text", {"text": "string", "language": "string"},
        Phrasings("""
            Translate "{text}" into {language}.
            Translate "{text}" to {language}.
            How do you say "{text}" in {language}?
            What is "{text}" in {language}?
            Put "{text}" into {language} for me.
            Can you translate "{text}" into {language}?
            Please translate "{text}" to {language}.
            Say "{text}" in {language}.
        """),
        _translation,
        lambda _, a: {"translation": translation(a["text"], a["language"])},
        'In {language}, "{text}" is "{translation}".',
        "I have no tool for translating texts.",
    ),
    Tool(
        "create_event", "Add an event to the calendar", {"title": "string", "day": "string"},
        Phrasings("""
            Add the {title} on {day} to my calendar.
            Create an event: {title} on {day}.
            Put the {title} on {day} into my calendar.
            Add a {title} to my calendar on {day}.
            On {day} I have a {title}, so note it in the calendar.
            Create a calendar event for the {title} on {day}.
            My calendar needs a {title} on {day}.
            Can you add the {title} on {day} to my calendar?
            Schedule a {title} on {day}.
            Save the date: {title} on {day}.
        """),
        lambda draw: {"title": draw.word(EVENTS), "day": draw.rng.choice(DAYS)},
        lambda _, __: {"status": "added"},
        "I {status} the {title} on {day} to your calendar.",
        "I cannot change your calendar with my tools.",
    ),
    Tool(
        "play_music", "Play music of an artist", {"artist": "string"},
        Phrasings("""
            Play some {artist}.
            Play music by {artist}.
            I want to hear {artist}.
            Play {artist}.
            Something by {artist} would be nice to listen to.
            Put on some {artist}.
            Can you play {artist}?
            Play something by {artist}.
        """),
        lambda draw: {"artist": draw.word(ARTISTS)},
        lambda _, __: {"status": "playing"},
        "Now {status} music by {artist}.",
        "I cannot play music with my tools.",
    ),
    Tool(
        "get_news", "Get the news on a topic", {"topic": "string"},
        Phrasings("""
            What is the news about {topic}?
            Any news about {topic}?
            Give me the news on {topic}.
            Show me news about {topic}.
            What has happened lately around {topic}?
            Get the news about {topic}.
            News on {topic}?
            Can you get the latest news about {topic}?
        """),
        lambda draw: {"topic": draw.word(TOPICS)},
        lambda rng, a: {"headline": f"{rng.choice(HEADLINES)} for {a['topic']}"},
        'The latest headline on {topic} is "{headline}".',
        "I cannot get the news with my tools.",
    ),
    Tool(
        "get_stock_price", "Get the price of a stock", {"symbol": "string"},
        Phrasings("""
            What is the price of the stock {symbol}?
            What does the {symbol} stock cost?
            Get the stock price of {symbol}.
            How much is the {symbol} stock?
            At what price does {symbol} trade?
            Stock price of {symbol}?
            Check the stock {symbol}.
            Can you tell me the stock price of {symbol}?
        """),
        lambda draw: {"symbol": draw.value(lambda: "".join(draw.rng.sample("ABCDEFGHKLMNPRSTUVXYZ", 3)))},
        lambda rng, _: {"price": rng.randint(2, 900)},
        "The stock {symbol} is at {price} dollars.",
        "I cannot look up stock prices with my tools.",
    ),
    Tool(
        "find_recipe", "Find a recipe for a dish", {"dish": "string"},
        Phrasings("""
            Find a recipe for {dish}.
            How do I cook {dish}?
            How do I make {dish}?
            Give me a recipe for {dish}.
            Which steps does cooking {dish} take?
            I want to cook {dish}. Find a recipe.
            Recipe for {dish}?
            Can you find me a recipe for {dish}?
        """),
        lambda draw: {"dish": draw.word(FOODS)},
        lambda rng, _: {"minutes": rng.randint(10, 90), "rating": rng.randint(3, 5)},
        "I found a recipe for {dish}. It takes {minutes} minutes and has {rating} stars.",
        "I cannot find recipes with my tools.",
    ),
    Tool(
        "get_distance", "Get the distance between two cities", {"origin": "string", "destination": "string"},
        Phrasings("""
            How far is it from {origin} to {destination}?
            What is the distance from {origin} to {destination}?
            How far is {destination} from {origin}?
            Distance from {origin} to {destination}?
            How many kilometers lie between {origin} and {destination}?
            Tell me the distance from {origin} to {destination}.
            Can you look up how far it is from {origin} to {destination}?
            Is it far from {origin} to {destination}?
        """),
        _distance,
        lambda rng, _: {"kilometers": rng.randint(50, 9000)},
        "It is {kilometers} kilometers from {origin} to {destination}.",
        "I cannot measure distances with my tools.",
    ),
    Tool(
        "turn_on_light", "Turn on the light in a room", {"room": "string"},
        Phrasings("""
            Turn on the light in the {room}.
            Switch on the light in the {room}.
            Turn the {room} light on.
            Light on in the {room}, please.
            It is too dark in the {room}.
            Make some light in the {room}.
            I need light in the {room}.
            Can you turn on the light in the {room}?
        """),
        lambda draw: {"room": draw.word(ROOMS)},
        lambda _, __: {"status": "on"},
        "The light in the {room} is {status}.",
        "I cannot turn on lights with my tools.",
    ),
    Tool(
        "set_temperature", "Set the heating of a room", {"room": "string", "degrees": "integer"},
        Phrasings("""
            Set the {room} to {degrees} degrees.
            Set the heating in the {room} to {degrees} degrees.
            Heat the {room} to {degrees} degrees.
            Make it {degrees} degrees in the {room}.
            In the {room} I would like to have {degrees} degrees.
            Set the temperature in the {room} to {degrees}.
            Can you set the {room} to {degrees} degrees?
            I want {degrees} degrees in the {room}.
        """),
        lambda draw: {"room": draw.word(ROOMS), "degrees": _number(draw, 10, 29)},
        lambda _, __: {"status": "set"},
        "The {room} is {status} to {degrees} degrees.",
        "I cannot set the heating with my tools.",
    ),
    Tool(
        "order_product", "Order a product", {"product": "string", "quantity": "integer"},
        Phrasings("""
            Order {quantity} {product}.
            Buy {quantity} {product}.
            Please order {quantity} {product}.
            I need {quantity} {product}. Order them.
            We are short of {product}, get us {quantity} more.
            Can you order {quantity} {product} for me?
            Place an order for {quantity} {product}.
            I want to buy {quantity} {product}.
        """),
        lambda draw: {"product": draw.word(PRODUCTS), "quantity": _number(draw, 2, 60)},
        lambda rng, _: {"order": rng.randint(100, 999)},
        "I ordered {quantity} {product}. Your order number is {order}.",
        "I cannot order anything with my tools.",
    ),
    Tool(
        "add_contact", "Save a phone number", {"name": "string", "phone": "string"},
        Phrasings("""
            Save the number {phone} for {name}.
            Add {name} to my contacts: {phone}.
            The phone number of {name} is {phone}. Save it.
            Save {name} with the number {phone}.
            {name} can be called at {phone}, keep that for me.
            Add the contact {name}, {phone}.
            Please save {phone} as the number of {name}.
            Can you add {name} with {phone} to my contacts?
        """),
        lambda draw: {"name": draw.word(NAMES), "phone": f"555-{_number(draw, 1000, 9999)}"},
        lambda _, __: {"status": "saved"},
        "I {status} the number {phone} for {name}.",
        "I cannot save contacts with my tools.",
    ),
    Tool(
        "roll_dice", "Roll a die", {"sides": "integer"},
        Phrasings("""
            Roll a die with {sides} sides.
            Roll a {sides}-sided die.
            Throw a die with {sides} sides.
            Please roll a die with {sides} sides.
            Let a die of {sides} sides decide.
            Can you roll a {sides}-sided die?
            I want to roll a die that has {sides} sides.
            Roll the die, {sides} sides.
        """),
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
MADE_UP_QUESTIONS = Phrasings("""
    {verb} the {noun} with {values}.
    {verb} {a_noun} with {values}.
    Please {verb} the {noun}: {values}.
    Can you {verb} the {noun} with {values}?
    There is {a_noun} to {verb}: {values}.
    I want to {verb} the {noun} with {values}.
    {verb} {noun}, {values}
    Could you {verb} {a_noun} with {values}?
    {verb} my {noun} using {values}.
    Let us {verb} one {noun} now, with {values}.
    Use {name} with {values}.
    Call {name} with {values}.
    I need to {verb} the {noun} with {values}.
""")


def made_up(draw: Draw, parameters: int) -> tuple[dict[str, Any], str, Arguments]:
    """Return a tool that was never seen before in this combination, a request for it, and the arguments meant."""
    verb, noun = draw.value(lambda: (draw.rng.choice(VERBS.words), draw.rng.choice(NOUNS.words)))
    names = draw.rng.sample(list(MADE_UP_PARAMETERS), parameters)
    arguments = {name: draw.rng.choice(MADE_UP_PARAMETERS[name]) for name in names}
    kinds = {name: "integer" if isinstance(value, int) else "string" for name, value in arguments.items()}
    tool = definition(f"{verb}_{noun}", f"{verb.capitalize()} {an(noun)}", kinds)
    values = " and ".join(f"{name} {value}" for name, value in arguments.items())
    request = draw.say(MADE_UP_QUESTIONS, verb=verb, noun=noun, a_noun=an(noun), name=f"{verb}_{noun}", values=values)
    return tool, request[0].upper() + request[1:], arguments
