"""Words to be repeated, many of them nonsense: they cannot be guessed, so they teach to look back and copy."""

from __future__ import annotations

import random

from helix.demo.example import Example, Split, exactly
from helix.demo.invention import invent
from helix.demo.tasks import words
from helix.demo.tasks.draw import Pool

REQUESTS = {
    Split.TRAIN: {
        "Repeat: {}": None,
        "Repeat this: {}": None,
        "Say {}": None,
        "Copy this:\n{}": None,
        "Write this again:\n{}": None,
        "{}\n\nRepeat that.": None,
        "Write with commas: {}": ", ",
        "One per line:\n{}": "\n",
        "Write as a JSON list: {}": '", "',
        "Join with spaces: {}": " ",
        "Could you repeat this for me? {}": None,
        "Would you please write this once more: {}": None,
        "Give me back exactly what stands here: {}": None,
        "I want you to say the following:\n{}": None,
        "Echo what comes next.\n{}": None,
        "Make an exact copy of these words: {}": None,
        "Answer with this and nothing else: {}": None,
        "Please type this out, letter by letter:\n{}": None,
        "{}\n\nPlease copy the line above.": None,
        "{}\n\nWhat did I just write?": None,
        "{}\n\nNow say all of it once more, please.": None,
        "{}\n\nCan you give me the same again?": None,
        "Could you put commas between these? {}": ", ",
        "I need this with commas in between: {}": ", ",
        "Separate the following by commas:\n{}": ", ",
        "{}\n\nWrite all of these with commas between them.": ", ",
        "Could you write each of these on a line of its own? {}": "\n",
        "I want every item to stand on a new line: {}": "\n",
        "Start a new line after each of them: {}": "\n",
        "{}\n\nPlease put these under each other, one on each line.": "\n",
        "Could you make a JSON list of this? {}": '", "',
        "I need these as an array in JSON: {}": '", "',
        "Convert to JSON, as a list of strings:\n{}": '", "',
        "{}\n\nNow turn that into JSON.": '", "',
        "Could you write this with only spaces in between? {}": " ",
        "Put all of these on one line, separated by spaces:\n{}": " ",
        "{}\n\nPlease join them with a space each.": " ",
    },
    Split.HELD_OUT: {
        "Please repeat: {}": None,
        "Copy: {}": None,
        "Say this again: {}": None,
        "{}\n\nWrite that again.": None,
        "Put each on its own line: {}": "\n",
        "Turn into a list in JSON: {}": '", "',
    },
}
"""How to ask, and the separator that the answer is to have; None: the one of the request."""
SEPARATORS = (" ", " ", ", ", ", ", "\n", "\n- ", "-", "; ", "_", '", "', " and ")
POOLS = [pool for pool in vars(words).values() if isinstance(pool, Pool)]


def nonsense(rng: random.Random) -> str:
    """Return a word, name, number or sign that means nothing."""
    form = rng.random()
    if form < 0.3:
        return str(rng.randrange(10 ** rng.randint(1, 4)))
    if form < 0.35:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=rng.randint(1, 6)))
    made = invent(rng)
    return made.capitalize() if rng.random() < 0.2 else made


def generate(rng: random.Random, split: Split) -> Example:
    """Return a request to repeat one to ten words, and the words."""
    share = rng.choice((0.1, 0.5, 0.9))
    items = [
        rng.choice(rng.choice(POOLS).seen) if rng.random() < share else nonsense(rng) for _ in range(rng.randint(1, 10))
    ]
    request, wanted = rng.choice(list(REQUESTS[split].items()))
    separator = rng.choice(SEPARATORS)
    asked, answer = join(items, separator), join(items, wanted or separator)
    messages = [{"role": "user", "content": request.format(asked)}, {"role": "assistant", "content": answer}]
    held_out = "phrasing" if split is Split.HELD_OUT else ""
    return Example(kind="copying", messages=messages, is_correct=exactly(answer), held_out=held_out)


def join(items: list[str], separator: str) -> str:
    """Return the items with the separator between them, and around them where it is a list's."""
    text = separator.join(items)
    return f'["{text}"]' if separator == '", "' else text
