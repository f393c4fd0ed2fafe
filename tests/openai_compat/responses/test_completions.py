"""Which of several choices are the best."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from helix import RequestOutput, SamplingParams, TokenLogprob
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.config import ServerConfig
from openai_compat.responses.completions import completion
from openai_compat.responses_api.store import ResponseStore
from openai_compat.schemas.completions import Completion, CompletionRequest
from openai_compat.served_models import ServedModels
from openai_compat.service import Service
from tests.fakes import FakeEngine

LOGPROBS = {0: [-1.0, -1.0], 1: [-0.5, -0.7, -0.6], 2: [-0.9], 3: [-0.2, -9.0]}
"""Of the tokens of the choice with this seed."""


class Scored(FakeEngine):
    """Answers with the seed, and with the log probabilities above."""

    def _outputs(self, request_id: str, prompt: Any, params: SamplingParams, *rest: Any) -> Any:
        assert params.seed is not None
        values = LOGPROBS[params.seed]
        for output in super()._outputs(request_id, prompt, params, *rest):
            entries = tuple(TokenLogprob(65, value) for value in values)
            assert isinstance(output, RequestOutput) and output.is_finished
            yield RequestOutput(
                request_id, f"{prompt[0]}/{params.seed}", (65,) * len(values), entries, output.finish_reason, None,
                output.metrics,
            )  # fmt: skip


def answered(**fields: Any) -> Completion:
    request = msgspec.convert({"model": "m", "prompt": [[1], [2]]} | fields, CompletionRequest)
    engine = Scored(lambda prompt, params: "x", tokens_per_step=10)
    engine.start()
    models, store = ServedModels(engine.info), ResponseStore(None, max_bytes=1)
    service = Service(engine=engine, models=models, config=ServerConfig(), responses=store)
    params = [SamplingParams(seed=seed, logprobs=0) for seed in range(request.best_of or request.n or 1)]
    prompts = [[1], [2]]

    async def answer() -> Completion:
        about = service.answer("cmpl", request, prompts, params[0])
        return await completion(about, ChoiceOutputs(engine, prompts, params, "a"), request, [])

    return asyncio.run(answer())


def test_the_best_have_the_highest_log_probability_per_token_and_come_first() -> None:
    """Not in sum, which would favour short texts."""
    choices = answered(n=2, best_of=4).choices
    assert [(choice.index, choice.text) for choice in choices] == [(0, "1/1"), (1, "1/2"), (2, "2/1"), (3, "2/2")]
    assert {choice.logprobs for choice in choices} == {None}, "nobody asked for them"


def test_all_of_them_keep_their_order_and_all_are_counted() -> None:
    whole = answered(n=4, best_of=4)
    assert [choice.text for choice in whole.choices] == [f"{prompt}/{seed}" for prompt in (1, 2) for seed in range(4)]
    assert answered(n=1, best_of=4).usage == whole.usage
