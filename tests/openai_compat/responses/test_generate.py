"""Answers of Helix's own API, out of a played engine."""

from __future__ import annotations

import asyncio

from helix import SamplingParams
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.responses.answer import Answer
from openai_compat.responses.generate import generation_batch, generation_events
from openai_compat.responses.tally import Tally
from openai_compat.schemas.generate import GenerationBatch, GenerationEvent
from tests.fakes import FakeEngine


def answer_to(engine: FakeEngine, prompts: list[list[int]]) -> tuple[Answer, ChoiceOutputs]:
    params = SamplingParams(max_tokens=6)
    answer = Answer(
        id="gen-1",
        model="m",
        system_fingerprint="fp",
        tokenizer=engine.tokenizer,
        params=params,
        tally=Tally.of(prompts, params, engine.info),
    )
    return answer, ChoiceOutputs(engine, prompts, [params], answer.id)


def played() -> FakeEngine:
    engine = FakeEngine(lambda prompt, params: prompt * 4)
    engine.start()
    return engine


def test_each_result_of_a_batch_counts_its_own_tokens() -> None:
    async def run() -> GenerationBatch:
        engine, prompts = played(), [[97], [98, 99]]
        answer, outputs = answer_to(engine, prompts)
        return await generation_batch(answer, outputs, prompts, engine.info)

    batch = asyncio.run(run())
    assert [(one.text, one.finish_reason) for one in batch.results] == [("aaaa", "stop"), ("bcbcbc", "length")]
    assert [one.metrics.prompt_tokens for one in batch.results] == [1, 2]
    assert [one.metrics.completion_tokens for one in batch.results] == [5, 6]
    assert (batch.metrics.prompt_tokens, batch.metrics.completion_tokens) == (3, 11)


def test_the_last_event_of_a_stream_has_the_numbers() -> None:
    async def run() -> list[GenerationEvent]:
        answer, outputs = answer_to(played(), [[97]])
        return [event async for events in generation_events(answer, outputs) for event in events]

    events = asyncio.run(run())
    assert [event.is_final for event in events] == [False, True]
    assert events[-1].metrics and events[-1].metrics.completion_tokens == sum(len(event.token_ids) for event in events)
