"""The request's wishes about the form of the answer become a grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import UNSET

from helix import Grammar
from openai_compat.answer_format import DEFAULT_FORMAT, AnswerFormat
from openai_compat.closed_schema import closed_schema
from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest, ResponseFormat
from openai_compat.schemas.sampling import SamplingFields
from openai_compat.tool_calls.choice import ToolUse, tool_use
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.harmony_grammar import harmony_grammar


def grammar_of(request: SamplingFields, answer_format: AnswerFormat = DEFAULT_FORMAT) -> Grammar | None:
    """Return what the answer has to look like, or None for anything.

    What a model thinks before it answers is free. A schema of the answer holds whether it is called strict or not; one
    of a tool's arguments where the tool is strict or a call is required.

    Raises:
        InvalidParameter: Several fields ask for a form, a schema is missing, or the tools make no sense.
        UnsupportedParameter: The model may call tools as well, in a way that its format cannot tell apart.
        InvalidRequestError: The description is too long or no schema; param is "grammar", as the engine calls it.
    """
    form = _form(request)
    use = tool_use(request) if isinstance(request, ChatCompletionRequest) else None
    if use is not None and form is not None:
        _check_together(form, use, grammar_fields(request)[0], answer_format)
    is_plain = use is None and answer_format.reasoning is None and not answer_format.is_harmony
    if form is None and (use is None or not use.needs_grammar):
        return None
    if is_plain or not isinstance(request, ChatCompletionRequest):
        return form
    if answer_format.is_harmony:
        return harmony_grammar(use, answer_format.marks, form=form, opening=answer_format.opening)
    return answer_grammar(
        use,
        answer_format.tools,
        answer_format.marks,
        form=form,
        reasoning=answer_format.reasoning,
        is_opened=answer_format.is_opened,
    )


def _check_together(form: Grammar, use: ToolUse, field: str, answer_format: AnswerFormat) -> None:
    """Refuse an answer in a form or calls where one cannot be told from the other by its beginning."""
    if answer_format.is_harmony:
        return
    layout = answer_format.tools.layout(answer_format.marks)
    is_json = form.kind in ("json_schema", "json_object")
    if use.is_required or (is_json and layout is not None and layout.trigger is not None):
        return
    raise UnsupportedParameter(
        field,
        f"{field} is not supported while this model may call tools; send tool_choice 'none' or 'required'.",
    )


def _form(request: SamplingFields) -> Grammar | None:
    """Return what the content of the answer has to look like, or None for anything."""
    wishes = _wishes(request)
    if len(wishes) > 1:
        first, second = [*wishes][:2]
        raise InvalidParameter(second, f"{second} is not allowed together with {first}.")
    return next((wish() for wish in wishes.values()), None)


def _wishes(request: SamplingFields) -> dict[str, Callable[[], Grammar]]:
    """Return the fields that ask for a form, as the client wrote them, and what makes a grammar of each."""
    wishes: dict[str, Callable[[], Grammar]] = {}
    if isinstance(request, ChatCompletionRequest):
        response_format = request.response_format
        if response_format is not None and response_format.type != "text":
            wishes["response_format"] = partial(_of_response_format, response_format)
    vllms = request.structured_outputs
    if vllms is not None and vllms.json_object:
        wishes["structured_outputs.json_object"] = Grammar.json_object
    for name, make in _MAKERS.items():
        for field, value in (
            (f"guided_{name}", getattr(request, f"guided_{name}")),
            (f"structured_outputs.{name}", getattr(vllms, name, None)),
        ):
            if value is not None:
                wishes[field] = partial(make, value)
    return wishes


_MAKERS: Mapping[str, Callable[[Any], Grammar]] = {
    "json": Grammar.json_schema,
    "regex": Grammar.regex,
    "choice": Grammar.choice,
    "grammar": Grammar.lark,
}


def tool_grammars(request: ChatCompletionRequest) -> dict[str, Grammar]:
    """Return what grammar_of says of each tool's arguments, by the place in the request: to find out which is wrong."""
    use = tool_use(request)
    if use is None or not (use.needs_grammar or grammar_fields(request)):
        return {}
    return {tool.param: tool.input or Grammar.json_schema(use.enforced_parameters(tool)) for tool in use.tools}


def grammar_fields(request: SamplingFields) -> list[str]:
    """Return the fields that ask for a form, as the client wrote them."""
    return [*_wishes(request)]


def _of_response_format(response_format: ResponseFormat) -> Grammar:
    if response_format.type == "json_object":
        return Grammar.json_object()
    described = response_format.json_schema
    if described is None or described.schema is UNSET:
        missing = "response_format.json_schema" + ("" if described is None else ".schema")
        raise InvalidParameter(missing, f"Missing required parameter: '{missing}'.")
    return Grammar.json_schema(closed_schema(described.schema))
