"""Small Python programs: what each does, and its text with every name marked by a dollar sign.

The first marked name is the function's. The unmarked text is the program as it is written when nobody asks for
other names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Program:
    """A function of a few lines."""

    purpose: str
    """What the function does, after "a function that"."""
    marked: str
    """Its text, every renamable name with a dollar sign in front."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The marked names in order of appearance; the function's own is the first."""
        return tuple(dict.fromkeys(re.findall(r"\$(\w+)", self.marked)))

    @cached_property
    def text(self) -> str:
        """The program under its own names."""
        return self.marked.replace("$", "")

    def renamed(self, names: Mapping[str, str]) -> str:
        """Return the program with some of its names replaced."""
        return re.sub(r"\$(\w+)", lambda found: names.get(found[1], found[1]), self.marked)


def _parse(source: str) -> tuple[Program, ...]:
    """Read programs separated by blank lines, each headed by its purpose in a comment."""
    blocks = (block.strip("\n").split("\n", 1) for block in source.strip().split("\n\n"))
    return tuple(Program(purpose.removeprefix("# "), marked) for purpose, marked in blocks)


PROGRAMS = _parse("""
# adds two numbers
def $add($a, $b):
    return $a + $b

# subtracts one number from another
def $subtract($a, $b):
    return $a - $b

# multiplies two numbers
def $multiply($a, $b):
    return $a * $b

# divides one number by another
def $divide($a, $b):
    return $a / $b

# squares a number
def $square($number):
    return $number * $number

# doubles a number
def $double($number):
    return 2 * $number

# checks if a number is even
def $is_even($number):
    return $number % 2 == 0

# checks if a number is odd
def $is_odd($number):
    return $number % 2 == 1

# checks if a number is positive
def $is_positive($number):
    return $number > 0

# returns the larger of two numbers
def $larger($a, $b):
    if $a > $b:
        return $a
    return $b

# returns the smaller of two numbers
def $smaller($a, $b):
    if $a < $b:
        return $a
    return $b

# returns the absolute value of a number
def $absolute($number):
    if $number < 0:
        return -$number
    return $number

# computes the factorial of a number
def $factorial($n):
    $result = 1
    for $i in range(2, $n + 1):
        $result *= $i
    return $result

# computes the factorial recursively
def $factorial($n):
    if $n <= 1:
        return 1
    return $n * $factorial($n - 1)

# computes the nth Fibonacci number
def $fibonacci($n):
    $a, $b = 0, 1
    for $step in range($n):
        $a, $b = $b, $a + $b
    return $a

# checks if a number is prime
def $is_prime($n):
    if $n < 2:
        return False
    for $i in range(2, $n):
        if $n % $i == 0:
            return False
    return True

# computes the greatest common divisor of two numbers
def $gcd($a, $b):
    while $b:
        $a, $b = $b, $a % $b
    return $a

# sums the digits of a number
def $sum_digits($number):
    $total = 0
    while $number > 0:
        $total += $number % 10
        $number //= 10
    return $total

# sums a list of numbers
def $sum_list($numbers):
    $total = 0
    for $number in $numbers:
        $total += $number
    return $total

# computes the average of a list
def $average($numbers):
    return sum($numbers) / len($numbers)

# finds the largest number in a list
def $find_max($numbers):
    $largest = $numbers[0]
    for $number in $numbers:
        if $number > $largest:
            $largest = $number
    return $largest

# finds the smallest number in a list
def $find_min($numbers):
    $smallest = $numbers[0]
    for $number in $numbers:
        if $number < $smallest:
            $smallest = $number
    return $smallest

# counts the even numbers in a list
def $count_even($numbers):
    $count = 0
    for $number in $numbers:
        if $number % 2 == 0:
            $count += 1
    return $count

# keeps only the even numbers of a list
def $keep_even($numbers):
    return [$number for $number in $numbers if $number % 2 == 0]

# squares every number in a list
def $square_all($numbers):
    return [$number * $number for $number in $numbers]

# reverses a list
def $reverse_list($items):
    return $items[::-1]

# returns the first element of a list
def $first($items):
    return $items[0]

# returns the last element of a list
def $last($items):
    return $items[-1]

# removes duplicates from a list
def $unique($items):
    $result = []
    for $item in $items:
        if $item not in $result:
            $result.append($item)
    return $result

# checks if a list is empty
def $is_empty($items):
    return len($items) == 0

# counts how often an item occurs in a list
def $count_item($items, $wanted):
    $count = 0
    for $item in $items:
        if $item == $wanted:
            $count += 1
    return $count

# finds the index of an item in a list
def $find_index($items, $wanted):
    for $index, $item in enumerate($items):
        if $item == $wanted:
            return $index
    return -1

# checks if a list is sorted
def $is_sorted($items):
    for $i in range(len($items) - 1):
        if $items[$i] > $items[$i + 1]:
            return False
    return True

# sorts a list with bubble sort
def $bubble_sort($items):
    for $i in range(len($items)):
        for $j in range(len($items) - 1 - $i):
            if $items[$j] > $items[$j + 1]:
                $items[$j], $items[$j + 1] = $items[$j + 1], $items[$j]
    return $items

# does a binary search in a sorted list
def $binary_search($items, $wanted):
    $low, $high = 0, len($items) - 1
    while $low <= $high:
        $middle = ($low + $high) // 2
        if $items[$middle] == $wanted:
            return $middle
        if $items[$middle] < $wanted:
            $low = $middle + 1
        else:
            $high = $middle - 1
    return -1

# merges two sorted lists
def $merge($left, $right):
    $result = []
    while $left and $right:
        if $left[0] <= $right[0]:
            $result.append($left.pop(0))
        else:
            $result.append($right.pop(0))
    return $result + $left + $right

# flattens a list of lists
def $flatten($lists):
    $result = []
    for $items in $lists:
        $result.extend($items)
    return $result

# swaps two elements of a list
def $swap($items, $i, $j):
    $items[$i], $items[$j] = $items[$j], $items[$i]

# splits a list into chunks
def $chunk($items, $size):
    return [$items[$i:$i + $size] for $i in range(0, len($items), $size)]

# reverses a string
def $reverse_string($text):
    return $text[::-1]

# checks if a word is a palindrome
def $is_palindrome($word):
    return $word == $word[::-1]

# counts the vowels in a text
def $count_vowels($text):
    $count = 0
    for $letter in $text.lower():
        if $letter in "aeiou":
            $count += 1
    return $count

# counts the words in a text
def $count_words($text):
    return len($text.split())

# finds the longest word in a text
def $longest_word($text):
    $longest = ""
    for $word in $text.split():
        if len($word) > len($longest):
            $longest = $word
    return $longest

# counts how often each word occurs
def $word_counts($text):
    $counts = {}
    for $word in $text.split():
        $counts[$word] = $counts.get($word, 0) + 1
    return $counts

# turns a text into uppercase
def $shout($text):
    return $text.upper()

# removes all spaces from a text
def $remove_spaces($text):
    return $text.replace(" ", "")

# greets a person by name
def $greet($name):
    return "Hello, " + $name + "!"

# joins words with commas
def $join_words($words):
    return ", ".join($words)

# swaps the keys and values of a dictionary
def $invert($mapping):
    return {$value: $key for $key, $value in $mapping.items()}

# merges two dictionaries
def $merge_dicts($first, $second):
    $result = dict($first)
    $result.update($second)
    return $result

# converts Celsius to Fahrenheit
def $to_fahrenheit($celsius):
    return $celsius * 9 / 5 + 32

# converts Fahrenheit to Celsius
def $to_celsius($fahrenheit):
    return ($fahrenheit - 32) * 5 / 9

# computes the area of a rectangle
def $rectangle_area($width, $height):
    return $width * $height

# computes the area of a circle
def $circle_area($radius):
    return 3.14159 * $radius ** 2

# computes the area of a triangle
def $triangle_area($base, $height):
    return $base * $height / 2

# checks if a year is a leap year
def $is_leap_year($year):
    if $year % 400 == 0:
        return True
    return $year % 4 == 0 and $year % 100 != 0

# plays FizzBuzz
def $fizzbuzz($n):
    for $i in range(1, $n + 1):
        if $i % 15 == 0:
            print("FizzBuzz")
        elif $i % 3 == 0:
            print("Fizz")
        elif $i % 5 == 0:
            print("Buzz")
        else:
            print($i)

# prints the numbers from 1 to n
def $print_numbers($n):
    for $i in range(1, $n + 1):
        print($i)

# counts down to zero
def $countdown($n):
    while $n >= 0:
        print($n)
        $n -= 1

# prints a times table
def $times_table($n):
    for $i in range(1, 11):
        print($n, "x", $i, "=", $n * $i)

# raises a number to a power
def $power($base, $exponent):
    $result = 1
    for $step in range($exponent):
        $result *= $base
    return $result

# limits a number to a range
def $clamp($value, $low, $high):
    if $value < $low:
        return $low
    if $value > $high:
        return $high
    return $value

# reads a file
def $read_file($path):
    with open($path) as $file:
        return $file.read()

# writes a text to a file
def $write_file($path, $text):
    with open($path, "w") as $file:
        $file.write($text)

# counts the lines of a file
def $count_lines($path):
    with open($path) as $file:
        return len($file.readlines())
""")


def fenced(code: str, language: str = "python") -> str:
    """Return code in a Markdown fence."""
    return f"```{language}\n{code}\n```"
