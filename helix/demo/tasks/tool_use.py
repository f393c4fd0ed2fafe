"""Choosing a tool, filling its arguments, using its result, and leaving tools alone when none fits."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from helix.demo.example import Example, Message, Split, exactly
from helix.demo.tasks.draw import Draw, Phrasings, Task, draw_from
from helix.demo.tasks.tools import TOOLS, Arguments, Tool, made_up

PLAIN = (
    (Phrasings("""
        Hello!
        Hi!
        Hello there!
        Hi there, how are you?
        Good day to you!
        Hey!
    """, more="""
        Hello, Helix!
        Hello, how are you?
        Hi there!
        Hi, nice to meet you!
        Hey there!
        Hey, how are you today?
        Good morning!
        Good afternoon!
        Good evening!
        A good day!
        Have a good day, Helix!
        Greetings!
        How are you?
        Are you there?
        I just want to say hello.
    """), "Hello! How can I help you?"),
    (Phrasings("""
        Thank you!
        Thanks!
        Thank you very much.
        Thanks a lot!
        Many thanks to you!
        Great, thanks!
    """, more="""
        Thank you so much!
        Thank you for your help!
        Thank you, that was helpful.
        Thanks for that!
        Thanks, that is all.
        I thank you!
        I thank you for the help.
        Thank you for everything.
        Great, thank you!
        Perfect, thank you!
        That helped a lot, thanks!
        Nice, thanks a lot!
        I want to say thanks to you.
        That was kind of you, thanks!
    """), "You are welcome!"),
    (Phrasings("""
        What is the capital of France?
        Which city is the capital of France?
        Name the capital of France.
        Capital of France?
        Of which country is Paris the capital?
    """, more="""
        What's the capital of France?
        Tell me the capital of France.
        Tell me which city is the capital of France.
        Do you know the capital of France?
        Can you tell me what the capital of France is?
        I would like to know the capital of France.
        Give me the name of the capital of France.
        France has which capital?
        If I go to the capital of France, which city am I in?
        In which city does France have its capital?
        Which capital does the country France have?
        Is Paris the capital of France?
        Paris or Lyon, which is the capital of France?
        For the country France, name the capital.
        The capital of France is which city?
    """), "Paris is the capital of France."),
    (Phrasings("""
        How many days does a week have?
        How many days are in a week?
        How many days are there in a week?
        Number of days in a week?
        A week is how many days long?
    """, more="""
        Tell me how many days a week has.
        Tell me the number of days in a week.
        Do you know how many days are in a week?
        Can you tell me how many days a week has?
        I would like to know how many days there are in a week.
        What is the number of days in one week?
        If one week goes by, how many days is that?
        If I wait a week, how many days do I wait?
        Count the days of a week.
        How many days make a week?
        In a week there are how many days?
        Days in a week?
        A whole week has how many days in it?
    """), "A week has seven days."),
    (Phrasings("""
        What color is the sky?
        What is the color of the sky?
        Which color does the sky have?
        What colour is the sky?
        When I look up at the sky, which color is it?
    """, more="""
        What's the color of the sky?
        Tell me the color of the sky.
        Tell me what color the sky is.
        Name the color of the sky.
        Do you know what color the sky is?
        Can you tell me which color the sky has?
        I would like to know the color of the sky.
        I look at the sky. What color do I see?
        When the sun is up, which color is the sky?
        If I paint the sky, which color do I need?
        In which color do we see the sky?
        Color of the sky?
        The sky is which color?
        On a nice day, what color is the sky?
    """), "The sky is blue."),
    (Phrasings("""
        What is the opposite of hot?
        What is the contrary of hot?
        Opposite of hot?
        Tell me the opposite of hot.
        If it is not hot, what is it?
    """, more="""
        What's the opposite of hot?
        What is opposite to hot?
        What is the opposite of the word hot?
        Name the opposite of hot.
        Give me the opposite of hot.
        Do you know the opposite of hot?
        Can you tell me the opposite of hot?
        I would like to know the opposite of hot.
        Which word is the opposite of hot?
        Which word means the opposite of hot?
        If tea is no longer hot, what has it become?
        When something is not hot at all, how is it?
        Hot has which opposite?
        The contrary of hot, please?
        What do you call something that is not hot?
    """), "The opposite of hot is cold."),
    (Phrasings("""
        How many legs does a spider have?
        How many legs has a spider?
        Tell me how many legs a spider has.
        Number of legs of a spider?
        A spider walks on how many legs?
    """, more="""
        How many legs are there on a spider?
        How many legs do spiders have?
        Tell me the number of legs of a spider.
        Do you know how many legs a spider has?
        Can you tell me how many legs a spider has?
        I would like to know how many legs a spider has.
        On how many legs do spiders walk?
        What is the number of legs a spider has?
        If I count the legs of a spider, how many are there?
        When a spider walks, how many legs does it use?
        Count the legs of a spider.
        Legs of a spider?
        One spider, how many legs?
    """), "A spider has eight legs."),
    (Phrasings("""
        What is 2 + 3?
        What is 2 plus 3?
        How much is 2 + 3?
        2 + 3 = ?
        Two and three together are what?
    """, more="""
        What's 2 + 3?
        2 + 3
        2 plus 3
        How much is 2 plus 3?
        How much is two plus three?
        What is two plus three?
        Add 2 and 3.
        Add two and three.
        Calculate 2 + 3.
        Tell me what 2 + 3 is.
        What do you get when you add 2 and 3?
        Can you tell me what 2 plus 3 is?
        I would like to know what two plus three is.
        If I put two and three together, what do I get?
        What do two and three make together?
    """), "2 + 3 = 5."),
    (Phrasings("""
        Who are you?
        What is your name?
        What are you called?
        Tell me who you are.
        Whom am I talking to?
    """, more="""
        Who is this?
        With whom do I talk?
        What's your name?
        Tell me your name.
        Do you have a name?
        Can you tell me who you are?
        I would like to know who you are.
        May I ask your name?
        Which name do you have?
        How are you called?
        What are you?
        What should I call you?
        Your name, please?
        Say who you are.
    """), "I am Helix, a small language model."),
    (Phrasings("""
        How many months does a year have?
        How many months are in a year?
        How many months are there in a year?
        Number of months in a year?
        A year is how many months long?
    """, more="""
        Tell me how many months a year has.
        Tell me the number of months in a year.
        Do you know how many months are in a year?
        Can you tell me how many months a year has?
        I would like to know how many months there are in a year.
        What is the number of months in one year?
        If one year goes by, how many months is that?
        If I wait a year, how many months do I wait?
        Count the months of a year.
        How many months make a year?
        In a year there are how many months?
        Months in a year?
        A whole year has how many months in it?
    """), "A year has twelve months."),
    (Phrasings("""
        Good night!
        Goodbye!
        Bye!
        See you later!
        I have to leave now.
    """, more="""
        Good night, Helix!
        Goodbye, Helix!
        Bye bye!
        Bye for now!
        See you!
        See you soon!
        See you tomorrow!
        I must go. Bye!
        I am leaving. Goodbye!
        I need to go home now.
        It is time for me to leave.
        That is all for now, goodbye!
        Until next time!
        Sleep well!
    """), "Goodbye! Have a nice day."),
)  # fmt: skip


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
    phrasings, answer = draw.rng.choice(PLAIN)
    messages: list[Message] = [
        {"role": "user", "content": draw.say(phrasings)},
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
