"""Several turns, of which a later one can only be answered from an earlier one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.arithmetic import PHRASINGS as SUMS
from helix.demo.tasks.arithmetic import difference_in_steps, ends_in_number, is_basic, sum_in_steps
from helix.demo.tasks.draw import Draw, Task, draw_from, is_unseen, load_phrasings
from helix.demo.tasks.lists import PHRASINGS as LISTS
from helix.demo.tasks.lists import listed
from helix.demo.tasks.words import ANIMALS, COLOURS, FOODS, FRUITS, HOBBIES, JOBS, NAMES, PETS, THINGS, TOWNS

PHRASINGS = load_phrasings("conversation")

NOTED = "Thank you, I will remember that."
ANSWERS = {
    "name": "Your name is {value}.",
    "dog": "Your dog is called {value}.",
    "cat": "Your cat is called {value}.",
    "town": "You live in {value}.",
    "colour": "Your favorite color is {value}.",
    "job": "You work as a {value}.",
    "age": "You are {value} years old.",
    "food": "Your favorite food is {value}.",
    "hobby": "Your hobby is {value}.",
    "key": "Your keys are next to the {value}.",
}
"""What is answered to each topic; it is told by the phrasings tell_<topic> and asked for by ask_<topic>."""
POOLS = {
    "name": NAMES, "dog": PETS, "cat": PETS, "town": TOWNS, "colour": COLOURS, "job": JOBS, "food": FOODS,
    "hobby": HOBBIES, "key": THINGS,
}  # fmt: skip
FOLLOW_UPS: dict[str, Callable[[Sequence[str]], str]] = {
    "reverse": lambda items: listed(items[::-1]),
    "first": lambda items: f"The first one is {items[0]}.",
    "last": lambda items: f"The last one is {items[-1]}.",
    "count": lambda items: f"There are {len(items)} items.",
    "remove": lambda items: listed(items[1:]),
    "bullets": lambda items: "\n".join(f"- {item}" for item in items),
    "again": listed,
}
"""What is answered to each wish about a list; the wishes are the phrasings then_<name>."""


def _value(draw: Draw, topic: str) -> str:
    return str(draw.value(lambda: draw.rng.randint(6, 90))) if topic == "age" else draw.word(POOLS[topic])


def remember(draw: Draw) -> Example:
    """Tell one to three facts, then ask for one of them."""
    topics = draw.rng.sample(list(ANSWERS), draw.rng.choice((1, 1, 2, 2, 3)))
    values = {topic: _value(draw, topic) for topic in topics}
    if draw.rng.random() < 0.3:
        turns = [" ".join(_statement(draw, topic, values[topic]) for topic in topics), NOTED]
    else:
        turns = [turn for topic in topics for turn in (_statement(draw, topic, values[topic]), NOTED)]
    topic = draw.rng.choice(topics)
    return _asked(draw, turns, topic, values[topic])


def change(draw: Draw) -> Example:
    """Tell a fact, correct it, then ask for it."""
    topic = draw.rng.choice(list(ANSWERS))
    first, second = _value(draw, topic), _value(draw, topic)
    correction = draw.say(PHRASINGS["changes"], statement=_statement(draw, topic, second))
    return _asked(draw, [_statement(draw, topic, first), NOTED, correction, NOTED], topic, second)


def _statement(draw: Draw, topic: str, value: str) -> str:
    statement = draw.say(PHRASINGS[f"tell_{topic}"], value=value)
    return statement if statement[-1] == "." else f"{statement}."


def _asked(draw: Draw, turns: list[str], topic: str, value: str) -> Example:
    expected = ANSWERS[topic].format(value=value)
    return draw.dialogue(
        [*turns, draw.say(PHRASINGS[f"ask_{topic}"]), expected],
        lambda text: value.lower() in text.lower().rstrip(".").split(),
    )


def follow_up(draw: Draw) -> Example:
    """Sort or write a list, then ask for something about it, once or twice."""
    kind = draw.rng.randrange(3)
    if kind == 0:
        numbers = draw.value(lambda: tuple(draw.rng.sample(range(1, 100), draw.rng.randint(3, 5))))
        items = [str(number) for number in sorted(numbers)]
        prompt = draw.say(LISTS["sort_up"], items=listed(numbers))
    elif kind == 1:
        pool = draw.rng.choice((ANIMALS, FRUITS, NAMES))
        words = draw.value(lambda: tuple(draw.rng.sample(pool.seen, draw.rng.randint(3, 5))))
        items = sorted(words)
        prompt = draw.say(LISTS["sort_words"], items=listed(words))
    else:
        start, end = draw.value(lambda: ((start := draw.rng.randint(1, 80)), start + draw.rng.randint(2, 7)))
        items = [str(number) for number in range(start, end + 1)]
        prompt = draw.say(LISTS["count"], a=start, b=end)
    turns = [prompt, listed(items)]
    for name in draw.rng.sample(list(FOLLOW_UPS), draw.rng.choice((1, 1, 2))):
        turns += [draw.say(PHRASINGS[f"then_{name}"]), FOLLOW_UPS[name](items)]
        if name in ("reverse", "remove"):
            items = items[::-1] if name == "reverse" else items[1:]
    return draw.dialogue(turns)


def correct_sum(draw: Draw) -> Example:
    """Ask for a sum, then for the one that was meant."""
    low, high = draw.value(lambda: tuple(sorted(draw.rng.sample(range(2, 99), 2))), is_basic)
    other = draw.rng.choice([number for number in range(low, 100) if not is_unseen((low, number))])
    if draw.rng.random() < 0.6:
        turns = [draw.say(SUMS["plus"], a=other, b=low), sum_in_steps(other, low)]
        meant, answer, result = f"{high} + {low}", sum_in_steps(high, low), high + low
    else:
        turns = [draw.say(SUMS["minus"], a=other, b=low), difference_in_steps(other, low)]
        meant, answer, result = f"{high} - {low}", difference_in_steps(high, low), high - low
    return draw.dialogue([*turns, draw.say(PHRASINGS["corrections"], question=meant), answer], ends_in_number(result))


TASKS: dict[Task, int] = {remember: 45, change: 12, follow_up: 28, correct_sum: 15}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one conversation of several turns."""
    return draw_from("conversation", TASKS, rng, split)
