"""Small sums, written out in steps where a step helps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings
from helix.demo.tasks.words import GOODS, NAMES

PHRASINGS = load_phrasings("arithmetic")


def ends_in_number(number: int) -> Callable[[str], bool]:
    """Return a check that the last number of an answer is this one."""
    return lambda answer: (re.findall(r"-?\d+", answer) or [""])[-1] == str(number)


def places(number: int) -> list[int]:
    """Return the parts a number is read as: 347 is 300, 40 and 7."""
    return [part for unit in (100, 10, 1) if (part := number // unit % 10 * unit)]


def sum_in_steps(a: int, b: int) -> str:
    """Return a + b with its steps: hundreds, tens and ones apart."""
    if min(a, b) < 10 or (a % 10 == b % 10 == 0 and max(a, b) <= 100):
        return f"{a} + {b} = {a + b}."
    tens, ones = f"{a // 10 % 10 * 10} + {b // 10 % 10 * 10}", f"{a % 10} + {b % 10}"
    tens_sum, ones_sum = a // 10 % 10 * 10 + b // 10 % 10 * 10, a % 10 + b % 10
    if max(a, b) < 100:
        return f"{a} + {b}: {tens} = {tens_sum} and {ones} = {ones_sum}, so {a} + {b} = {a + b}."
    hundreds_sum = a // 100 * 100 + b // 100 * 100
    upper = hundreds_sum + tens_sum
    return (
        f"{a} + {b}: {a // 100 * 100} + {b // 100 * 100} = {hundreds_sum}, {tens} = {tens_sum} "
        f"and {ones} = {ones_sum}. "
        f"{hundreds_sum} + {tens_sum} = {upper} and {upper} + {ones_sum} = {a + b}, so {a} + {b} = {a + b}."
    )


def difference_in_steps(a: int, b: int) -> str:
    """Return a - b with its steps: the parts of b are taken away one after another."""
    parts = places(b)
    if len(parts) < 2:
        return f"{a} - {b} = {a - b}."
    steps, left = [], a
    for part in parts:
        steps.append(f"{left} - {part} = {left - part}")
        left -= part
    return f"{a} - {b}: {', '.join(steps[:-1])} and {steps[-1]}, so {a} - {b} = {a - b}."


def product_in_steps(a: int, b: int) -> str:
    """Return a x b; a number of two digits beyond the times table is taken apart."""
    if (a <= 12 and b <= 12) or b > 9 or a % 10 == 0:
        return f"{a} x {b} = {a * b}."
    tens, ones = a // 10 * 10, a % 10
    return f"{a} x {b}: {tens} x {b} = {tens * b} and {ones} x {b} = {ones * b}, so {a} x {b} = {a * b}."


def is_basic(pair: tuple[int, ...]) -> bool:
    """Whether a sum is one to know by heart: it adds a number up to ten."""
    return pair[0] <= 10


def _pair(draw: Draw) -> tuple[int, int]:
    """Draw two numbers, mostly below 100; a sum is held out together with its mirror image."""
    shape = draw.rng.random()
    limit = 20 if shape < 0.2 else 99 if shape < 0.85 else 999

    def make() -> tuple[int, int]:
        a, b = draw.rng.randint(1, limit), draw.rng.randint(1, limit)
        return (min(a, b), max(a, b))

    return draw.value(make, is_basic)


def add(draw: Draw) -> Example:
    """Ask for a sum."""
    a, b = draw.rng.sample(_pair(draw), 2)
    return draw.example(draw.say(PHRASINGS["plus"], a=a, b=b), sum_in_steps(a, b), ends_in_number(a + b))


def subtract(draw: Draw) -> Example:
    """Ask for a difference that is not negative."""
    b, a = _pair(draw)
    return draw.example(draw.say(PHRASINGS["minus"], a=a, b=b), difference_in_steps(a, b), ends_in_number(a - b))


def times_table(draw: Draw) -> Example:
    """Ask for a product up to 12 x 12."""
    a, b = draw.rng.randint(1, 12), draw.rng.randint(1, 12)
    return draw.example(draw.say(PHRASINGS["times"], a=a, b=b), product_in_steps(a, b), ends_in_number(a * b))


def multiply(draw: Draw) -> Example:
    """Ask for a number of two digits times one of one digit."""
    a, b = draw.value(lambda: (draw.rng.randint(13, 99), draw.rng.randint(2, 9)))
    return draw.example(draw.say(PHRASINGS["times"], a=a, b=b), product_in_steps(a, b), ends_in_number(a * b))


def divide(draw: Draw) -> Example:
    """Ask for a quotient of the times table."""
    b, quotient = draw.rng.randint(1, 12), draw.rng.randint(1, 12)
    prompt = draw.say(PHRASINGS["divide"], a=b * quotient, b=b)
    return draw.example(prompt, f"{b * quotient} / {b} = {quotient}.", ends_in_number(quotient))


def double(draw: Draw) -> Example:
    """Ask for twice a number."""
    a, _ = draw.value(lambda: (draw.rng.randint(1, 99),) * 2, is_basic)
    return draw.example(draw.say(PHRASINGS["double"], a=a), sum_in_steps(a, a), ends_in_number(2 * a))


def halve(draw: Draw) -> Example:
    """Ask for half of an even number."""
    a = draw.value(lambda: draw.rng.randint(1, 99) * 2, is_basic=lambda number: number <= 20)
    tens, ones = a // 10 * 10, a % 10
    answer = f"Half of {a} is {a // 2}."
    if a > 20 and ones:
        answer = f"Half of {tens} is {tens // 2} and half of {ones} is {ones // 2}, so half of {a} is {a // 2}."
    return draw.example(draw.say(PHRASINGS["half"], a=a), answer, ends_in_number(a // 2))


def compare(draw: Draw) -> Example:
    """Ask which of two numbers is larger or smaller, or whether one is larger than the other."""
    small, large = draw.value(lambda: tuple(sorted(draw.rng.sample(range(1, draw.rng.choice((100, 1000))), 2))))
    a, b = draw.rng.sample((small, large), 2)
    form = draw.rng.randrange(3)
    if form == 0:
        return draw.example(draw.say(PHRASINGS["larger"], a=a, b=b), f"{large} is larger.")
    if form == 1:
        return draw.example(draw.say(PHRASINGS["smaller"], a=a, b=b), f"{small} is smaller.")
    answer = f"Yes, {a} is greater than {b}." if a > b else f"No, {a} is less than {b}."
    return draw.example(draw.say(PHRASINGS["greater_than"], a=a, b=b), answer)


def parity(draw: Draw) -> Example:
    """Ask whether a number is even."""
    a = draw.value(lambda: draw.rng.randint(1, 999))
    return draw.example(draw.say(PHRASINGS["parity"], a=a), f"{a} is {'odd' if a % 2 else 'even'}.")


def story_sum(draw: Draw) -> Example:
    """Ask a sum or difference that is told as a story."""
    small, large = draw.value(
        lambda: tuple(sorted(draw.rng.sample(range(2, draw.rng.choice((12, 30, 60))), 2))), is_basic
    )
    name, goods = draw.word(NAMES), draw.word(GOODS)
    if draw.rng.random() < 0.5:
        a, b = draw.rng.sample((small, large), 2)
        steps, result = sum_in_steps(a, b), a + b
        prompt = draw.say(PHRASINGS["gain"], a=a, b=b, name=name, goods=goods)
        ending = f"So there are {result} {goods}."
    else:
        steps, result = difference_in_steps(large, small), large - small
        prompt = draw.say(PHRASINGS["lose"], a=large, b=small, name=name, goods=goods)
        ending = f"So {result} {goods} are left."
    return draw.example(prompt, f"{steps} {ending}", ends_in_number(result))


def story_product(draw: Draw) -> Example:
    """Ask a product that is told as a story."""
    a, b = draw.rng.randint(2, 10), draw.rng.randint(2, 10)
    name, goods = draw.word(NAMES), draw.word(GOODS)
    prompt = draw.say(PHRASINGS["groups"], a=a, b=b, name=name, goods=goods)
    return draw.example(prompt, f"{a} x {b} = {a * b}. So there are {a * b} {goods}.", ends_in_number(a * b))


TASKS: dict[Task, int] = {
    add: 24, subtract: 20, times_table: 12, multiply: 6, divide: 5, double: 4, halve: 4,
    compare: 7, parity: 3, story_sum: 12, story_product: 3,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one sum."""
    return draw_from("arithmetic", TASKS, rng, split, known_by_heart=(times_table, divide))
