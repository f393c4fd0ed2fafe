"""The short way of a text to its chunk ends where the long way does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from helix import RequestMetrics, RequestOutput, SamplingParams
from openai_compat.choice_outputs import Batches, ChoiceOutputs
from openai_compat.responses.answer import Answer
from openai_compat.responses.chat import chat_chunks
from openai_compat.responses.completions import completion_chunks
from openai_compat.responses.tally import Tally
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.sse import ChunkEvents
from tests.fakes import FakeEngine

ASKED = msgspec.convert({"model": "m", "prompt": [1]}, CompletionRequest)
MAKERS: list[Callable[[Answer, ChoiceOutputs], Batches[Any]]] = [
    chat_chunks,
    lambda answer, outputs: completion_chunks(answer, outputs, ASKED, []),
]


def asked(params: SamplingParams, *, includes_usage: bool) -> tuple[Answer, ChoiceOutputs]:
    engine = FakeEngine()
    engine.start()
    answer = Answer(
        id="a",
        model="m",
        system_fingerprint="fp",
        tokenizer=engine.tokenizer,
        params=params,
        tally=Tally.of([[97]], params, engine.info),
        includes_usage=includes_usage,
    )
    return answer, ChoiceOutputs(engine, [[97]], [params], answer.id)


def added(text: str) -> RequestOutput:
    return RequestOutput("a-0", text, (1, 2), None, None, None, RequestMetrics(arrival_s=0.0))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize("includes_usage", [False, True])
@pytest.mark.parametrize("chunks", MAKERS, ids=["chat", "completion"])
def test_the_event_of_a_text_is_that_of_its_chunk_and_counts_as_much(
    chunks: Callable[[Answer, ChoiceOutputs], Batches[Any]], includes_usage: bool
) -> None:
    async def test() -> None:
        answer, outputs = asked(SamplingParams(), includes_usage=includes_usage)
        with outputs:
            batches = chunks(answer, outputs)
            batches.feed([(0, added("first"))])
            assert batches.text_event is not None
            for text in (" word", 'a "b"\n\u2028\0é', ""):
                before = answer.tally.completion_tokens
                shortly = batches.text_event(added(text))
                counted = answer.tally.completion_tokens
                assert shortly == ChunkEvents().batch(batches.feed([(0, added(text))]))
                assert counted - before == answer.tally.completion_tokens - counted == 2

    run(test)


@pytest.mark.parametrize("params", [SamplingParams(logprobs=1), SamplingParams(reports_steps=True)], ids=str)
def test_where_more_than_text_is_added_there_is_no_short_way(params: SamplingParams) -> None:
    async def test() -> None:
        answer, outputs = asked(params, includes_usage=False)
        with outputs:
            assert chat_chunks(answer, outputs).text_event is None

    run(test)
