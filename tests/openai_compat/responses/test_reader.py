"""One choice's outputs become pieces, and its reasoning is counted."""

from __future__ import annotations

from helix import EngineInfo, FinishReason, RequestMetrics, RequestOutput, SamplingParams
from openai_compat.answer_format import AnswerFormat
from openai_compat.reasoning import THINK, Reasoning
from openai_compat.responses.answer import Answer
from openai_compat.responses.reader import AnswerReader
from openai_compat.responses.tally import Tally
from openai_compat.tool_calls.choice import NO_PARAMETERS, CallableTool, ToolUse
from openai_compat.tool_calls.harmony import HARMONY
from openai_compat.tool_calls.parser import CallArguments, CallStart
from tests.fakes import ByteTokenizer, FakeEngine

INFO: EngineInfo = FakeEngine().info
TOOLS = ToolUse(tools=(CallableTool(name="f", parameters=NO_PARAMETERS, is_strict=False, param="tools[0]"),))
TEXT = '<think>a<tool_call></think>b<tool_call>{"name": "f", "arguments": {}}</tool_call>'


def answer(answer_format: AnswerFormat, tools: ToolUse | None) -> Answer:
    params = SamplingParams()
    tally = Tally.of([[1]], params, INFO)
    return Answer(
        id="x",
        model="m",
        system_fingerprint="fp",
        tokenizer=ByteTokenizer(),
        params=params,
        tally=tally,
        answer_format=answer_format,
        tools=tools,
    )


def outputs(text: str) -> list[RequestOutput]:
    return [
        RequestOutput(
            request_id="x",
            text=character,
            token_ids=(ord(character),),
            logprobs=None,
            finish_reason=FinishReason.STOP if number == len(text) - 1 else None,
            stop_reason=None,
            metrics=RequestMetrics(arrival_s=0.0, num_prompt_tokens=1, num_cached_tokens=0),
        )
        for number, character in enumerate(text)
    ]


def test_reasoning_content_and_calls_are_told_apart_and_counted() -> None:
    one = answer(AnswerFormat(reasoning=THINK), TOOLS)
    reader = AnswerReader(one)
    pieces = [piece for output in outputs(TEXT) for piece in reader.read(output)]
    assert "".join(piece.text for piece in pieces if isinstance(piece, Reasoning)) == "a<tool_call>"
    assert [piece for piece in pieces if not isinstance(piece, Reasoning)] == [
        "b",
        CallStart("f"),
        CallArguments("{"),
        CallArguments("}"),
    ]
    assert one.tally.usage(1).completion_tokens_details.reasoning_tokens == len("<think>a<tool_call></think>")


def test_a_text_that_nobody_splits_is_content() -> None:
    one = answer(AnswerFormat(), None)
    reader = AnswerReader(one)
    assert "".join(str(piece) for output in outputs(TEXT) for piece in reader.read(output)) == TEXT
    assert one.tally.usage(1).completion_tokens_details.reasoning_tokens == 0


def test_channels_are_thoughts_content_and_calls_of_custom_tools_too() -> None:
    tool = CallableTool(name="f", parameters=NO_PARAMETERS, is_strict=True, param="tools[0]", is_custom=True)
    one = answer(AnswerFormat(tools=HARMONY), ToolUse(tools=(tool,)))
    reader = AnswerReader(one)
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant"
    text += '<|channel|>commentary to=functions.f<|message|>{"input": "b"}'
    pieces = [piece for output in outputs(text) for piece in reader.read(output)]
    assert pieces == [Reasoning("a"), CallStart("f", is_custom=True), CallArguments("b")]
