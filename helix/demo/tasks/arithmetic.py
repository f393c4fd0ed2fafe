"""Small sums, written out in steps where a step helps."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from
from helix.demo.tasks.words import GOODS, NAMES

PLUS = Phrasings(
    """
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
""",
    more="""
    Add {b} to {a}.
    Sum up {a} and {b}.
    Sum {a} and {b}
    Please compute {a} + {b}.
    Work out the sum {a} + {b}.
    Work out {a} + {b}, please.
    If I add {b} to {a}, what do I get?
    If you put {a} and {b} together, how much is that?
    What number is {a} plus {b}?
    What does {a} + {b} make?
    What do {a} and {b} make together?
    How much do {a} and {b} make in total?
    I would like to know what {a} plus {b} is.
    I have {a} and add {b}. What is the result?
    I need to know {a} + {b}.
    What is the result when {a} and {b} are added?
    What is the total of {a} and {b}?
    Give me {a} plus {b}.
    Could you work out {a} + {b}?
    Do you know {a} plus {b}?
    {a} and {b} together?
    {b} more than {a} is what?
""",
)
MINUS = Phrasings(
    """
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
""",
    more="""
    What is {b} less than {a}?
    Take {b} from {a}.
    Take {b} off {a} and tell me the result.
    From {a}, subtract {b}.
    Work out {a} - {b}, please.
    Please compute {a} - {b}.
    If I subtract {b} from {a}, what do I get?
    If {b} is taken away from {a}, how much is left?
    How much is left of {a} when {b} are gone?
    What is the result of {a} minus {b}?
    What is the difference between {a} and {b}?
    Tell me the difference of {a} and {b}.
    I would like to know what {a} minus {b} is.
    I need to know {a} - {b}.
    I have {a} and take off {b}. What is left?
    You have {a} and you take {b} away. What remains?
    What remains of {a} after subtracting {b}?
    What number is {a} minus {b}?
    Give me {a} minus {b}.
    Could you work out {a} - {b}?
    Do you know {a} minus {b}?
    {a} take away {b}
    {a} without {b} is how much?
""",
)
TIMES = Phrasings(
    """
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
""",
    more="""
    Multiply {a} and {b}.
    Multiply {a} with {b}, please.
    Please compute {a} x {b}.
    Work out {a} x {b}.
    Work out the product {a} * {b}, please.
    If I multiply {a} by {b}, what is the result?
    If I take {a} exactly {b} times, how much is it?
    What number is {a} times {b}?
    What does {a} x {b} make?
    What do I get when I multiply {a} with {b}?
    I would like to know what {a} times {b} is.
    I have to multiply {a} by {b}. What is the result?
    Give me {a} times {b}.
    Could you multiply {a} by {b}?
    Do you know {a} times {b}?
    Can you tell me what {a} x {b} is?
    Solve {a} x {b}.
    {a} multiplied by {b}
""",
)
DIVIDE = Phrasings(
    """
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
""",
    more="""
    Please compute {a} / {b}.
    Please divide {a} by {b}.
    Work out {a} / {b}.
    Work out {a} divided by {b} for me.
    If I divide {a} by {b}, what is the result?
    If {a} is split into {b} equal parts, how big is each part?
    Split {a} into {b} equal parts. How much is one part?
    Share {a} among {b}. How much does each get?
    How often does {b} fit into {a}?
    How many times can I take {b} out of {a}?
    What number is {a} divided by {b}?
    I would like to know what {a} divided by {b} is.
    I need the result of {a} / {b}.
    I have to divide {a} by {b}. What do I get?
    Give me {a} divided by {b}.
    Could you divide {a} by {b}?
    Do you know {a} divided by {b}?
    How many groups of {b} are in {a}?
    {b} goes into {a} how often?
""",
)
DOUBLE = Phrasings(
    """
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
""",
    more="""
    Please double {a}.
    Multiply {a} by two.
    Take {a} two times.
    Take {a} twice. What do you get?
    What is two times {a}?
    What number is twice as large as {a}?
    If I double {a}, what do I get?
    If I have {a} and get the same again, how much is it?
    I would like to know what twice {a} is.
    I need double {a}.
    I have to double {a}. What is the result?
    Give me the double of {a}.
    Could you double {a} for me?
    Do you know the double of {a}?
    Two times {a}?
    The number {a} twice, please.
    {a} doubled
""",
)
HALF = Phrasings(
    """
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
""",
    more="""
    Please halve {a}.
    Divide {a} by two.
    Divide {a} into two equal halves.
    Take half of {a}. What do you get?
    What is {a} divided by two?
    What number is half as large as {a}?
    How much is one half of {a}?
    How big is a half of {a}?
    If I halve {a}, what do I get?
    If two people share {a} in equal parts, how much does each get?
    I would like to know what half of {a} is.
    I need half of {a}.
    I have to split {a} in two. How much is one part?
    Could you halve {a} for me?
    Do you know half of {a}?
    Work out half of {a}.
    One half of {a}, please.
    {a} halved
""",
)
LARGER = Phrasings(
    """
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
""",
    more="""
    Compare {a} with {b} and name the larger one.
    Compare {a} and {b} and tell me which is bigger.
    Is {a} or {b} the larger number?
    Is {a} or {b} bigger?
    Between {a} and {b}, which one is bigger?
    Take {a} and {b}. Which is the greater number?
    Tell me which is larger, {a} or {b}.
    Tell me the larger number of {a} and {b}.
    Give me the larger of {a} and {b}.
    Pick the bigger number: {a}, {b}.
    I would like to know which is larger, {a} or {b}.
    If I compare {a} and {b}, which one is bigger?
    Can you tell me which is bigger, {a} or {b}?
    Which of the numbers {a} and {b} is higher?
    Which is more, {a} or {b}?
    The larger one of {a} and {b}?
    Say which number is greater: {a} or {b}.
""",
)
SMALLER = Phrasings(
    """
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
""",
    more="""
    Compare {a} with {b} and name the smaller one.
    Compare {a} and {b} and tell me which is less.
    Is {a} or {b} the smaller number?
    Is {a} or {b} lower?
    Between {a} and {b}, which one is smaller?
    Take {a} and {b}. Which is the lower one?
    Tell me which is smaller, {a} or {b}.
    Tell me the smaller number of {a} and {b}.
    Give me the smaller of {a} and {b}.
    Pick the lower number: {a}, {b}.
    I would like to know which is smaller, {a} or {b}.
    I have {a} and {b}. Which one is the smaller?
    If I compare {a} and {b}, which one is less?
    Can you tell me which is lower, {a} or {b}?
    Which one is lower, {a} or {b}?
    Which one is the least of {a} and {b}?
    The smaller one of {a} and {b}?
    Say which number is less: {a} or {b}.
""",
)
GREATER_THAN = Phrasings(
    """
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
""",
    more="""
    Is {a} above {b}?
    Is {a} higher than {b}?
    Is {a} a larger number than {b}?
    Is it right that {a} is more than {b}?
    Is it correct to say {a} is larger than {b}?
    Can you tell me if {a} is bigger than {b}?
    Do you think {a} is greater than {b}?
    Say whether {a} is more than {b}.
    Say yes or no: {a} is larger than {b}.
    Compare {a} and {b}. Is {a} the greater one?
    If I compare {a} with {b}, is {a} the bigger one?
    I would like to know if {a} is larger than {b}.
    {a} is more than {b}, right?
    {a} > {b}?
    On the number line, is {a} to the right of {b}?
    When I count, does {b} come before {a}?
    Check if {a} is bigger than {b}.
""",
)
PARITY = Phrasings(
    """
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
""",
    more="""
    Is {a} an odd number or an even one?
    Tell me if the number {a} is even or odd.
    Check if {a} is even or odd.
    Check whether the number {a} is odd or even.
    Would you call {a} even or odd?
    What kind of number is {a}, even or odd?
    Look at {a}. Is it odd or even?
    I would like to know if {a} is even or odd.
    I have the number {a}. Is it even or odd?
    If I take {a}, is that an odd or an even number?
    Do you know whether {a} is odd or even?
    Can {a} be split into two equal parts, is it even or odd?
""",
)
GAIN = Phrasings(
    """
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
""",
    more="""
    {name} owns {a} {goods}. Then {name} gets {b} new ones. How many {goods} does {name} own?
    {name} starts with {a} {goods} and finds {b}. How many {goods} are there now?
    {name} had {a} {goods} already. Today {b} more came. How many {goods} is that altogether?
    {name} got {a} {goods} from a friend and {b} as a gift from an aunt. How many {goods} are there?
    A friend gives {name} {b} {goods}. Before that, {name} had {a}. How many {goods} does {name} have now?
    First there are {a} {goods}, then {name} brings {b} more. How many {goods} are there in total?
    In a box are {a} {goods}. {name} adds {b}. How many {goods} does the box hold now?
    Today {name} bought {a} {goods}, and yesterday {b}. How many {goods} did {name} buy in all?
    How many {goods} does {name} have after getting {b} more, if there were {a} before?
    How many {goods} does {name} have with {a} in the bag and {b} on the table?
    If {name} finds {b} {goods} and already owns {a}, how many {goods} are there?
    Please work this out: {name} has {a} {goods} and receives {b} more. How many {goods} now?
    I would like to know how many {goods} {name} has: first {a}, then {b} more.
    {name} won {a} {goods}, then won {b} again. Tell me how many {goods} {name} won.
    To the {a} {goods} of {name} come {b} others. How many {goods} are there together?
""",
)
LOSE = Phrasings(
    """
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
""",
    more="""
    {name} owned {a} {goods} and sold {b} of them. How many {goods} remain?
    {name} starts with {a} {goods} and loses {b} on the way. How many {goods} are left?
    {name} had {a} {goods} and dropped {b} of them. How many {goods} are there now?
    From the {a} {goods} of {name}, {b} are gone. How many {goods} remain?
    Of the {a} {goods} that {name} had, {b} were lost. How many {goods} are left?
    A friend takes {b} {goods} from {name}, who had {a}. How many {goods} does {name} have now?
    First there are {a} {goods}, then {name} takes {b} away. How many {goods} remain?
    In a box are {a} {goods}. {name} takes out {b}. How many {goods} does the box hold now?
    Yesterday {name} had {a} {goods}. Today {b} are missing. How many {goods} does {name} still have?
    How many {goods} does {name} have after giving away {b}, if there were {a} before?
    How many {goods} are left when {name} has {a} and uses {b}?
    If {name} loses {b} out of {a} {goods}, how many are left?
    Please work this out: {name} has {a} {goods} and sells {b}. How many {goods} remain?
    I would like to know how many {goods} {name} has left: there were {a}, and {b} got lost.
    {name} gave {b} of {a} {goods} to a friend. Tell me how many {goods} {name} kept.
""",
)
GROUPS = Phrasings(
    """
    {name} has {a} boxes with {b} {goods} each. How many {goods} is that?
    There are {b} {goods} in each of {name}'s {a} boxes. How many {goods} are there?
    {name} buys {a} bags of {b} {goods}. How many {goods} does {name} have?
    {name} fills {a} bags with {b} {goods} each. How many {goods} does {name} need?
    Each of {name}'s {a} friends gets {b} {goods}. How many {goods} is that altogether?
    {name} has {a} rows of {b} {goods}. How many {goods} are there?
    {name} gives {b} {goods} to each of {a} children. How many {goods} is that?
    If {name} has {a} bags with {b} {goods} in each, how many {goods} are there?
""",
    more="""
    {name} owns {a} boxes. In each are {b} {goods}. How many {goods} are there altogether?
    {name} packs {b} {goods} into each of {a} boxes. How many {goods} is that in total?
    {name} has {a} friends and gives each of them {b} {goods}. How many {goods} does {name} give away?
    Each of {a} bags holds {b} {goods}. How many {goods} does {name} have in all?
    Every one of the {a} friends of {name} brings {b} {goods}. How many {goods} are there?
    There are {a} children, and {name} wants {b} {goods} for each. How many {goods} does {name} need?
    On each of {a} tables {name} puts {b} {goods}. How many {goods} is that?
    For {a} days, {name} buys {b} {goods} each day. How many {goods} is that altogether?
    How many {goods} does {name} have in {a} boxes of {b}?
    How many {goods} are in {a} bags if {name} puts {b} into each?
    If each friend gets {b} {goods} and {name} has {a} friends, how many {goods} is that?
    Please work this out: {name} has {a} bags with {b} {goods} in each. How many {goods}?
    I would like to know how many {goods} {name} has: {a} rows with {b} in each row.
    {name} finds {b} {goods} on each of {a} days. How many {goods} does {name} find?
""",
)


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
