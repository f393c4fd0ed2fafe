"""Counting, sorting and picking from lists."""

from __future__ import annotations

import random
from collections.abc import Sequence

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, Pool, Task, draw_from
from helix.demo.tasks.words import ANIMALS, COLOURS, DAYS, FRUITS, MONTHS, NAMES, THINGS, TOWNS

COUNT = Phrasings(
    """
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
    """,
    more="""
    I would like to see the numbers from {a} to {b}.
    What numbers lie between {a} and {b}, those two included?
    What are the numbers from {a} to {b}?
    If I count from {a} to {b}, which numbers do I say?
    Name every number between {a} and {b}, both included.
    Begin with {a} and go up to {b}.
    Please say the numbers from {a} up to {b}.
    Could you write every number from {a} to {b}?
    For my homework I must count from {a} to {b}.
    Count for me, {a} to {b}.
    Say all numbers, starting at {a} and ending at {b}.
    I need all the numbers {a} through {b}.
    {a} to {b}, one by one
    Go up from {a} until you reach {b}.
    From {a} to {b}, which numbers come one after another?
    Let me see you count: start with {a}, stop at {b}.
    """,
)
COUNT_DOWN = Phrasings(
    """
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
    """,
    more="""
    I would like to hear a countdown from {a} to {b}.
    Begin with {a} and go down to {b}.
    Go down one by one, first {a}, last {b}.
    If I count backwards from {a} to {b}, which numbers do I say?
    Could you do a countdown from {a} to {b}?
    Which numbers come when I count down from {a} to {b}?
    Say the numbers backwards, starting at {a} and ending at {b}.
    From {a} backwards to {b}, please.
    Do a countdown: {a} down to {b}
    {a} down to {b}, one by one
    For the start of my rocket, count down from {a} until {b}.
    Please go back from {a}, one at a time, until you reach {b}.
    I need the numbers {a} to {b} in falling order.
    What numbers are there going backwards from {a} to {b}?
    Let the numbers fall from {a} to {b}.
    The countdown starts with {a} and stops with {b}.
    Show me the numbers from {a} backwards to {b}.
    """,
)
COUNT_BY = Phrasings(
    """
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
    """,
    more="""
    I would like to count by {step} from {a} to {b}.
    If I start at {a} and count by {step}, which numbers come up to {b}?
    Which numbers do I get from {a} to {b} in steps of {step}?
    Begin with {a} and go up by {step} until {b}.
    Skip count by {step}: {a} to {b}
    Skip count from {a} by {step} up to {b}.
    From {a} to {b} by {step}, please.
    Could you list the numbers from {a} to {b} in steps of {step}?
    For my homework I must count in steps of {step} from {a} to {b}.
    Add {step} each time, beginning with {a} and ending with {b}.
    Keep adding {step} to {a} until you reach {b}.
    Steps of {step}, from {a} to {b}
    Show me how to go from {a} to {b} by {step}.
    Use steps of {step} and count from {a} up to {b}.
    What are the numbers from {a} to {b}, counting by {step}?
    Add {step} over and over, beginning from {a}. Stop at {b}.
    Jump by {step} from {a} until {b}.
    """,
)
SORT_UP = Phrasings(
    """
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
    """,
    more="""
    I would like these numbers sorted: {items}
    Which is the right order of these numbers, from low to high: {items}
    Please order from the smallest to the largest: {items}
    I have the numbers {items}. Sort them.
    Here are some numbers: {items}. Put them in order.
    If I sort {items}, what do I get?
    Could you put {items} in order, smallest first?
    Smallest first: {items}
    Arrange {items} from the lowest to the highest.
    The lowest first, the highest last: {items}
    Write these numbers again, starting with the smallest: {items}
    How do {items} look when sorted?
    My numbers are not in order, please sort them: {items}
    From small to large: {items}
    For my homework I must sort {items}.
    What is {items} in ascending order?
    Can you arrange these numbers in rising order: {items}
    Begin with the smallest number and end with the largest: {items}
    """,
)
SORT_DOWN = Phrasings(
    """
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
    """,
    more="""
    I would like these numbers sorted, largest first: {items}
    Please order these, the largest first and the smallest last: {items}
    I have the numbers {items}. Sort them in descending order.
    Here are some numbers: {items}. I want the largest first.
    If I sort {items} in descending order, what do I get?
    Could you put {items} in order, with the largest first?
    The largest first, please: {items}
    Let {items} go from high to low.
    What are these numbers from high to low: {items}
    Write these numbers again, but the largest first: {items}
    How do {items} look from largest to smallest?
    In falling, that is, descending order: {items}
    For my homework I must sort {items} from high to low.
    What is {items} in descending order?
    Can you arrange these numbers, the largest first: {items}
    List these numbers again from the largest to the smallest: {items}
    Going from high to low, how do I write {items}?
    """,
)
SORT_WORDS = Phrasings(
    """
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
    """,
    more="""
    I would like these words sorted by the alphabet: {items}
    Which word comes first in the alphabet, and which then: {items}
    I have the words {items}. Sort them alphabetically.
    Here are some words: {items}. Put them in alphabetical order.
    If I sort {items} from A to Z, what do I get?
    Could you bring {items} into alphabetical order?
    From A to Z: {items}
    Arrange {items} by the alphabet.
    Sort as in a dictionary: {items}
    Give me these words as a dictionary lists them: {items}
    What is the alphabetical order of {items}?
    How would you order these by their first letters: {items}
    Order {items} alphabetically.
    For my homework I must sort these words by the alphabet: {items}
    Write these words again in the order of a dictionary: {items}
    My words are not in order. Sort them from A to Z: {items}
    Please follow the alphabet and sort: {items}
    """,
)
REVERSE = Phrasings(
    """
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
    """,
    more="""
    I would like this list in reverse order: {items}
    What do I get when I reverse {items}?
    Here is a list: {items}. Write it backwards.
    I have the list {items}. Reverse it.
    If I read this list from the end, what do I get: {items}
    Could you turn {items} around?
    The last one first, please: {items}
    Start with the last and end with the first: {items}
    Backwards: {items}
    Turn {items} around.
    Say this list from the end to the start: {items}
    How does {items} look backwards?
    Write {items} the other way around.
    Which order is the reverse of {items}?
    Begin at the end of this list: {items}
    Go through this list from the last to the first: {items}
    Flip the order of this list: {items}
    """,
)
LARGEST = Phrasings(
    """
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
    """,
    more="""
    I would like to know the largest of {items}.
    Here are some numbers: {items}. Which one is the largest?
    I have {items}. What is the maximum?
    Looking at {items}, which is the largest number?
    If I look for the biggest one in {items}, which do I find?
    Could you find the biggest of {items}?
    Maximum of {items}?
    Which number is higher than all others: {items}?
    Which is the maximum here: {items}
    Which is the highest number in {items}?
    Name the largest number in {items}.
    Among {items}, which is the biggest?
    No number in {items} is larger than which one?
    Which of these numbers is above the others: {items}?
    Find the number that is bigger than the rest: {items}
    Show me the highest of {items}.
    Pick the largest number from {items}.
    """,
)
SMALLEST = Phrasings(
    """
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
    """,
    more="""
    I would like to know the smallest of {items}.
    Here are some numbers: {items}. Which one is the smallest?
    I have {items}. What is the minimum?
    Looking at {items}, which is the smallest number?
    If I look for the lowest one in {items}, which do I find?
    Could you find the lowest of {items}?
    Minimum of {items}?
    Which number is lower than the rest: {items}?
    Which is the minimum here: {items}
    Which is the least number in {items}?
    Name the smallest number in {items}.
    Among {items}, which is the smallest?
    No number in {items} is smaller than which one?
    All others are larger than which number: {items}?
    Find the number that lies below the rest: {items}
    Show me the lowest of {items}.
    Pick the smallest number from {items}.
    """,
)
ELEMENT = Phrasings(
    """
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
    """,
    more="""
    I would like to know the {which} item of {items}.
    Here is a list: {items}. What is the {which} item?
    I have the list {items}. Which one is {which}?
    Looking at {items}, which is the {which} entry?
    If I take the {which} item of {items}, what do I get?
    Could you tell me the {which} item in {items}?
    Pick the {which} item from this list: {items}
    The {which} one, please: {items}
    Find the {which} word: {items}
    What stands in {which} place: {items}?
    Name the {which} entry of {items}.
    Which entry is the {which} one: {items}?
    {which} item of {items}
    In the list {items}, what is {which}?
    Look for the {which} word in {items}.
    Read this list and say the {which} item: {items}
    Take the {which} one from {items}.
    """,
)
HOW_MANY = Phrasings(
    """
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
    """,
    more="""
    I would like to know how many items these are: {items}
    Here is a list: {items}. How many items does it have?
    I have {items}. How many things are that?
    Looking at {items}, how many items do you count?
    If I count {items}, how many do I get?
    Could you count these for me: {items}?
    What is the number of items in this list: {items}?
    Count how many there are: {items}
    How many entries are in {items}?
    What is the size of the list {items}?
    How many words do you see: {items}?
    Give me the number of entries: {items}
    Tell me how long this list is: {items}
    The number of things in {items}?
    Say how many items I wrote: {items}
    How many names or things are in the list {items}?
    Count them: {items}
    """,
)
NEXT = Phrasings(
    """
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
    """,
    more="""
    I would like to know which {sort} comes after {a}.
    If I am at {a}, what is the next {sort}?
    It is {a}. What is the {sort} after it?
    Which {sort} do we have right after {a}?
    Could you tell me the next {sort} after {a}?
    Going on from {a}, what {sort} is next?
    Next {sort} after {a}
    Give me the {sort} that follows {a}.
    {a} is over. Which {sort} is next?
    What {sort} do you say after {a}?
    When {a} has passed, what {sort} do we get?
    Which {sort} is one step after {a}?
    Starting from {a}, go one on: which {sort} is it?
    Do you know what {sort} comes right after {a}?
    What is the following {sort}, if we are at {a} now?
    {a}, and then which {sort}?
    Find the {sort} that comes next: {a}
    """,
)
BEFORE = Phrasings(
    """
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
    """,
    more="""
    I would like to know which {sort} comes before {a}.
    If I am at {a}, what was the {sort} before?
    It is {a}. What {sort} was just before it?
    Which {sort} do we have right before {a}?
    Could you tell me the previous {sort} before {a}?
    Going back from {a}, what {sort} comes first?
    Previous {sort} before {a}
    Give me the {sort} that precedes {a}.
    What {sort} do you say just before {a}?
    Which {sort} is one step before {a}?
    Starting from {a}, go one back: what is the {sort}?
    Do you know what {sort} comes just before {a}?
    What is the previous {sort}, if we are at {a} now?
    Now comes {a}. Which {sort} was there before?
    Find the {sort} that comes just before: {a}
    {a} follows which {sort}?
    After which {sort} does {a} come?
    """,
)
NAME_ALL = Phrasings(
    """
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
    """,
    more="""
    I would like to know the {sort}.
    Please enumerate for me all {sort} that there are.
    Do you know the {sort}?
    Could you name all the {sort}?
    For my homework I need the {sort}.
    Write a list of the {sort}.
    Show me a list with all the {sort}.
    Which {sort} are there?
    Say the {sort}, one after another.
    All of the {sort}, one by one, please.
    Let me hear the {sort}.
    I want to learn the {sort}. What are they?
    If you know the {sort}, please tell me.
    Could you recite all of the {sort} for me?
    I forgot the {sort}. Can you name them?
    What are all of the {sort} called?
    """,
)
SOME = Phrasings(
    """
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
    """,
    more="""
    I would like a list with {count} {sort} in it.
    What are {count} {sort}?
    Could you name {count} {sort}?
    For my homework I need a list of {count} {sort}.
    Can you think of {count} {sort}?
    Write down {count} {sort}.
    {count} {sort}, please.
    Do you know {count} {sort}?
    Please give me {count} examples of {sort}.
    Tell me the names of {count} {sort}.
    I want to know {count} {sort}.
    Which {sort} do you know? Name {count}.
    Think of {count} {sort} and list them.
    Let me see a list with {count} {sort}.
    If you had to name {count} {sort}, which would you choose?
    Find {count} {sort} for me.
    I am looking for {count} {sort}.
    Help me to find {count} {sort}.
    """,
)
BULLETS = Phrasings(
    """
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
    """,
    more="""
    I would like a bullet list of {items}.
    Here are some items: {items}. Make a bullet list.
    I have {items}. Show them as bullet points.
    Could you write {items} as bullet points?
    Put each item on its own line with a dash: {items}
    How does {items} look as a bullet list?
    Each item should have its own bullet: {items}
    Give me {items} as bullets.
    Bullet points for {items}, please.
    Use dashes to list these items: {items}
    For my notes I need a bullet list with {items}.
    If you make a bullet list of {items}, how does it look?
    A dash and one item per line, please: {items}
    One item per line, each with a bullet: {items}
    Show {items} as a list with bullets.
    Format these items with a dash in every line: {items}
    As bullets: {items}
    """,
)
NUMBERED = Phrasings(
    """
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
    """,
    more="""
    I would like a numbered list of {items}.
    Here are some items: {items}. Make a numbered list.
    I have {items}. Number them.
    Could you write {items} as a list with numbers?
    Put each item on its own line with a number: {items}
    How does {items} look as a numbered list?
    Each item should have its own number: {items}
    Give me {items} with numbers.
    Numbers in front of these items, please: {items}
    Use numbers to list these items: {items}
    For my notes I need a numbered list with {items}.
    If you number {items}, how does the list look?
    Write one item per line and number the lines: {items}
    Number the following, each in a new line: {items}
    Show {items} as a list with numbers.
    Format these items with a number in every line: {items}
    As a numbered list: {items}
    """,
)

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
