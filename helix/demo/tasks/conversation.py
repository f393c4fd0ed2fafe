"""Several turns, of which a later one can only be answered from an earlier one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.arithmetic import MINUS, PLUS, difference_in_steps, ends_in_number, is_basic, sum_in_steps
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from, is_unseen
from helix.demo.tasks.lists import COUNT, SORT_UP, SORT_WORDS, listed
from helix.demo.tasks.words import ANIMALS, COLOURS, FOODS, FRUITS, HOBBIES, JOBS, NAMES, PETS, THINGS, TOWNS

NOTED = "Thank you, I will remember that."
FACTS: dict[str, tuple[Phrasings, Phrasings, str]] = {
    "name": (
        Phrasings("""
            My name is {value}.
            I am {value}.
            Hi, I'm {value}.
            Hello, my name is {value}.
            People call me {value}.
            You can call me {value}.
            Call me {value}.
            I'm called {value}.
        """),
        Phrasings("""
            What is my name?
            What's my name?
            Do you know my name?
            Who am I?
            By which name do you know me?
            Can you tell me my name?
            What am I called?
            Do you remember my name?
        """),
        "Your name is {value}.",
    ),
    "dog": (
        Phrasings("""
            My dog is called {value}.
            I have a dog named {value}.
            My dog's name is {value}.
            My dog is {value}.
            There is a dog at my house, and we call it {value}.
            I have a dog called {value}.
            I own a dog. Its name is {value}.
        """),
        Phrasings("""
            What is my dog called?
            What is the name of my dog?
            What's my dog's name?
            How is my dog called?
            If I shout for my dog, what do I shout?
            Do you remember the name of my dog?
            Tell me the name of my dog.
        """),
        "Your dog is called {value}.",
    ),
    "cat": (
        Phrasings("""
            My cat is called {value}.
            I have a cat named {value}.
            My cat's name is {value}.
            I have a cat called {value}.
            There is a cat at my house, and we call it {value}.
            I own a cat. Its name is {value}.
        """),
        Phrasings("""
            What is my cat called?
            What is the name of my cat?
            What's my cat's name?
            How is my cat called?
            If I shout for my cat, what do I shout?
            Do you remember the name of my cat?
        """),
        "Your cat is called {value}.",
    ),
    "town": (
        Phrasings("""
            I live in {value}.
            My home is in {value}.
            I am from {value}.
            I come from {value}.
            My flat is right in the middle of {value}.
            My house is in {value}.
            I'm living in {value}.
        """),
        Phrasings("""
            Where do I live?
            In which city do I live?
            What city do I live in?
            Where am I from?
            To which city would you send me a letter?
            Do you remember where I live?
            Which city is my home?
        """),
        "You live in {value}.",
    ),
    "colour": (
        Phrasings("""
            My favorite color is {value}.
            My favourite colour is {value}.
            The color I like best is {value}.
            I like the color {value} most.
            No color is as nice as {value}, I think.
            I love the color {value}.
            The best color is {value}.
        """),
        Phrasings("""
            What is my favorite color?
            What's my favourite colour?
            Which color do I like best?
            Which color do I like?
            In which color would I paint my room?
            Do you remember my favorite color?
            What color do I like most?
        """),
        "Your favorite color is {value}.",
    ),
    "job": (
        Phrasings("""
            I work as a {value}.
            I am a {value}.
            My job is {value}.
            I'm a {value}.
            For a living, I am a {value}.
            I have been a {value} for years.
        """),
        Phrasings("""
            What is my job?
            What do I do for a living?
            What's my job?
            What do I work as?
            How do I earn my money?
            Do you remember my job?
        """),
        "You work as a {value}.",
    ),
    "age": (
        Phrasings("""
            I am {value} years old.
            I'm {value} years old.
            My age is {value}.
            I turned {value} today.
            I was born {value} years ago.
            I have just turned {value}.
        """),
        Phrasings("""
            How old am I?
            What is my age?
            Do you know how old I am?
            What's my age?
            How many years have I lived?
            Tell me my age.
        """),
        "You are {value} years old.",
    ),
    "food": (
        Phrasings("""
            My favorite food is {value}.
            I like to eat {value}.
            I love {value} for dinner.
            The food I like best is {value}.
            Nothing tastes as good as {value}.
            I could eat {value} every day.
        """),
        Phrasings("""
            What is my favorite food?
            What do I like to eat?
            Which food do I like best?
            What food do I like?
            What should you cook for me?
            Do you remember my favorite food?
        """),
        "Your favorite food is {value}.",
    ),
    "hobby": (
        Phrasings("""
            My hobby is {value}.
            In my free time I like {value}.
            I enjoy {value}.
            I love {value} on weekends.
            My evenings are for {value}.
            I like {value} a lot.
        """),
        Phrasings("""
            What is my hobby?
            What do I like to do in my free time?
            What's my hobby?
            Which hobby do I have?
            How do I spend my free hours?
            Do you remember my hobby?
        """),
        "Your hobby is {value}.",
    ),
    "key": (
        Phrasings("""
            I put my keys next to the {value}.
            My keys are next to the {value}.
            I left my keys by the {value}.
            The keys are by the {value}.
            My keys ended up beside the {value}.
            I have placed my keys next to the {value}.
        """),
        Phrasings("""
            Where are my keys?
            Where did I put my keys?
            Where did I leave my keys?
            Do you know where my keys are?
            I cannot find my keys. Any idea?
            Tell me where my keys are.
        """),
        "Your keys are next to the {value}.",
    ),
}  # fmt: skip
POOLS = {
    "name": NAMES, "dog": PETS, "cat": PETS, "town": TOWNS, "colour": COLOURS, "job": JOBS, "food": FOODS,
    "hobby": HOBBIES, "key": THINGS,
}  # fmt: skip
FOLLOW_UPS: dict[str, tuple[Phrasings, Callable[[Sequence[str]], str]]] = {
    "reverse": (Phrasings("""
        Now reverse it.
        Now reverse the list.
        Reverse that.
        And in reverse order?
        Turn it around now.
        Now backwards.
        And now in reverse.
    """), lambda items: listed(items[::-1])),
    "first": (Phrasings("""
        What is the first one?
        Which one is first?
        What is the first item?
        And the first one?
        Which one leads it?
        Give me the first one.
    """), lambda items: f"The first one is {items[0]}."),
    "last": (Phrasings("""
        What is the last one?
        Which one is last?
        What is the last item?
        And the last one?
        Which one closes it?
        Give me the last one.
    """), lambda items: f"The last one is {items[-1]}."),
    "count": (Phrasings("""
        How many are there?
        How many are those?
        How many items is that?
        Count them.
        And what is the number of them?
        How many items are there?
    """), lambda items: f"There are {len(items)} items."),
    "remove": (Phrasings("""
        Remove the first one.
        Drop the first one.
        Now without the first one.
        Delete the first item.
        The first one should go away.
        Leave out the first one.
    """), lambda items: listed(items[1:])),
    "bullets": (Phrasings("""
        Make it a bullet list.
        Now as a bullet list.
        Write it as bullet points.
        Turn it into a bullet list.
        Each on a line of its own with a dash, please.
        As bullets, please.
    """), lambda items: "\n".join(f"- {item}" for item in items)),
    "again": (Phrasings("""
        Say that again.
        Repeat that.
        Once more, please.
        Can you repeat that?
        I did not get that, what was it?
        Again, please.
    """), listed),
}  # fmt: skip
CORRECTIONS = Phrasings("""
    I meant {question}.
    Sorry, I meant {question}.
    No, I meant {question}.
    Oh, I meant {question}.
    My mistake, the task is {question}.
    Sorry, {question}.
    Wait, I wanted {question}.
    Actually, I meant {question}.
""")
CHANGES = Phrasings("""
    Sorry, I made a mistake. {statement}
    Wait, that was wrong. {statement}
    That is not right. {statement}
    No, sorry. {statement}
    Let me correct myself. {statement}
    Actually, that was wrong. {statement}
    Sorry, I have to correct that. {statement}
""")


def _value(draw: Draw, topic: str) -> str:
    return str(draw.value(lambda: draw.rng.randint(6, 90))) if topic == "age" else draw.word(POOLS[topic])


def remember(draw: Draw) -> Example:
    """Tell one to three facts, then ask for one of them."""
    topics = draw.rng.sample(list(FACTS), draw.rng.choice((1, 1, 2, 2, 3)))
    values = {topic: _value(draw, topic) for topic in topics}
    if draw.rng.random() < 0.3:
        turns = [" ".join(_statement(draw, topic, values[topic]) for topic in topics), NOTED]
    else:
        turns = [turn for topic in topics for turn in (_statement(draw, topic, values[topic]), NOTED)]
    topic = draw.rng.choice(topics)
    return _asked(draw, turns, topic, values[topic])


def change(draw: Draw) -> Example:
    """Tell a fact, correct it, then ask for it."""
    topic = draw.rng.choice(list(FACTS))
    first, second = _value(draw, topic), _value(draw, topic)
    correction = draw.say(CHANGES, statement=_statement(draw, topic, second))
    return _asked(draw, [_statement(draw, topic, first), NOTED, correction, NOTED], topic, second)


def _statement(draw: Draw, topic: str, value: str) -> str:
    statement = draw.say(FACTS[topic][0], value=value)
    return statement if statement[-1] == "." else f"{statement}."


def _asked(draw: Draw, turns: list[str], topic: str, value: str) -> Example:
    _, questions, answer = FACTS[topic]
    expected = answer.format(value=value)
    return draw.dialogue(
        [*turns, draw.say(questions), expected], lambda text: value.lower() in text.lower().rstrip(".").split()
    )


def follow_up(draw: Draw) -> Example:
    """Sort or write a list, then ask for something about it, once or twice."""
    kind = draw.rng.randrange(3)
    if kind == 0:
        numbers = draw.value(lambda: tuple(draw.rng.sample(range(1, 100), draw.rng.randint(3, 5))))
        items = [str(number) for number in sorted(numbers)]
        prompt = draw.say(SORT_UP, items=listed(numbers))
    elif kind == 1:
        pool = draw.rng.choice((ANIMALS, FRUITS, NAMES))
        words = draw.value(lambda: tuple(draw.rng.sample(pool.seen, draw.rng.randint(3, 5))))
        items = sorted(words)
        prompt = draw.say(SORT_WORDS, items=listed(words))
    else:
        start, end = draw.value(lambda: ((start := draw.rng.randint(1, 80)), start + draw.rng.randint(2, 7)))
        items = [str(number) for number in range(start, end + 1)]
        prompt = draw.say(COUNT, a=start, b=end)
    turns = [prompt, listed(items)]
    for name in draw.rng.sample(list(FOLLOW_UPS), draw.rng.choice((1, 1, 2))):
        phrasings, answer = FOLLOW_UPS[name]
        turns += [draw.say(phrasings), answer(items)]
        if name in ("reverse", "remove"):
            items = items[::-1] if name == "reverse" else items[1:]
    return draw.dialogue(turns)


def correct_sum(draw: Draw) -> Example:
    """Ask for a sum, then for the one that was meant."""
    low, high = draw.value(lambda: tuple(sorted(draw.rng.sample(range(2, 99), 2))), is_basic)
    other = draw.rng.choice([number for number in range(low, 100) if not is_unseen((low, number))])
    if draw.rng.random() < 0.6:
        turns = [draw.say(PLUS, a=other, b=low), sum_in_steps(other, low)]
        meant, answer, result = f"{high} + {low}", sum_in_steps(high, low), high + low
    else:
        turns = [draw.say(MINUS, a=other, b=low), difference_in_steps(other, low)]
        meant, answer, result = f"{high} - {low}", difference_in_steps(high, low), high - low
    return draw.dialogue([*turns, draw.say(CORRECTIONS, question=meant), answer], ends_in_number(result))


TASKS: dict[Task, int] = {remember: 45, change: 12, follow_up: 28, correct_sum: 15}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one conversation of several turns."""
    return draw_from("conversation", TASKS, rng, split)
