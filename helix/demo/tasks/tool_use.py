"""Choosing a tool, filling its arguments, using its result, and leaving tools alone when none fits."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from helix.demo.example import Example, Message, Split, exactly
from helix.demo.tasks.draw import Draw, Task, draw_from, load_phrasings
from helix.demo.tasks.tools import TOOLS, Arguments, Tool, made_up

PHRASINGS = load_phrasings("tool_use")

PLAIN = {
    "greeting": "Hello! How can I help you?",
    "thanks": "You are welcome!",
    "capital_of_france": "Paris is the capital of France.",
    "days_of_week": "A week has seven days.",
    "colour_of_sky": "The sky is blue.",
    "opposite_of_hot": "The opposite of hot is cold.",
    "legs_of_spider": "A spider has eight legs.",
    "two_plus_three": "2 + 3 = 5.",
    "own_name": "I am Helix, a small language model.",
    "months_of_year": "A year has twelve months.",
    "farewell": "Goodbye! Have a nice day.",
}
"""What is answered without a tool, by the name of the phrasings that call for it."""


def call(name: str, arguments: Arguments, number: int = 0) -> Message:
    """Return the assistant message that calls a function."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }


def rendered(message: Message) -> str:
    """Return the text a model writes for an assistant message."""
    if not message.get("tool_calls"):
        return str(message["content"])
    functions = [entry["function"] for entry in message["tool_calls"]]
    return "\n".join(
        f'<tool_call>\n{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}\n</tool_call>'
        for function in functions
    )


def calls(name: str, arguments: Arguments) -> Callable[[str], bool]:
    """Return a check for a text with exactly one tool call, of this function with these arguments."""

    def is_correct(answer: str) -> bool:
        found = re.findall(r"<tool_call>(.*?)</tool_call>", answer, re.DOTALL)
        try:
            return [json.loads(text) for text in found] == [{"name": name, "arguments": arguments}]
        except ValueError:
            return False

    return is_correct


def says(*values: object) -> Callable[[str], bool]:
    """Return a check for a text without a tool call that mentions each of the values."""

    def is_correct(answer: str) -> bool:
        text = answer.lower()
        mentioned = all(re.search(rf"(?<!\w){re.escape(str(value).lower())}(?!\w)", text) for value in values)
        return bool(text.strip()) and "<tool_call>" not in text and mentioned

    return is_correct


def offered(draw: Draw, *wanted: Tool, without: tuple[Tool, ...] = ()) -> list[dict[str, Any]]:
    """Return definitions of the wanted tools among up to three others, in any order."""
    others = [tool for tool in draw.rng.sample(TOOLS, 8) if tool not in wanted and tool not in without]
    tools = [*wanted, *others[: draw.rng.choice((1, 1, 2, 2, 3) if not wanted else (0, 0, 1, 1, 2, 3))]]
    draw.rng.shuffle(tools)
    return [tool.definition() for tool in tools]


def exchange(draw: Draw, tool: Tool, number: int = 0) -> tuple[list[Message], dict[str, Any]]:
    """Return question, call, result and answer of one use of a tool, and the fields of its result."""
    arguments = tool.draw_arguments(draw)
    result = tool.draw_result(draw.rng, arguments)
    messages: list[Message] = [
        {"role": "user", "content": draw.say(tool.questions, **arguments)},
        call(tool.name, arguments, number),
        {"role": "tool", "tool_call_id": f"call_{number}", "content": json.dumps(result)},
        {"role": "assistant", "content": tool.answer.format(**arguments, **result)},
    ]
    return messages, result


def use(draw: Draw) -> Example:
    """Ask for something that one of the offered tools does."""
    tool = draw.rng.choice(TOOLS)
    messages, _ = exchange(draw, tool)
    function = messages[1]["tool_calls"][0]["function"]
    is_correct = calls(tool.name, json.loads(function["arguments"]))
    return draw.conversation(messages[:2], is_correct, offered(draw, tool), system_share=0.4)


def use_result(draw: Draw) -> Example:
    """Answer with the result of a tool."""
    tool = draw.rng.choice(TOOLS)
    messages, result = exchange(draw, tool)
    return draw.conversation(messages, says(*result.values()), offered(draw, tool), system_share=0.4)


def use_twice(draw: Draw) -> Example:
    """Use tools in two turns; the second may be the same tool or another one."""
    first, second = draw.rng.choice(TOOLS), draw.rng.choice(TOOLS)
    tools = [tool.definition() for tool in dict.fromkeys((first, second))]
    messages, _ = exchange(draw, first)
    more, result = exchange(draw, second, number=1)
    if draw.rng.random() < 0.5:
        return draw.conversation([*messages, *more], says(*result.values()), tools, system_share=0.4)
    function = more[1]["tool_calls"][0]["function"]
    is_correct = calls(second.name, json.loads(function["arguments"]))
    return draw.conversation([*messages, *more[:2]], is_correct, tools, system_share=0.4)


def use_made_up(draw: Draw) -> Example:
    """Ask for a tool that has to be read from its definition."""
    tool, request, arguments = made_up(draw, draw.rng.choice((1, 1, 2, 2, 3)))
    name = tool["function"]["name"]
    tools = [tool]
    for _ in range(draw.rng.choice((0, 1, 2))):
        other, _, _ = made_up(draw, draw.rng.choice((1, 2)))
        if other["function"]["name"] not in {known["function"]["name"] for known in tools}:
            tools.append(other)
    draw.rng.shuffle(tools)
    messages: list[Message] = [{"role": "user", "content": request}, call(name, arguments)]
    return draw.conversation(messages, calls(name, arguments), tools, system_share=0.4)


def none_fits(draw: Draw) -> Example:
    """Ask for something that no offered tool does."""
    tool = draw.rng.choice(TOOLS)
    twins = tuple(other for other in TOOLS if other.name in ("search_web", "get_news", "add", "multiply"))
    messages: list[Message] = [
        {"role": "user", "content": draw.say(tool.questions, **tool.draw_arguments(draw))},
        {"role": "assistant", "content": tool.refusal},
    ]
    tools = offered(draw, without=(tool, *twins))
    return draw.conversation(messages, says(), tools, system_share=0.4)


def plain(draw: Draw) -> Example:
    """Say something that needs no tool although tools are offered."""
    subject, answer = draw.rng.choice(list(PLAIN.items()))
    messages: list[Message] = [
        {"role": "user", "content": draw.say(PHRASINGS[subject])},
        {"role": "assistant", "content": answer},
    ]
    without = tuple(tool for tool in TOOLS if tool.name == "add")
    return draw.conversation(messages, exactly(answer), offered(draw, without=without), system_share=0.4)


def no_tools(draw: Draw) -> Example:
    """Ask for something that only a tool could do while none is offered."""
    tool = draw.rng.choice([tool for tool in TOOLS if tool.refusal.endswith(" with my tools.")])
    messages: list[Message] = [
        {"role": "user", "content": draw.say(tool.questions, **tool.draw_arguments(draw))},
        {"role": "assistant", "content": tool.refusal.replace(" with my tools.", " without a tool for it.")},
    ]
    return draw.conversation(messages, exactly(messages[-1]["content"]))


TASKS: dict[Task, int] = {use: 36, use_result: 20, use_twice: 8, use_made_up: 18, none_fits: 9, plain: 8, no_tools: 4}


def generate(rng: random.Random, split: Split) -> Example:
    """Draw one conversation with tools on offer."""
    return draw_from("tool_use", TASKS, rng, split, known_by_heart=(plain,))
