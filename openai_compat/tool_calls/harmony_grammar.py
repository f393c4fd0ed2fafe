"""The grammar of answers in OpenAI's harmony format."""

from __future__ import annotations

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import ToolUse
from openai_compat.tool_calls.format import Marks, json_arguments, quoted
from openai_compat.tool_calls.harmony import CHANNEL, CONSTRAIN, END, FUNCTIONS, MESSAGE, START


def harmony_grammar(use: ToolUse | None, marks: Marks, *, form: Grammar | None = None, opening: str) -> Grammar:
    """Return the language of the answers that a request allows behind opening, the end of the prompt.

    Thoughts are free. Behind them stands one call where one is required; elsewhere a call, or the final message, which
    is a sentence of form where the request has one.

    Raises:
        UnsupportedParameter: The model has no special tokens for what its template writes, or a custom tool's grammar
            cannot be told inside a JSON string.
        InvalidRequestError: The description is too long; param is "grammar".
    """
    if missing := [marker for marker in (START, CHANNEL, CONSTRAIN, MESSAGE, END) if marker not in marks.special_ids]:
        raise UnsupportedParameter("tools", f"Answers cannot be enforced: {missing[0]} is no token of this model.")
    following = f'{marks(END)} {marks(START)} "assistant"'
    rules = [r"TEXT: /(.|\n)*/", f'thought: {marks(CHANNEL)} "analysis" {marks(MESSAGE)} TEXT {following}']
    ends: list[str] = []
    if use is not None:
        for number, tool in enumerate(use.tools):
            rules.append(f"arguments_{number}: {json_arguments(tool, use.enforced_parameters(tool))}")
            head = f'{marks(CHANNEL)} {quoted(f"commentary to={FUNCTIONS}{tool.name} ")} {marks(CONSTRAIN)} "json"'
            ends.append(f"{head} {marks(MESSAGE)} arguments_{number}")
    before = "thought"
    last = "TEXT"
    if form is not None:
        rules.append(f"form: {form.term}")
        last = "form"
    elif use is not None and not use.is_required:
        rules.append(f'remark: {marks(CHANNEL)} "commentary" {marks(MESSAGE)} TEXT {following}')
        before = "(thought | remark)"
    if use is None or not use.is_required:
        constraint = f'(" " {marks(CONSTRAIN)} "json")?' if form is not None else ""
        ends.append(f'{marks(CHANNEL)} "final" {constraint} {marks(MESSAGE)} {last}')
    rules.append(f"rest: {before}* ({' | '.join(ends)})")
    return Grammar.lark("\n".join([f"start: {_start(opening, last, following, use)}", *rules]))


def _start(opening: str, last: str, following: str, use: ToolUse | None) -> str:
    """Return the expression for what follows opening, which may be the beginning of a message."""
    head, message, _ = opening.partition(MESSAGE)
    if not message:
        return "rest"
    is_final = f"{CHANNEL}final" in head and (use is None or not use.is_required)
    return last if is_final else f"TEXT {following} rest"
