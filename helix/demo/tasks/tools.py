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
        """, more="""
            What weather does {city} have?
            What weather is it in {city}?
            How's the weather in {city} right now?
            Is the weather nice in {city}?
            Is it sunny in {city}?
            Is it cold in {city} today?
            Is there rain in {city}?
            Will I get wet in {city}?
            Should I take an umbrella to {city}?
            Do I need warm clothes in {city} today?
            Is it a good day to be outside in {city}?
            Can I go for a walk in {city} today?
            Check the weather in {city}.
            Get me the weather for {city}.
            Look up the weather in {city}, please.
            I would like to know the weather in {city}.
            I am going to {city}. What is the weather like there?
            If I go out for a walk in {city}, do I get wet?
            What temperature does {city} have?
            How warm is it in {city}?
            Give me the weather in {city} today.
            {city} weather
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
        """, more="""
            What's the time in {city}?
            What is the local time in {city}?
            What time do they have in {city}?
            What hour is it in {city}?
            Which time is it over there in {city}?
            Get the time in {city}.
            Check the time in {city} for me.
            Look up the local time in {city}.
            Give me the current time in {city}.
            Do you know what time it is in {city}?
            Could you tell me how late it is in {city}?
            I would like to know the time in {city}.
            I want to call {city}. What time is it there?
            If I look at a clock in {city}, what time do I see?
            What time does a clock in {city} show?
            Is it already night in {city}?
            Is it still morning in {city}?
            {city} time now?
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
        """, more="""
            Use a tool and add {a} to {b}.
            Use your tool to sum up {a} and {b}.
            With the tool, add {a} and {b}.
            Let a tool add {a} and {b}.
            Let the tool compute {a} + {b}.
            Please add {a} and {b}.
            Please sum up {a} and {b}.
            Sum {a} and {b}.
            Can you add {a} and {b} for me?
            Could you work out {a} + {b}?
            How much is {a} + {b}?
            How much is {a} plus {b}?
            What do I get if I add {a} to {b}?
            If I add {a} and {b}, what is the sum?
            I would like to know the sum of {a} and {b}.
            I have to add {a} and {b}. Use the tool.
            Tell me {a} plus {b}.
            {a} + {b}
            {a} plus {b}?
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
        """, more="""
            Use a tool and multiply {a} with {b}.
            Use your tool to work out {a} x {b}.
            With the tool, multiply {a} by {b}.
            Let a tool multiply {a} and {b}.
            Let the tool compute {a} times {b}.
            Please multiply {a} and {b}.
            Please work out {a} x {b}.
            Can you multiply {a} by {b} for me?
            Could you work out the product {a} x {b}?
            How much is {a} times {b}?
            How much is {a} x {b}?
            What do I get if I multiply {a} by {b}?
            If I multiply {a} and {b}, what is the product?
            I would like to know the product of {a} and {b}.
            I have to multiply {a} by {b}. Use the tool.
            Tell me {a} times {b}.
            {a} x {b}
            {a} times {b}?
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
        """, more="""
            Search the internet for {query}.
            Search online for {query}.
            Look for {query} on the web.
            Look on the internet for {query}.
            Look up {query}.
            Find {query} on the web.
            Find web pages on {query}.
            Find out what the web says about {query}.
            Please search for {query} on the internet.
            Could you look up {query} online?
            Would you search for pages on {query}?
            What can you find on the web about {query}?
            What is there on the internet about {query}?
            What do web pages say about {query}?
            I want to read about {query}. Search the web.
            I would like to find pages about {query}.
            I need something on {query} from the web.
            If you search the web for {query}, what do you find?
            Do a web search on {query}.
            Web search: {query}
            Google {query}
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
        """, more="""
            Send an email about {subject} to {to}.
            Send a mail on {subject} to {to}.
            Send {to} a mail about {subject}.
            Write {to} an email about {subject}.
            Write a mail about {subject} to {to}.
            Write to {to} by email about {subject}.
            Tell {to} about {subject} by email.
            Inform {to} about {subject} in an email.
            Mail {to} about {subject}.
            An email to {to} on {subject}, please.
            Could you email {to} about {subject}?
            Would you write an email on {subject} to {to}?
            I would like to send {to} an email about {subject}.
            I need to let {to} know about {subject}. Send an email.
            I have to write {to} a mail about {subject}.
            {to} does not know about {subject} yet. Send an email.
            {to} must hear about {subject}, so send a mail.
            {to} has to get a mail about {subject}.
            If {to} should know about {subject}, send an email.
            Email to {to}: {subject}
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
        """, more="""
            Set the timer to {minutes} minutes.
            Set an alarm that rings in {minutes} minutes.
            Start a timer of {minutes} minutes.
            Start the timer: {minutes} minutes.
            Start counting down {minutes} minutes.
            Make the timer ring in {minutes} minutes.
            Let a timer run for {minutes} minutes.
            Ring in {minutes} minutes.
            Ring a bell after {minutes} minutes, please.
            Tell me when {minutes} minutes are over.
            Remind me after {minutes} minutes.
            Wake me after {minutes} minutes of sleep.
            I want to sleep for {minutes} minutes. Wake me up then.
            I want to be called in {minutes} minutes.
            I would like a timer of {minutes} minutes.
            My cake needs {minutes} minutes. Set a timer.
            Could you start a timer for {minutes} minutes?
            Can you wake me when {minutes} minutes have passed?
            When {minutes} minutes are up, let me know.
            {minutes} minute timer, please.
            {minutes} minutes on the timer.
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
        """, more="""
            Convert {amount} {source} into {target}.
            Change {amount} {source} into {target}, please.
            Exchange {amount} {source} for {target}.
            Turn {amount} {source} into {target}.
            Please convert {amount} {source} to {target}.
            Could you change {amount} {source} into {target}?
            How many {target} can I buy with {amount} {source}?
            How many {target} do {amount} {source} make?
            How much in {target} is {amount} {source}?
            What is {amount} {source} in {target}?
            What do I get in {target} for {amount} {source}?
            I would like to change {amount} {source} to {target}.
            I have {amount} {source} and want {target}. How many do I get?
            I paid {amount} {source}. How much is that in {target}?
            I need to know what {amount} {source} are in {target}.
            If I change {amount} {source}, how many {target} are that?
            If I have {amount} {source}, how much do I have in {target}?
            {amount} {source} to {target}
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
        """, more="""
            Translate into {language}: "{text}"
            Translate this to {language}: "{text}"
            Translate the word "{text}" into {language}.
            Give me "{text}" in {language}.
            Tell me "{text}" in {language}.
            Tell me how to say "{text}" in {language}.
            Put this into {language}: "{text}"
            Turn "{text}" into {language}.
            Write "{text}" in {language}.
            What does "{text}" mean in {language}?
            What is the {language} word for "{text}"?
            How would you say "{text}" in {language}?
            How is "{text}" translated into {language}?
            Could you put "{text}" in {language}?
            Do you know what "{text}" is in {language}?
            I would like to have "{text}" in {language}.
            I want to say "{text}" in {language}. How do I do that?
            I need a translation of "{text}" to {language}.
            If I want to say "{text}" in {language}, what do I say?
            "{text}" in {language}?
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
        """, more="""
            Add to my calendar: {title} on {day}.
            Put a {title} on {day} in the calendar.
            Put {title} into my calendar for {day}.
            Write the {title} on {day} into the calendar.
            Write in my calendar that there is a {title} on {day}.
            Note in my calendar: {day}, {title}.
            Save the {title} on {day} in my calendar.
            Enter a {title} for {day}.
            Plan a {title} for {day}.
            Make an event for the {title} on {day}.
            Could you put the {title} on {day} into my calendar?
            Can you note a {title} on {day} for me?
            I have a {title} on {day}. Add it to my calendar.
            I would like to have the {title} in my calendar on {day}.
            I need a calendar event for a {title} on {day}.
            There is a {title} on {day}. Put it into the calendar.
            If there is a {title} on {day}, it should be in my calendar.
            The date of the {title} is {day}. Save it.
            Calendar: {title} on {day}
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
        """, more="""
            Play some music by {artist}.
            Play me something by {artist}.
            Play a song by {artist}, please.
            Play the music of {artist}.
            Put on {artist}, please.
            Put on some music by {artist}.
            Start some {artist}.
            Let me hear some {artist}.
            Let me listen to {artist}.
            Could you play some {artist} for me?
            Can you put on something by {artist}?
            I would like to hear some {artist}.
            I would like to listen to {artist}.
            I want to listen to something nice by {artist}.
            I am in the mood for {artist}.
            It would be nice to hear {artist} now.
            How about some music by {artist}?
            If you have something by {artist}, play it.
            Music by {artist}, please.
            {artist}, please.
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
        """, more="""
            What is the latest news on {topic}?
            What's new about {topic}?
            What is new with {topic}?
            What happened with {topic} lately?
            Has anything happened with {topic} lately?
            Is there any news on {topic}?
            Are there news about {topic} today?
            Get me the latest on {topic}.
            Tell me the news about {topic}.
            Tell me what is going on around {topic}.
            Look up the news about {topic}.
            Read me the news on {topic}.
            Could you show me the news on {topic}?
            I would like to hear the news about {topic}.
            I want to know what happened lately with {topic}.
            If there is news about {topic}, show it to me.
            Latest news about {topic}
            {topic} news, please.
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
        """, more="""
            What is the stock price of {symbol}?
            What price does the stock {symbol} have?
            What does {symbol} cost?
            What does one share of {symbol} cost?
            What is {symbol} trading at?
            Where does the stock {symbol} stand now?
            How much does {symbol} cost today?
            How much do I pay for a stock of {symbol}?
            Look up the stock {symbol}.
            Look up the price of {symbol}.
            Tell me the price of the {symbol} stock.
            Give me the stock price of {symbol}.
            Show me the price at which the stock {symbol} trades.
            Could you check the price of {symbol}?
            I would like to know the price of {symbol}.
            I own the stock {symbol}. What is its price?
            If I buy {symbol}, what price do I pay?
            Price of {symbol}?
            {symbol} stock price
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
        """, more="""
            Find me a recipe for {dish}, please.
            Find out how to cook {dish}.
            Look up a recipe for {dish}.
            Search for a recipe for {dish}.
            Show me how to make {dish}.
            Tell me how to cook {dish}.
            Tell me the steps for making {dish}.
            Get me a recipe for {dish}.
            Could you give me a recipe for {dish}?
            Do you have a recipe for {dish}?
            How is {dish} made?
            How can I cook {dish} at home?
            What do I have to do to make {dish}?
            What are the steps to cook {dish}?
            I would like to make {dish}. How does it work?
            I need a recipe for {dish}.
            I am hungry for {dish}. Find a recipe.
            If I want to cook {dish}, which recipe do I take?
            A recipe for {dish}, please.
            Cooking {dish}: which recipe?
            {dish} recipe
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
        """, more="""
            How far is the way from {origin} to {destination}?
            How far do I have to go from {origin} to {destination}?
            How far away is {destination} from {origin}?
            How many kilometers is it from {origin} to {destination}?
            How many kilometers is {destination} away from {origin}?
            How long is the way from {origin} to {destination}?
            What is the distance between {origin} and {destination}?
            What distance lies between {origin} and {destination}?
            Give me the distance between {origin} and {destination}.
            Get the distance from {origin} to {destination}.
            Look up the distance between {origin} and {destination}.
            Tell me how far it is from {origin} to {destination}.
            Tell me how many kilometers it is from {origin} to {destination}.
            Could you tell me the distance between {origin} and {destination}?
            I would like to know how far {destination} is from {origin}.
            I drive from {origin} to {destination}. How far is it?
            If I go from {origin} to {destination}, how many kilometers is that?
            {origin} to {destination}, how far?
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
        """, more="""
            Turn on the {room} light.
            Turn the light on in the {room}.
            Turn on the lamp in the {room}.
            Switch on the {room} light.
            Switch the light in the {room} on, please.
            Put on the light in the {room}.
            Make it bright in the {room}.
            Make the {room} bright.
            Light up the {room}.
            Could you switch on the light in the {room}?
            Would you turn the {room} light on?
            I would like to have light in the {room}.
            I cannot see anything in the {room}. Turn on the light.
            I am in the {room} and it is dark. Turn on the light.
            The {room} is dark. Switch on the light.
            The {room} is too dark for me.
            If it is dark in the {room}, turn on the light.
            The light in the {room} should be on.
            {room} light on
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
        """, more="""
            Set the temperature of the {room} to {degrees} degrees.
            Set {degrees} degrees in the {room}.
            Set the heating to {degrees} degrees in the {room}.
            Turn the heating in the {room} to {degrees} degrees.
            Turn the {room} to {degrees} degrees.
            Heat up the {room} to {degrees}.
            Make the {room} {degrees} degrees warm.
            Bring the {room} to {degrees} degrees.
            Could you heat the {room} to {degrees} degrees?
            Can you make it {degrees} degrees in the {room}?
            I need {degrees} degrees in the {room}.
            I am cold in the {room}. Set it to {degrees} degrees.
            The {room} should have {degrees} degrees.
            The {room} should be at {degrees} degrees.
            If possible, make the {room} {degrees} degrees.
            It should be {degrees} degrees in the {room}.
            {degrees} degrees in the {room}, please.
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
        """, more="""
            Order {quantity} {product} for me, please.
            Order {quantity} more {product}.
            Order us {quantity} {product}.
            Buy me {quantity} {product}.
            Buy {quantity} more {product}, please.
            Get me {quantity} {product}.
            Get {quantity} {product} for us.
            Make an order of {quantity} {product}.
            Could you buy {quantity} {product}?
            Can you get us {quantity} {product}?
            I would like to order {quantity} {product}.
            I would like to have {quantity} {product}.
            I want {quantity} {product}. Please order them.
            We need {quantity} {product}, so order them.
            We need more {product}. Order {quantity}.
            We have no {product} left. Buy {quantity} new ones.
            I am short of {product}. Order {quantity}, please.
            If you can, order {quantity} {product} for us.
            There are no more {product}. Get {quantity}.
            {quantity} {product}, please.
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
        """, more="""
            Save {phone} for {name}.
            Save the phone number of {name}, it is {phone}.
            Save the contact {name}: {phone}.
            Add {name} with the number {phone}.
            Add the number {phone} of {name} to my contacts.
            Add a contact: {name}, {phone}.
            Put {name} into my contacts with {phone}.
            Keep the number {phone} for {name}.
            Keep this for me: the phone number of {name} is {phone}.
            Note the number of {name}: {phone}.
            Write down {phone} as the number of {name}.
            Could you save the number of {name}? It is {phone}.
            Can you keep {phone} as the number of {name}?
            I would like to save {phone} as the number of {name}.
            I got the number of {name}, {phone}. Please save it.
            If I want to call {name}, the number is {phone}. Save it.
            You can call {name} at {phone}. Add that to my contacts.
            {name} has the number {phone}. Please keep it.
            {name}'s number is {phone}. Save that.
            {phone} is the number of {name}. Add it.
            New contact: {name}, {phone}
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
        """, more="""
            Roll one {sides}-sided die for me.
            Roll a die that has {sides} sides.
            Roll a dice with {sides} sides, please.
            Throw a {sides}-sided die.
            Throw the die. It has {sides} sides.
            Take a die with {sides} sides and roll it.
            Let me roll a die with {sides} sides.
            Let a {sides}-sided die roll.
            Let us throw a die with {sides} sides.
            Could you throw a die with {sides} sides?
            Would you roll the {sides}-sided die?
            I would like to roll a {sides}-sided die.
            I need a roll of a die with {sides} sides.
            I cannot decide. Roll a die with {sides} sides.
            My die has {sides} sides. Roll it.
            We decide by a die with {sides} sides. Roll it.
            If you roll a die with {sides} sides, what do you get?
            What do you get with a die of {sides} sides?
            A {sides}-sided die, please.
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
MADE_UP_QUESTIONS = Phrasings(
    """
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
""",
    more="""
    {verb} the {noun} using {values}.
    {verb} the {noun}: {values}.
    {verb} {a_noun}: {values}.
    {verb} {a_noun} for me, with {values}.
    {verb} one {noun}, using {values}.
    Now {verb} the {noun} with {values}.
    Please {verb} my {noun} with {values}.
    Please {verb} {a_noun}. Take {values}.
    Could you {verb} the {noun}? Use {values}.
    Can you please {verb} one {noun} now? It has {values}.
    Would you {verb} {a_noun} for me, with {values}?
    I would like to {verb} {a_noun} with {values}.
    I would like you to {verb} the {noun}, using {values}.
    I have {a_noun} to {verb}, with {values}.
    I have {a_noun} here. Please {verb} it with {values}.
    There is {a_noun} here. You should {verb} it with {values}.
    We have to {verb} the {noun}, and the values are {values}.
    Let me {verb} {a_noun}: {values}.
    Let the tool {verb} the {noun} with {values}.
    With {values}, {verb} the {noun}.
    With {values}, please {verb} {a_noun}.
    Run {name} with {values}.
    Use the tool {name}: {values}.
    Use {values} to {verb} the {noun}.
    If you can {verb} {a_noun}, do it with {values}.
    The {noun} is what I want to {verb}, with {values}.
""",
)


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
