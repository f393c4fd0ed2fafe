"""Counting, sorting and picking from lists."""

from __future__ import annotations

import random
from collections.abc import Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, Pool, Task, draw_from
from helix.demo.tasks.words import ANIMALS, COLOURS, DAYS, FRUITS, MONTHS, NAMES, THINGS, TOWNS

COUNT = Phrasings("""
    Count from {a} to {b}.
    Count from {a} up to {b}.
    Write the numbers from {a} to {b}.
    List the numbers from {a} to {b}.
    Which numbers lie from {a} to {b}?
    Can you count from {a} to {b}?
    Start at {a} and count to {b}.
    Give me the numbers from {a} to {b}.
    Count upwards from {a} to {b}.
    Say every number from {a} through {b}.
    Write all numbers from {a} to {b}.
    Numbers from {a} to {b}
    Show me the numbers {a} to {b}.
""")
COUNT_DOWN = Phrasings("""
    Count down from {a} to {b}.
    Count backwards from {a} to {b}.
    Count from {a} down to {b}.
    List the numbers from {a} down to {b}.
    Do a countdown that begins with {a} and ends with {b}.
    Can you count down from {a} to {b}?
    Start at {a} and count down to {b}.
    Write the numbers from {a} down to {b}.
    Give me the numbers from {a} down to {b}.
    Go backwards from {a} until {b}.
    Countdown from {a} to {b}
    Give me a countdown from {a} to {b}.
""")
COUNT_BY = Phrasings("""
    Count by {step} from {a} to {b}.
    Count from {a} to {b} by {step}.
    Count from {a} to {b} in steps of {step}.
    List every number from {a} to {b} in steps of {step}.
    Starting at {a}, add {step} again and again until {b}.
    Count in steps of {step} from {a} to {b}.
    Write the numbers from {a} to {b} in steps of {step}.
    Go from {a} to {b} in steps of {step}.
    Start at {a} and count by {step} to {b}.
    Skip count from {a} to {b} using steps of {step}.
    Can you count by {step} from {a} to {b}?
    Give me the numbers from {a} to {b} by {step}.
""")
SORT_UP = Phrasings("""
    Sort these numbers: {items}
    Sort the numbers {items}.
    Sort {items} from smallest to largest.
    Put these numbers in order: {items}
    Arrange from low to high: {items}
    Sort in ascending order: {items}
    Order these numbers from smallest to largest: {items}
    Put {items} in ascending order.
    Can you sort {items}?
    Which order do these numbers have, smallest first: {items}
    Sort this list: {items}
    Order the numbers {items}.
    Arrange these numbers in ascending order: {items}
""")
SORT_DOWN = Phrasings("""
    Sort these numbers in descending order: {items}
    Sort {items} from largest to smallest.
    Sort in descending order: {items}
    Put these numbers in order, largest first: {items}
    Arrange from high to low: {items}
    Order these numbers from largest to smallest: {items}
    Put {items} in descending order.
    Can you sort {items} in descending order?
    Sort this list from largest to smallest: {items}
    Which order do these numbers have, largest first: {items}
    Arrange these numbers in descending order: {items}
    Sort the numbers {items}, largest first.
""")
SORT_WORDS = Phrasings("""
    Sort these words alphabetically: {items}
    Sort the words {items} alphabetically.
    Put these words in alphabetical order: {items}
    Sort alphabetically: {items}
    Bring into the order of the alphabet: {items}
    Order these words from A to Z: {items}
    Arrange these words in alphabetical order: {items}
    Can you sort {items} alphabetically?
    Put {items} in alphabetical order.
    Which order would a dictionary give these words: {items}
    Alphabetical order: {items}
    Sort from A to Z: {items}
""")
REVERSE = Phrasings("""
    Reverse this list: {items}
    Reverse the list {items}.
    Write this list backwards: {items}
    Reverse the order: {items}
    Turn this list around: {items}
    Give me this list in reverse order: {items}
    Reverse these: {items}
    Can you reverse {items}?
    Put these in reverse order: {items}
    Start from the end and write: {items}
    What is {items} in reverse?
    Write these in reverse order: {items}
""")
LARGEST = Phrasings("""
    What is the largest of {items}?
    Which number is the largest: {items}?
    Find the largest number: {items}
    What is the largest number in {items}?
    Pick the maximum: {items}
    Which of these is the largest: {items}?
    What is the biggest number in {items}?
    Tell me the largest of {items}.
    What is the maximum of {items}?
    Which number beats all others in {items}?
    Find the maximum of {items}.
    Largest number: {items}
""")
SMALLEST = Phrasings("""
    What is the smallest of {items}?
    Which number is the smallest: {items}?
    Find the smallest number: {items}
    What is the smallest number in {items}?
    Pick the minimum: {items}
    Which of these is the smallest: {items}?
    What is the lowest number in {items}?
    Tell me the smallest of {items}.
    What is the minimum of {items}?
    Which number is below all others in {items}?
    Find the minimum of {items}.
    Smallest number: {items}
""")
ELEMENT = Phrasings("""
    What is the {which} item of this list: {items}?
    What is the {which} element of {items}?
    Which item is {which} in this list: {items}?
    Give me the {which} item: {items}
    From {items}, name the {which} one.
    Tell me the {which} element of this list: {items}
    Which word is {which} in {items}?
    What comes {which} in this list: {items}?
    The {which} item of {items}?
    Look at this list and pick its {which} entry: {items}
    Name the {which} item in this list: {items}
    What is the {which} one of {items}?
""")
HOW_MANY = Phrasings("""
    How many items are in this list: {items}?
    How many items are there: {items}?
    Count the items: {items}
    How many words are in this list: {items}?
    Tell me the size of this list: {items}
    Count the words in this list: {items}
    How long is this list: {items}?
    How many things do I list here: {items}?
    Can you count the items in {items}?
    This list has how many entries: {items}?
    How many are there: {items}?
    Number of items in {items}?
""")
NEXT = Phrasings("""
    What comes after {a}?
    Which {sort} comes after {a}?
    What {sort} follows {a}?
    Which {sort} is next after {a}?
    After {a}, which {sort} do we reach?
    What is the {sort} after {a}?
    Tell me the {sort} after {a}.
    Which {sort} follows {a}?
    Name the {sort} after {a}.
    If it is {a} now, which {sort} comes next?
    The {sort} after {a}?
    What is the next {sort} after {a}?
""")
BEFORE = Phrasings("""
    What comes before {a}?
    Which {sort} comes before {a}?
    What {sort} is right before {a}?
    What is the {sort} before {a}?
    Just before {a}, which {sort} is there?
    Tell me the {sort} before {a}.
    Name the {sort} before {a}.
    Which {sort} is right before {a}?
    The {sort} before {a}?
    Going one back from {a}, which {sort} do we reach?
    Can you name the {sort} before {a}?
    Which {sort} precedes {a}?
""")
NAME_ALL = Phrasings("""
    List the {sort}.
    Name the {sort}.
    What are the {sort}?
    Write down the {sort}.
    Enumerate the {sort}.
    Tell me the {sort}.
    Can you list the {sort}?
    Give me the {sort}.
    Name all of the {sort}.
    Recite the {sort}.
    I need a list of the {sort}.
    Please list all the {sort}.
""")
SOME = Phrasings("""
    List {count} {sort}.
    Name {count} {sort}.
    Give me {count} {sort}.
    Write a list of {count} {sort}.
    I would like to see {count} {sort}.
    Can you list {count} {sort}?
    Tell me {count} {sort}.
    Make a list of {count} {sort}.
    Give me a list of {count} {sort}.
    Which {count} {sort} do you know?
    Show me {count} {sort}.
    I need {count} {sort}.
    Make a bullet list of {count} {sort}.
""")
BULLETS = Phrasings("""
    Turn this into a bullet list: {items}
    Make a bullet list of {items}.
    Write {items} as a bullet list.
    Write these as a bullet list: {items}
    One bullet per item: {items}
    Format as a bullet list: {items}
    Make bullet points: {items}
    Put these into a bullet list: {items}
    Can you make a bullet list of {items}?
    Show these items with a dash in front of each: {items}
    Bullet list: {items}
    List these as bullets: {items}
""")
NUMBERED = Phrasings("""
    Turn this into a numbered list: {items}
    Make a numbered list of {items}.
    Write {items} as a numbered list.
    Write these as a numbered list: {items}
    Give each item a number: {items}
    Format as a numbered list: {items}
    Number these items: {items}
    Put these into a numbered list: {items}
    Can you make a numbered list of {items}?
    One line per item, numbered: {items}
    Numbered list: {items}
    List these with numbers: {items}
""")

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
    return draw.example(draw.say(COUNT, a=a, b=b), listed(range(a, b + 1)))


def count_down(draw: Draw) -> Example:
    """Ask to count backwards."""
    a, b = draw.value(lambda: ((b := draw.rng.randint(0, 50)) + draw.rng.randint(3, 12), b))
    return draw.example(draw.say(COUNT_DOWN, a=a, b=b), listed(range(a, b - 1, -1)))


def count_by(draw: Draw) -> Example:
    """Ask to count in steps."""
    step = draw.rng.choice((2, 2, 3, 5, 5, 10))

    def make() -> tuple[int, int]:
        a = draw.rng.randint(0, 4) * step if draw.rng.random() < 0.6 else draw.rng.randint(1, 12)
        return a, a + step * draw.rng.randint(3, 9)

    a, b = draw.value(make)
    name = {2: "twos", 3: "threes", 5: "fives", 10: "tens"}[step] if draw.rng.random() < 0.4 else step
    return draw.example(draw.say(COUNT_BY, a=a, b=b, step=name), listed(range(a, b + 1, step)))


def sort_numbers(draw: Draw) -> Example:
    """Ask to sort three to six numbers."""
    numbers = _numbers(draw, 3, 6)
    down = draw.rng.random() < 0.3
    prompt = draw.say(SORT_DOWN if down else SORT_UP, items=listed(numbers))
    return draw.example(prompt, listed(sorted(numbers, reverse=down)))


def sort_words(draw: Draw) -> Example:
    """Ask to sort three to five words."""
    words = _items(draw, 3, 5, (ANIMALS, FRUITS, COLOURS, NAMES))
    return draw.example(draw.say(SORT_WORDS, items=listed(words)), listed(sorted(words)))


def reverse(draw: Draw) -> Example:
    """Ask to turn a list around."""
    items = _items(draw, 3, 6) if draw.rng.random() < 0.5 else _numbers(draw, 3, 7)
    return draw.example(draw.say(REVERSE, items=listed(items)), listed(items[::-1]))


def extreme(draw: Draw) -> Example:
    """Ask for the largest or smallest number."""
    numbers = _numbers(draw, 3, 6)
    if draw.rng.random() < 0.6:
        return draw.example(draw.say(LARGEST, items=listed(numbers)), f"The largest is {max(numbers)}.")
    return draw.example(draw.say(SMALLEST, items=listed(numbers)), f"The smallest is {min(numbers)}.")


def element(draw: Draw) -> Example:
    """Ask for one element by its place."""
    items = _items(draw, 3, 6)
    index = draw.rng.choice((0, 0, 1, 2, -1, -1))
    which = "last" if index == -1 else ORDINALS[index]
    prompt = draw.say(ELEMENT, items=listed(items), which=which)
    return draw.example(prompt, f"The {which} item is {items[index]}.")


def how_many(draw: Draw) -> Example:
    """Ask for the length of a list; the answer counts aloud."""
    items = _items(draw, 2, 7)
    counted = listed([f"{number} {item}" for number, item in enumerate(items, 1)])
    return draw.example(draw.say(HOW_MANY, items=listed(items)), f"{counted}. There are {len(items)} items.")


def neighbour(draw: Draw) -> Example:
    """Ask for the next or previous day, month, letter or number."""
    sort = draw.rng.choice((*SEQUENCES, "number"))
    sequence = SEQUENCES.get(sort) or [str(number) for number in range(1, 101)]
    index, step = draw.rng.randrange(len(sequence)), draw.rng.choice((1, -1))
    if sort in ("letter", "number"):
        index = min(max(index, 1), len(sequence) - 2)
    prompt = draw.say(NEXT if step == 1 else BEFORE, a=sequence[index], sort=sort)
    place = "after" if step == 1 else "before"
    answer = f"The {sort} {place} {sequence[index]} is {sequence[(index + step) % len(sequence)]}."
    return draw.example(prompt, answer)


def name_all(draw: Draw) -> Example:
    """Ask for a well-known list."""
    sort = draw.rng.choice(list(ALL))
    return draw.example(draw.say(NAME_ALL, sort=sort), listed(ALL[sort]))


def name_some(draw: Draw) -> Example:
    """Ask for a few things of a sort; the answer is a bullet list."""
    sort = draw.rng.choice(list(SORTS))
    known = SORTS[sort].split()
    count = draw.rng.choice((2, 3, 3, 3, 4, 4, 5, 5, 6, 7))
    number = count if draw.rng.random() < 0.4 else SMALL_NUMBERS[count]

    def is_correct(answer: str) -> bool:
        items = [line.removeprefix("- ").strip() for line in answer.strip().splitlines()]
        return len(items) == len(set(items)) == count and set(items) <= set(known)

    return draw.example(draw.say(SOME, sort=sort, count=number), "\n".join(f"- {w}" for w in known[:count]), is_correct)


def bullets(draw: Draw) -> Example:
    """Ask to write a list line by line."""
    items = _items(draw, 2, 6)
    if draw.rng.random() < 0.5:
        return draw.example(draw.say(BULLETS, items=listed(items)), "\n".join(f"- {item}" for item in items))
    lines = [f"{number}. {item}" for number, item in enumerate(items, 1)]
    return draw.example(draw.say(NUMBERED, items=listed(items)), "\n".join(lines))


TASKS: dict[Task, int] = {
    count_up: 14, count_down: 8, count_by: 8, sort_numbers: 14, sort_words: 9, reverse: 10, extreme: 8,
    element: 7, how_many: 5, neighbour: 6, name_all: 5, name_some: 8, bullets: 7,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one question about a list."""
    return draw_from("lists", TASKS, rng, split, known_by_heart=(neighbour, name_all, name_some))
