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


def answer_to(engine: FakeEngine, prompts: list[list[int]], keep_alive_s: float = 15.0) -> tuple[Answer, ChoiceOutputs]:
    params = SamplingParams(max_tokens=6)
    answer = Answer(
        id="gen-1",
        model="m",
        system_fingerprint="fp",
        tokenizer=engine.tokenizer,
        params=params,
        tally=Tally.of(prompts, params, engine.info),
        keep_alive_s=keep_alive_s,
    )
    return answer, ChoiceOutputs(engine, prompts, [params], answer.id)


def played(step_s: float = 0.0) -> FakeEngine:
    engine = FakeEngine(lambda prompt, params: prompt * 4, step_s=step_s)
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


def test_a_silent_stream_yields_nothing_to_say_and_its_last_event_has_the_numbers() -> None:
    async def run() -> list[GenerationEvent | None]:
        answer, outputs = answer_to(played(step_s=0.2), [[97]], keep_alive_s=0.05)
        return [event async for event in generation_events(answer, outputs)]

    events = asyncio.run(run())
    said = [event for event in events if event is not None]
    assert len(said) < len(events)
    assert [event.is_final for event in said] == [False, True]
    assert said[-1].metrics and said[-1].metrics.completion_tokens == sum(len(event.token_ids) for event in said)
