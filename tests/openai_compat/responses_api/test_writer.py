"""Outputs become items and events; where they were cut changes nothing but the number of deltas."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from helix import FinishReason, RequestMetrics, RequestOutput, SamplingParams, TokenLogprob
from openai_compat.answer_format import AnswerFormat
from openai_compat.reasoning import THINK
from openai_compat.responses.answer import Answer
from openai_compat.responses.tally import Tally
from openai_compat.responses_api.writer import ItemWriter
from openai_compat.tool_calls.choice import CallableTool, ToolUse
from tests.fakes import ByteTokenizer, FakeEngine
from tests.response_events import check_item

CALL = '<tool_call>\n{"name": "f", "arguments": {"x": "1"}}\n</tool_call>'


def write(texts: list[str], *, logprobs: int | None = None, reason: FinishReason = FinishReason.STOP) -> Any:
    """Feed texts one by one and return the items and events, as they are encoded when they come."""
    params = SamplingParams(logprobs=logprobs)
    answer = Answer(
        id="resp_1",
        model="m",
        system_fingerprint="fp",
        tokenizer=ByteTokenizer(),
        params=params,
        tally=Tally.of([[1]], params, FakeEngine().info),
        answer_format=AnswerFormat(reasoning=THINK),
        tools=ToolUse(tools=(CallableTool(name="f", parameters={}, is_strict=False, param=""),)),
    )
    writer = ItemWriter(answer)
    events: list[Any] = []
    for number, text in enumerate(texts):
        token_ids = tuple(text.encode())
        output = RequestOutput(
            request_id="1",
            text=text,
            token_ids=token_ids,
            logprobs=None if logprobs is None else tuple(TokenLogprob(token, -0.5, ()) for token in token_ids),
            finish_reason=reason if number == len(texts) - 1 else None,
            stop_reason=None,
            metrics=RequestMetrics(arrival_s=0.0, num_prompt_tokens=1),
        )
        events += [msgspec.to_builtins(event) for event in writer.feed(output)]
    return msgspec.to_builtins(writer.items), events


def told(items: Any) -> list[str]:
    return [item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"] for item in items]


@given(
    st.sampled_from(["", "<think>Hm.</think>", "<think>\nAh, so.\n</think>\n\n"]),
    st.lists(st.sampled_from(["hi", " there", CALL, "{", "é"]), max_size=6),
    st.data(),
)
def test_items_do_not_depend_on_where_outputs_were_cut(thought: str, parts: list[str], data: st.DataObject) -> None:
    text = thought + "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    items, events = write(pieces)
    assert told(items) == told(write([text])[0])
    for index, item in enumerate(items):
        check_item([event for event in events if event["output_index"] == index], item)
    assert sum(item["type"] == "function_call" for item in items) == parts.count(CALL)
    assert [item["type"] for item in items].count("reasoning") == (items[0]["type"] == "reasoning") == bool(thought)
    assert any(item["type"] != "reasoning" for item in items), "there is a message or a call"


def test_no_tokens_logprobs_are_lost_to_held_back_text() -> None:
    (item,), events = write(["a <to", "ol", "b", " "], logprobs=0)
    entries = item["content"][0]["logprobs"]
    assert "".join(entry["token"] for entry in entries) == item["content"][0]["text"] == "a <toolb "
    assert all(event["logprobs"] for event in events if event["type"] == "response.output_text.delta")


def test_tokens_of_a_call_are_no_logprobs_of_a_text() -> None:
    (message, _), _ = write(["hi", CALL], logprobs=0)
    assert "".join(entry["token"] for entry in message["content"][0]["logprobs"]) == "hi"


def test_tokens_of_reasoning_are_no_logprobs_of_a_text() -> None:
    (_, message), _ = write(["<think>a", "b", "</think>", "hi"], logprobs=0)
    assert "".join(entry["token"] for entry in message["content"][0]["logprobs"]) == "hi"


def test_an_answer_that_is_cut_while_it_thinks_has_no_message() -> None:
    (item,), _ = write(["<think>a", "b"], reason=FinishReason.LENGTH)
    assert (item["type"], item["status"], told([item])) == ("reasoning", "incomplete", ["ab"])
    assert [item["type"] for item in write(["<think>", "a"])[0]] == ["reasoning", "message"]


def test_only_what_is_open_is_incomplete() -> None:
    assert [item["status"] for item in write([CALL, "x"], reason=FinishReason.LENGTH)[0]] == ["completed", "incomplete"]
    assert [item["status"] for item in write([CALL], reason=FinishReason.LENGTH)[0]] == ["completed"]
