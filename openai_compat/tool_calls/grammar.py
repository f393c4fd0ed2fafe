"""The grammar of answers with tool calls, so that calls always parse and arguments satisfy their schemas."""

from __future__ import annotations

import re

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import ToolUse
from openai_compat.tool_calls.format import Layout, Marks, ToolFormat, quoted

ANYTHING = r"(.|\n)*"


def calls_grammar(use: ToolUse, tool_format: ToolFormat, marks: Marks) -> Grammar:
    """Return the language of the answers that use allows.

    Where a call is required the answer is calls alone. Elsewhere it is content and calls: content is free up to the
    format's trigger, behind which only a call can follow.

    Raises:
        UnsupportedParameter: The format has no grammar, or none for a tool's parameters.
        InvalidRequestError: The description is too long; param is "grammar".
    """
    layout = tool_format.layout(marks)
    if layout is None:
        raise UnsupportedParameter(
            "tools",
            f"Calls in this model's format ({tool_format.name}) cannot be enforced: only tool_choice 'auto' and 'none' "
            "are supported, without strict tools and with parallel_tool_calls.",
        )
    terms = [layout.arguments(tool, use.enforced_parameters(tool)) for tool in use.tools]
    rules = [*(f"arguments_{i}: {term}" for i, term in enumerate(terms)), *layout.rules]
    calls = [layout.call(tool.name, f"arguments_{i}") for i, tool in enumerate(use.tools)]
    rules.append("call: " + " | ".join(calls))
    more = f"({layout.between} call)*" if use.is_parallel else ""
    if use.is_required:
        trigger = "" if layout.trigger is None else marks(layout.trigger)
        rules.append(f"start: {trigger} {layout.begin} call {more} {layout.end}")
    else:
        rules += _content_and_calls(layout, marks, more, is_parallel=use.is_parallel)
    return Grammar.lark("\n".join(rules))


def _content_and_calls(layout: Layout, marks: Marks, more: str, *, is_parallel: bool) -> list[str]:
    if layout.trigger is None:
        region = f"{layout.begin} call {more} {layout.end}"
        return [f"start: {region} | CONTENT", f"CONTENT: /{layout.other_content}/"]
    region = f"opened {layout.begin} call {'' if layout.is_repeated else more} {layout.end}"
    start = f"({region})* TEXT" if is_parallel else f"{region} | CONTENT"
    if layout.trigger in marks.special_ids:
        opened, content = f"opened: TEXT {marks(layout.trigger)}", ""
    else:
        opened = f"opened[lazy]: TEXT {quoted(layout.trigger)}"
        content = f" & ~/{ANYTHING}{_escaped(layout.trigger)}{ANYTHING}/"
    return [f"start: {start}", opened, f"TEXT: /{ANYTHING}/", f"CONTENT: /{ANYTHING}/{content}"]


def _escaped(text: str) -> str:
    """Return text as a regular expression between slashes."""
    return re.escape(text).replace("/", r"\/")
