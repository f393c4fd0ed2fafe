"""Writing small Python functions and saying what they do."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable
from functools import lru_cache

from helix.demo.example import Example, Split
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from
from helix.demo.tasks.programs import PROGRAMS, fenced
from helix.demo.tasks.words import IDENTIFIERS, NOUNS, VERBS

WRITE = Phrasings(
    """
    Write a Python function that {purpose}.
    Write a function that {purpose}.
    Write a Python function which {purpose}.
    Give me a Python function that {purpose}.
    Code a little Python function. It {purpose}.
    Can you write a Python function that {purpose}?
    I need a Python function that {purpose}.
    Show me a Python function that {purpose}.
    Python function that {purpose}
    How would Python code look that {purpose}?
    Create a Python function that {purpose}.
    Write Python code that {purpose}.
    Please write a function in Python that {purpose}.
    Write me a function that {purpose}.
    Could I have something in Python that {purpose}?
    Implement a function that {purpose}.
    Define a Python function that {purpose}.
    """,
    more="""
    I would like to have a Python function that {purpose}.
    Could you write some Python code that {purpose}?
    How do I write a Python function that {purpose}?
    How would you write a function in Python that {purpose}?
    What does a Python function look like that {purpose}?
    For my homework I need a function that {purpose}.
    I am looking for a Python function that {purpose}.
    This is what my function does: it {purpose}. Write it in Python.
    Make a Python function that {purpose}.
    Code a function in Python that {purpose}.
    I need some code in Python: a function that {purpose}.
    Please help me to code something that {purpose}.
    Let me see a Python function that {purpose}.
    Could you give me some code that {purpose}?
    Do you know how to code a function that {purpose}?
    In Python, write something that {purpose}.
    My program needs a function that {purpose}.
    The function I need {purpose}. Write it in Python.
    """,
)
CALL_IT = Phrasings(
    """
    Call it {name}.
    Name it {name}.
    Call the function {name}.
    The function should be called {name}.
    Let {name} be its name.
    It should be named {name}.
    Please call it {name}.
    Use the name {name}.
    Name the function {name}.
    Under the name of {name}.
    """,
    more="""
    I would like it to be called {name}.
    Its name should be {name}.
    The name of the function is {name}.
    Give it the name {name}.
    Its name is {name}.
    I want to call it {name}.
    The function goes by the name {name}.
    Let the function be named {name}.
    It must be called {name}.
    Let us call the function {name}.
    Save it under the name {name}.
    For its name, please take {name}.
    Define it as {name}.
    In my program it is known as {name}.
    Name: {name}
    The name has to be {name}.
    """,
)
EXPLAIN = Phrasings(
    """
    What does this code do?
    What does this function do?
    Explain this code.
    What does this Python function do?
    In one sentence, what is this for?
    Explain what this function does.
    Tell me what this code does.
    Can you explain this function?
    What is this code doing?
    I found this function. What is its purpose?
    Describe this function.
    What does the following code do?
    Explain this Python code.
    """,
    more="""
    I would like to know what this code does.
    What is this function for?
    What is the purpose of this code?
    Could you tell me what this function does?
    Say in one sentence what this code does.
    I do not understand this code. What does it do?
    Here is a function. What does it do?
    Looking at this function, what is it for?
    Please explain the following function.
    What is the use of this function?
    What happens in this function?
    Describe in one sentence what the code does.
    I found this code in a program. Can you explain it?
    If I call this function, what does it do?
    For my homework I must explain this code.
    Read this code and tell me its purpose.
    Why would someone use this function?
    What would you say this Python code does?
    """,
)


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
    prompt = draw.say(WRITE, purpose=program.purpose)
    return draw.example(prompt, fenced(program.text), defines(program.text))


def write_as(draw: Draw) -> Example:
    """Ask for a function under a given name."""
    program = draw.rng.choice(PROGRAMS)
    name = function_name(draw)
    code = program.renamed({program.names[0]: name})
    request, naming = draw.say(WRITE, purpose=program.purpose), draw.say(CALL_IT, name=name)
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
    prompt = f"{draw.say(EXPLAIN)}\n{fenced(code)}"
    return draw.example(prompt, f"This function {program.purpose}.")


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
