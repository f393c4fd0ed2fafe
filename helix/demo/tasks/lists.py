"""Counting, sorting and picking from lists."""

from __future__ import annotations

import random
from collections.abc import Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Pool, Task, draw_from, load_phrasings
from helix.demo.tasks.words import ANIMALS, COLOURS, DAYS, FRUITS, MONTHS, NAMES, THINGS, TOWNS

PHRASINGS = load_phrasings("lists")


SEQUENCES = {"day": DAYS, "month": MONTHS, "letter": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
ALL = {
    "days of the week": DAYS,
    "months of the year": MONTHS,
    "letters of the alphabet": SEQUENCES["letter"],
    "vowels": tuple("AEIOU"),
    "four seasons": ("spring", "summer", "autumn", "winter"),
    "planets of the solar system": (
        "Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune",
    ),
    "digits": tuple("0123456789"),
    "colours of the rainbow": ("red", "orange", "yellow", "green", "blue", "indigo", "violet"),
    "weekend days": ("Saturday", "Sunday"),
    "primary colours": ("red", "yellow", "blue"),
    "points of the compass": ("north", "east", "south", "west"),
    "five senses": ("sight", "hearing", "smell", "taste", "touch"),
    "oceans": ("Pacific", "Atlantic", "Indian", "Southern", "Arctic"),
    "continents": ("Africa", "Antarctica", "Asia", "Australia", "Europe", "North America", "South America"),
}  # fmt: skip
SORTS = {
    "fruits": "apple banana cherry grape lemon mango orange",
    "animals": "dog cat horse cow sheep lion tiger",
    "colours": "red blue green yellow black white purple",
    "vegetables": "carrot potato onion tomato pea spinach cabbage",
    "drinks": "water tea coffee milk juice lemonade cocoa",
    "birds": "robin eagle owl sparrow crow swan parrot",
    "cities": "Paris London Berlin Madrid Rome Tokyo Cairo",
    "countries": "France Germany Spain Italy Japan Egypt Brazil",
    "sports": "football tennis swimming running cycling boxing golf",
    "musical instruments": "piano guitar violin drum flute trumpet harp",
    "languages": "English Spanish French German Italian Japanese Arabic",
    "tools": "hammer saw drill screwdriver wrench pliers file",
    "flowers": "rose tulip daisy lily violet sunflower orchid",
    "trees": "oak pine birch maple willow beech fir",
    "pets": "dog cat rabbit hamster parrot goldfish turtle",
    "jobs": "teacher doctor baker farmer pilot nurse cook",
    "clothes": "shirt trousers dress coat hat sock shoe",
    "rooms of a house": "kitchen bedroom bathroom hall cellar attic study",
    "insects": "ant bee fly beetle moth wasp butterfly",
    "metals": "iron gold silver copper tin lead zinc",
    "programming languages": "Python C Java Rust Go JavaScript Ruby",
    "shapes": "circle square triangle rectangle oval star hexagon",
    "body parts": "head arm leg hand foot nose ear",
    "kinds of weather": "sun rain snow wind fog storm hail",
}
SMALL_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}
ORDINALS = ("first", "second", "third")
WORD_POOLS = (ANIMALS, FRUITS, THINGS, COLOURS)


def listed(items: Sequence[object]) -> str:
    """Return items separated by commas."""
    return ", ".join(map(str, items))


def _numbers(draw: Draw, low: int, high: int) -> tuple[int, ...]:
    return draw.value(lambda: tuple(draw.rng.sample(range(1, 100), draw.rng.randint(low, high))))


def _items(draw: Draw, low: int, high: int, pools: Sequence[Pool] = (*WORD_POOLS, NAMES, TOWNS)) -> tuple[str, ...]:
    words = draw.rng.choice(pools).seen
    return draw.value(lambda: tuple(draw.rng.sample(words, draw.rng.randint(low, high))))


def count_up(draw: Draw) -> Example:
    """Ask to count from one number to another."""
    a, b = draw.value(lambda: ((a := draw.rng.randint(0, 90)), a + draw.rng.randint(3, 14)))
    return draw.example(draw.say(PHRASINGS["count"], a=a, b=b), listed(range(a, b + 1)))


def count_down(draw: Draw) -> Example:
    """Ask to count backwards."""
    a, b = draw.value(lambda: ((b := draw.rng.randint(0, 50)) + draw.rng.randint(3, 12), b))
    return draw.example(draw.say(PHRASINGS["count_down"], a=a, b=b), listed(range(a, b - 1, -1)))


def count_by(draw: Draw) -> Example:
    """Ask to count in steps."""
    step = draw.rng.choice((2, 2, 3, 5, 5, 10))

    def make() -> tuple[int, int]:
        a = draw.rng.randint(0, 4) * step if draw.rng.random() < 0.6 else draw.rng.randint(1, 12)
        return a, a + step * draw.rng.randint(3, 9)

    a, b = draw.value(make)
    name = {2: "twos", 3: "threes", 5: "fives", 10: "tens"}[step] if draw.rng.random() < 0.4 else step
    return draw.example(draw.say(PHRASINGS["count_by"], a=a, b=b, step=name), listed(range(a, b + 1, step)))


def sort_numbers(draw: Draw) -> Example:
    """Ask to sort three to six numbers."""
    numbers = _numbers(draw, 3, 6)
    down = draw.rng.random() < 0.3
    prompt = draw.say(PHRASINGS["sort_down"] if down else PHRASINGS["sort_up"], items=listed(numbers))
    return draw.example(prompt, listed(sorted(numbers, reverse=down)))


def sort_words(draw: Draw) -> Example:
    """Ask to sort three to five words."""
    words = _items(draw, 3, 5, (ANIMALS, FRUITS, COLOURS, NAMES))
    return draw.example(draw.say(PHRASINGS["sort_words"], items=listed(words)), listed(sorted(words)))


def reverse(draw: Draw) -> Example:
    """Ask to turn a list around."""
    items = _items(draw, 3, 6) if draw.rng.random() < 0.5 else _numbers(draw, 3, 7)
    return draw.example(draw.say(PHRASINGS["reverse"], items=listed(items)), listed(items[::-1]))


def extreme(draw: Draw) -> Example:
    """Ask for the largest or smallest number."""
    numbers = _numbers(draw, 3, 6)
    if draw.rng.random() < 0.6:
        return draw.example(draw.say(PHRASINGS["largest"], items=listed(numbers)), f"The largest is {max(numbers)}.")
    return draw.example(draw.say(PHRASINGS["smallest"], items=listed(numbers)), f"The smallest is {min(numbers)}.")


def element(draw: Draw) -> Example:
    """Ask for one element by its place."""
    items = _items(draw, 3, 6)
    index = draw.rng.choice((0, 0, 1, 2, -1, -1))
    which = "last" if index == -1 else ORDINALS[index]
    prompt = draw.say(PHRASINGS["element"], items=listed(items), which=which)
    return draw.example(prompt, f"The {which} item is {items[index]}.")


def how_many(draw: Draw) -> Example:
    """Ask for the length of a list; the answer counts aloud."""
    items = _items(draw, 2, 7)
    counted = listed([f"{number} {item}" for number, item in enumerate(items, 1)])
    return draw.example(
        draw.say(PHRASINGS["how_many"], items=listed(items)), f"{counted}. There are {len(items)} items."
    )


def neighbour(draw: Draw) -> Example:
    """Ask for the next or previous day, month, letter or number."""
    sort = draw.rng.choice((*SEQUENCES, "number"))
    sequence = SEQUENCES.get(sort) or [str(number) for number in range(1, 101)]
    index, step = draw.rng.randrange(len(sequence)), draw.rng.choice((1, -1))
    if sort in ("letter", "number"):
        index = min(max(index, 1), len(sequence) - 2)
    prompt = draw.say(PHRASINGS["next"] if step == 1 else PHRASINGS["before"], a=sequence[index], sort=sort)
    place = "after" if step == 1 else "before"
    answer = f"The {sort} {place} {sequence[index]} is {sequence[(index + step) % len(sequence)]}."
    return draw.example(prompt, answer)


def name_all(draw: Draw) -> Example:
    """Ask for a well-known list."""
    sort = draw.rng.choice(list(ALL))
    return draw.example(draw.say(PHRASINGS["name_all"], sort=sort), listed(ALL[sort]))


def name_some(draw: Draw) -> Example:
    """Ask for a few things of a sort; the answer is a bullet list."""
    sort = draw.rng.choice(list(SORTS))
    known = SORTS[sort].split()
    count = draw.rng.choice((2, 3, 3, 3, 4, 4, 5, 5, 6, 7))
    number = count if draw.rng.random() < 0.4 else SMALL_NUMBERS[count]

    def is_correct(answer: str) -> bool:
        items = [line.removeprefix("- ").strip() for line in answer.strip().splitlines()]
        return len(items) == len(set(items)) == count and set(items) <= set(known)

    return draw.example(
        draw.say(PHRASINGS["some"], sort=sort, count=number), "\n".join(f"- {w}" for w in known[:count]), is_correct
    )


def bullets(draw: Draw) -> Example:
    """Ask to write a list line by line."""
    items = _items(draw, 2, 6)
    if draw.rng.random() < 0.5:
        return draw.example(
            draw.say(PHRASINGS["bullets"], items=listed(items)), "\n".join(f"- {item}" for item in items)
        )
    lines = [f"{number}. {item}" for number, item in enumerate(items, 1)]
    return draw.example(draw.say(PHRASINGS["numbered"], items=listed(items)), "\n".join(lines))


TASKS: dict[Task, int] = {
    count_up: 14, count_down: 8, count_by: 8, sort_numbers: 14, sort_words: 9, reverse: 10, extreme: 8,
    element: 7, how_many: 5, neighbour: 6, name_all: 5, name_some: 8, bullets: 7,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one question about a list."""
    return draw_from("lists", TASKS, rng, split, known_by_heart=(neighbour, name_all, name_some))
