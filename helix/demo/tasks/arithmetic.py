"""Small sums, written out in steps where a step helps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from
from helix.demo.tasks.words import GOODS, NAMES

PLUS = Phrasings("""
    What is {a} + {b}?
    What is {a} plus {b}?
    {a} + {b}
    {a} + {b} = ?
    What do you get if you add {a} and {b}?
    Add {a} and {b}.
    Calculate {a} + {b}.
    How much is {a} + {b}?
    Compute {a} plus {b}.
    Tell me the sum of {a} and {b}.
    What is the sum of {a} and {b}?
    How much is {a} plus {b}?
    Can you add {a} and {b}?
    Can you tell me what {a} + {b} is?
    Work out {a} plus {b} for me.
    What's {a} + {b}?
    {a} plus {b}
    {a}+{b}
    Solve {a} + {b}.
    I need the sum of {a} and {b}.
""")
MINUS = Phrasings("""
    What is {a} - {b}?
    What is {a} minus {b}?
    {a} - {b}
    {a} - {b} = ?
    What is left if you take {b} from {a}?
    Subtract {b} from {a}.
    Calculate {a} - {b}.
    How much is {a} - {b}?
    Compute {a} minus {b}.
    Tell me what is left of {a} after taking off {b}.
    What's {a} - {b}?
    How much is {a} minus {b}?
    Take {b} away from {a}.
    What do you get when you subtract {b} from {a}?
    Work out {a} minus {b} for me.
    {a} minus {b}
    {a}-{b}
    Can you tell me what {a} - {b} is?
    Solve {a} - {b}.
    I need the result of {a} - {b}.
""")
TIMES = Phrasings("""
    What is {a} x {b}?
    What is {a} times {b}?
    {a} * {b}
    {a} x {b} = ?
    What do you get if you multiply {a} and {b}?
    Multiply {a} by {b}.
    Calculate {a} * {b}.
    How much is {a} times {b}?
    What's {a} * {b}?
    Tell me the product of {a} and {b}.
    What is the product of {a} and {b}?
    Compute {a} times {b}.
    {a} times {b}
    What is {a} * {b}?
    Work out {a} times {b} for me.
""")
DIVIDE = Phrasings("""
    What is {a} / {b}?
    What is {a} divided by {b}?
    {a} / {b}
    {a} / {b} = ?
    What do you get if you divide {a} by {b}?
    Divide {a} by {b}.
    Calculate {a} / {b}.
    How much is {a} divided by {b}?
    Compute {a} divided by {b}.
    How many times does {b} go into {a}?
    What's {a} / {b}?
    {a} divided by {b}
    Solve {a} / {b}.
""")
DOUBLE = Phrasings("""
    What is double {a}?
    Double {a}.
    What is twice {a}?
    What is the double of {a}?
    How much is two times the number {a}?
    Double the number {a}.
    How much is twice {a}?
    Tell me twice {a}.
    What do you get when you double {a}?
    Can you tell me the double of {a}?
    Calculate double {a}.
    Twice {a}?
""")
HALF = Phrasings("""
    What is half of {a}?
    What is one half of {a}?
    Halve {a}.
    Half of {a}?
    Split {a} into two equal parts. How big is each?
    How much is half of {a}?
    Tell me half of {a}.
    What do you get when you halve {a}?
    Calculate half of {a}.
    Can you tell me what half of {a} is?
    Halve the number {a}.
    Give me half of {a}.
""")
LARGER = Phrasings("""
    Which is larger, {a} or {b}?
    Which number is larger: {a} or {b}?
    Which is bigger, {a} or {b}?
    Which is greater, {a} or {b}?
    Tell me the bigger one: {a} or {b}.
    What is larger, {a} or {b}?
    Of {a} and {b}, which is larger?
    Which one is greater: {a} or {b}?
    Name the larger number: {a} or {b}.
    Compare {a} and {b}. Which one is the larger?
    Compare {a} and {b}. Which is larger?
    What is the larger number, {a} or {b}?
""")
SMALLER = Phrasings("""
    Which is smaller, {a} or {b}?
    Which number is smaller: {a} or {b}?
    What is smaller, {a} or {b}?
    Which one is less, {a} or {b}?
    Tell me the smaller one: {a} or {b}.
    Of {a} and {b}, which is smaller?
    Which one is smaller: {a} or {b}?
    Name the smaller number: {a} or {b}.
    Compare {a} and {b}. Which is smaller?
    Which of {a} and {b} is the lower number?
    What is the smaller number, {a} or {b}?
    Which is less, {a} or {b}?
""")
GREATER_THAN = Phrasings("""
    Is {a} greater than {b}?
    Is {a} larger than {b}?
    Is {a} more than {b}?
    Is {a} bigger than {b}?
    Would you say {a} is more than {b}?
    Is the number {a} greater than {b}?
    Is the number {a} larger than {b}?
    Tell me if {a} is greater than {b}.
    Is it true that {a} is greater than {b}?
    Does {a} come after {b} on the number line?
    Is {a} > {b}?
    Tell me if {a} is larger than {b}.
""")
PARITY = Phrasings("""
    Is {a} even or odd?
    Is {a} odd or even?
    Is the number {a} even or odd?
    Tell me if {a} is even or odd.
    Even or odd: {a}?
    Is {a} an even or an odd number?
    Even or odd, what is {a}?
    Say whether {a} is even or odd.
    Is the number {a} odd or even?
    Decide whether {a} is odd or even.
    {a}: even or odd?
    Can you tell me if {a} is odd or even?
""")
GAIN = Phrasings("""
    {name} has {a} {goods} and buys {b} more. How many {goods} does {name} have now?
    {name} has {a} {goods}. {name} finds {b} more {goods}. How many {goods} does {name} have?
    {name} has {a} {goods} and gets {b} more. How many {goods} are there in all?
    If {name} has {a} {goods} and gets {b} more, how many {goods} does {name} have?
    {name} owned {a} {goods} and then got {b} as a gift. How many {goods} does {name} own now?
    {name} had {a} {goods} and was given {b} more. How many {goods} does {name} have now?
    There are {a} {goods} in {name}'s bag. {name} puts in {b} more. How many {goods} are in the bag?
    {name} picks {a} {goods} in the morning and {b} in the evening. How many {goods} is that?
    {name} collects {a} {goods} on Monday and {b} on Tuesday. How many {goods} is that in total?
    A friend brings {b} {goods} to {name}, who has {a} already. How many {goods} does {name} have now?
    {name} has {a} {goods} in one box and {b} in another. How many {goods} does {name} have?
    On the table are {a} {goods}. {name} adds {b} more. How many {goods} are there now?
""")
LOSE = Phrasings("""
    {name} has {a} {goods} and gives away {b}. How many {goods} are left?
    {name} has {a} {goods} and loses {b}. How many {goods} does {name} have now?
    {name} had {a} {goods} and sold {b}. How many {goods} does {name} have left?
    If {name} has {a} {goods} and gives {b} to a friend, how many {goods} are left?
    Out of {a} {goods}, {name} lost {b}. How many {goods} remain?
    There are {a} {goods} in {name}'s bag. {name} takes out {b}. How many {goods} are left in the bag?
    {name} has {a} {goods}. {name} gives {b} of them away. How many {goods} does {name} have now?
    {name} bought {a} {goods} and used {b}. How many {goods} are left?
    On the table are {a} {goods}. {name} takes {b}. How many {goods} are still there?
    {name} owned {a} {goods} but dropped {b} on the way. How many {goods} are left?
    {name} has {a} {goods} and needs only some, so {name} returns {b}. How many {goods} does {name} keep?
    {name} had {a} {goods}. Then {b} broke. How many {goods} are left?
""")
GROUPS = Phrasings("""
    {name} has {a} boxes with {b} {goods} each. How many {goods} is that?
    There are {b} {goods} in each of {name}'s {a} boxes. How many {goods} are there?
    {name} buys {a} bags of {b} {goods}. How many {goods} does {name} have?
    {name} fills {a} bags with {b} {goods} each. How many {goods} does {name} need?
    Each of {name}'s {a} friends gets {b} {goods}. How many {goods} is that altogether?
    {name} has {a} rows of {b} {goods}. How many {goods} are there?
    {name} gives {b} {goods} to each of {a} children. How many {goods} is that?
    If {name} has {a} bags with {b} {goods} in each, how many {goods} are there?
""")


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
    return draw.example(draw.say(PLUS, a=a, b=b), sum_in_steps(a, b), ends_in_number(a + b))


def subtract(draw: Draw) -> Example:
    """Ask for a difference that is not negative."""
    b, a = _pair(draw)
    return draw.example(draw.say(MINUS, a=a, b=b), difference_in_steps(a, b), ends_in_number(a - b))


def times_table(draw: Draw) -> Example:
    """Ask for a product up to 12 x 12."""
    a, b = draw.rng.randint(1, 12), draw.rng.randint(1, 12)
    return draw.example(draw.say(TIMES, a=a, b=b), product_in_steps(a, b), ends_in_number(a * b))


def multiply(draw: Draw) -> Example:
    """Ask for a number of two digits times one of one digit."""
    a, b = draw.value(lambda: (draw.rng.randint(13, 99), draw.rng.randint(2, 9)))
    return draw.example(draw.say(TIMES, a=a, b=b), product_in_steps(a, b), ends_in_number(a * b))


def divide(draw: Draw) -> Example:
    """Ask for a quotient of the times table."""
    b, quotient = draw.rng.randint(1, 12), draw.rng.randint(1, 12)
    prompt = draw.say(DIVIDE, a=b * quotient, b=b)
    return draw.example(prompt, f"{b * quotient} / {b} = {quotient}.", ends_in_number(quotient))


def double(draw: Draw) -> Example:
    """Ask for twice a number."""
    a, _ = draw.value(lambda: (draw.rng.randint(1, 99),) * 2, is_basic)
    return draw.example(draw.say(DOUBLE, a=a), sum_in_steps(a, a), ends_in_number(2 * a))


def halve(draw: Draw) -> Example:
    """Ask for half of an even number."""
    a = draw.value(lambda: draw.rng.randint(1, 99) * 2, is_basic=lambda number: number <= 20)
    tens, ones = a // 10 * 10, a % 10
    answer = f"Half of {a} is {a // 2}."
    if a > 20 and ones:
        answer = f"Half of {tens} is {tens // 2} and half of {ones} is {ones // 2}, so half of {a} is {a // 2}."
    return draw.example(draw.say(HALF, a=a), answer, ends_in_number(a // 2))


def compare(draw: Draw) -> Example:
    """Ask which of two numbers is larger or smaller, or whether one is larger than the other."""
    small, large = draw.value(lambda: tuple(sorted(draw.rng.sample(range(1, draw.rng.choice((100, 1000))), 2))))
    a, b = draw.rng.sample((small, large), 2)
    form = draw.rng.randrange(3)
    if form == 0:
        return draw.example(draw.say(LARGER, a=a, b=b), f"{large} is larger.")
    if form == 1:
        return draw.example(draw.say(SMALLER, a=a, b=b), f"{small} is smaller.")
    answer = f"Yes, {a} is greater than {b}." if a > b else f"No, {a} is less than {b}."
    return draw.example(draw.say(GREATER_THAN, a=a, b=b), answer)


def parity(draw: Draw) -> Example:
    """Ask whether a number is even."""
    a = draw.value(lambda: draw.rng.randint(1, 999))
    return draw.example(draw.say(PARITY, a=a), f"{a} is {'odd' if a % 2 else 'even'}.")


def story_sum(draw: Draw) -> Example:
    """Ask a sum or difference that is told as a story."""
    small, large = draw.value(
        lambda: tuple(sorted(draw.rng.sample(range(2, draw.rng.choice((12, 30, 60))), 2))), is_basic
    )
    name, goods = draw.word(NAMES), draw.word(GOODS)
    if draw.rng.random() < 0.5:
        a, b = draw.rng.sample((small, large), 2)
        steps, result = sum_in_steps(a, b), a + b
        prompt = draw.say(GAIN, a=a, b=b, name=name, goods=goods)
        ending = f"So there are {result} {goods}."
    else:
        steps, result = difference_in_steps(large, small), large - small
        prompt = draw.say(LOSE, a=large, b=small, name=name, goods=goods)
        ending = f"So {result} {goods} are left."
    return draw.example(prompt, f"{steps} {ending}", ends_in_number(result))


def story_product(draw: Draw) -> Example:
    """Ask a product that is told as a story."""
    a, b = draw.rng.randint(2, 10), draw.rng.randint(2, 10)
    name, goods = draw.word(NAMES), draw.word(GOODS)
    prompt = draw.say(GROUPS, a=a, b=b, name=name, goods=goods)
    return draw.example(prompt, f"{a} x {b} = {a * b}. So there are {a * b} {goods}.", ends_in_number(a * b))


TASKS: dict[Task, int] = {
    add: 24, subtract: 20, times_table: 12, multiply: 6, divide: 5, double: 4, halve: 4,
    compare: 7, parity: 3, story_sum: 12, story_product: 3,
}  # fmt: skip


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one sum."""
    return draw_from("arithmetic", TASKS, rng, split, known_by_heart=(times_table, divide))
