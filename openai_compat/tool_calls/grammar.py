"""The grammar of answers with tool calls, so that calls always parse and arguments satisfy their schemas."""

from __future__ import annotations

import re

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.reasoning import ReasoningTags
from openai_compat.tool_calls.choice import ToolUse
from openai_compat.tool_calls.format import Layout, Marks, ToolFormat, quoted

ANYTHING = r"(.|\n)*"


def answer_grammar(
    use: ToolUse | None,
    tool_format: ToolFormat,
    marks: Marks,
    *,
    form: Grammar | None = None,
    reasoning: ReasoningTags | None = None,
    is_opened: bool = False,
) -> Grammar:
    """Return the language of the answers that a request allows: reasoning, as far as there is any, and then the rest.

    Where a call is required the rest is calls alone. Elsewhere it is calls or a sentence of form, or, where the
    request has no form, content and calls: content is free up to the format's trigger, behind which only a call can
    follow.

    Raises:
        UnsupportedParameter: The format has no grammar, or none for a tool's parameters.
        InvalidRequestError: The description is too long; param is "grammar".
    """
    rules: list[str] = []
    beginning = None if reasoning is None or is_opened else reasoning.open
    if use is None:
        assert form is not None, "an answer without calls and without form is free"
        rest = first = form.term
    else:
        layout = _layout(use, tool_format, marks)
        rules += _call_rules(use, layout)
        more = f"({layout.between} call)*" if use.is_parallel else ""
        trigger = "" if layout.trigger is None else marks(layout.trigger)
        calls = f"{trigger} {layout.begin} call {more} {layout.end}"
        if use.is_required:
            rest = first = calls
        elif form is not None:
            rules.append(f"form: {form.term}")
            rest = first = f"form | {calls}"
        else:
            rest = _content_and_calls(rules, layout, marks, use, more)
            first = rest if beginning is None else _content_and_calls(rules, layout, marks, use, more, beginning)
    return Grammar.lark("\n".join([*rules, *_start(rest, first, marks, reasoning, is_opened=is_opened)]))


def _start(rest: str, first: str, marks: Marks, reasoning: ReasoningTags | None, *, is_opened: bool) -> list[str]:
    """Return the rules that begin an answer; first is the rest where there is no reasoning in front of it."""
    if reasoning is None:
        return [f"start: {first}"]
    if reasoning.close in marks.special_ids:
        thought = f"thought: THOUGHT {marks(reasoning.close)}"
    else:
        thought = f"thought[lazy]: THOUGHT {quoted(reasoning.close)}"
    rules = [f"rest: {rest}", thought, f"THOUGHT: /{ANYTHING}/", r"LINES: /\n{0,3}/"]
    if is_opened:
        return ["start: thought LINES rest", *rules]
    return [
        "start: reasoned | first",
        f"reasoned: {marks(reasoning.open)} thought LINES rest",
        f"first: {first}",
        *rules,
    ]


def _layout(use: ToolUse, tool_format: ToolFormat, marks: Marks) -> Layout:
    layout = tool_format.layout(marks)
    if layout is None:
        raise UnsupportedParameter(
            "tools",
            f"Calls in this model's format ({tool_format.name}) cannot be enforced: only tool_choice 'auto' and 'none' "
            "are supported, without strict tools, with parallel_tool_calls and without response_format.",
        )
    return layout


def _call_rules(use: ToolUse, layout: Layout) -> list[str]:
    terms = [layout.arguments(tool, use.enforced_parameters(tool)) for tool in use.tools]
    calls = [layout.call(tool.name, f"arguments_{i}") for i, tool in enumerate(use.tools)]
    return [*(f"arguments_{i}: {term}" for i, term in enumerate(terms)), *layout.rules, "call: " + " | ".join(calls)]


def _content_and_calls(
    rules: list[str], layout: Layout, marks: Marks, use: ToolUse, more: str, beginning: str | None = None
) -> str:
    """Add the rules of free content with calls in it and return their expression.

    beginning is what the content does not begin with.
    """
    suffix = "" if beginning is None else "_first"
    limit = "" if beginning is None else rf" & ~/\s*{_escaped(beginning)}{ANYTHING}/"
    if layout.trigger is None:
        rules.append(f"CONTENT{suffix.upper()}: /{layout.other_content}/{limit}")
        return f"{layout.begin} call {more} {layout.end} | CONTENT{suffix.upper()}"
    is_special = layout.trigger in marks.special_ids
    without = "" if is_special else f" & ~/{ANYTHING}{_escaped(layout.trigger)}{ANYTHING}/"
    text, content = f"TEXT{suffix.upper()}", f"CONTENT{suffix.upper()}"
    rules += [
        f"opened{suffix}{'' if is_special else '[lazy]'}: {text} {marks(layout.trigger)}",
        f"{text}: /{ANYTHING}/{limit}",
        f"{content}: /{ANYTHING}/{without}{limit}",
    ]
    inner = f"{layout.begin} call {'' if layout.is_repeated else more} {layout.end}"
    if not use.is_parallel:
        return f"opened{suffix} {inner} | {content}"
    if beginning is None:
        return f"(opened {inner})* TEXT"
    return f"opened_first {inner} (opened {inner})* TEXT | {content}"


def _escaped(text: str) -> str:
    """Return text as a regular expression between slashes."""
    return re.escape(text).replace("/", r"\/")
