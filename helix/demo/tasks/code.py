"""Writing small Python functions and saying what they do."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable
from functools import lru_cache

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings
from helix.demo.tasks.programs import PROGRAMS, fenced
from helix.demo.tasks.words import IDENTIFIERS, NOUNS, VERBS

PHRASINGS = load_phrasings("code")


def defines(code: str) -> Callable[[str], bool]:
    """Return a check for a fenced function that is this code, names of its variables aside."""

    def is_correct(answer: str) -> bool:
        found = re.search(r"```(?:python)?\n(.*?)```", answer, re.DOTALL)
        return found is not None and _shape(found[1]) == _shape(code)

    return is_correct


@lru_cache(maxsize=1024)
def _shape(code: str) -> str:
    """Return code with its arguments and variables numbered, so that their names do not matter."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return ""
    bound = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    bound += [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    numbers = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(bound))}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.arg = numbers[node.arg]
        elif isinstance(node, ast.Name):
            node.id = numbers.get(node.id, node.id)
    return ast.dump(tree)


def write(draw: Draw) -> Example:
    """Ask for a function."""
    program = draw.rng.choice(PROGRAMS)
    prompt = draw.say(PHRASINGS["write"], purpose=program.purpose)
    return draw.example(prompt, fenced(program.text), defines(program.text))


def write_as(draw: Draw) -> Example:
    """Ask for a function under a given name."""
    program = draw.rng.choice(PROGRAMS)
    name = function_name(draw)
    code = program.renamed({program.names[0]: name})
    request, naming = draw.say(PHRASINGS["write"], purpose=program.purpose), draw.say(PHRASINGS["call_it"], name=name)
    if request[-1] not in ".?":
        request += "."
    return draw.example(f"{request} {naming}", fenced(code), defines(code))


def explain(draw: Draw) -> Example:
    """Ask what a function does; its variables go by any names."""
    program = draw.rng.choice(PROGRAMS)
    code = program.text
    if draw.rng.random() < 0.4:
        name = draw.rng.choice(program.names[1:])
        code = program.renamed(
            {name: draw.rng.choice([word for word in IDENTIFIERS.seen if word not in program.names])}
        )
    request = draw.say(PHRASINGS["explain"])
    return draw.example(f"{request}\n{fenced(code)}", f"This function {program.purpose}.")


def function_name(draw: Draw) -> str:
    """Draw the name of a function: a word or a verb and a noun; new names are unseen combinations."""

    def make() -> str:
        name = f"{draw.rng.choice(VERBS.words)}_{draw.rng.choice(NOUNS.words)}"
        return name if draw.rng.random() < 0.6 else draw.rng.choice(IDENTIFIERS.words)

    return draw.value(make)


TASKS: dict[Task, int] = {write: 45, write_as: 30, explain: 25}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one question about a small program."""
    return draw_from("code", TASKS, rng, split, known_by_heart=(write, explain))
