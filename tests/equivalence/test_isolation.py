"""Requests of different salts share neither KV nor drafts, whoever came before."""

from __future__ import annotations

import pytest

from helix.engine import LLMEngine
from helix.request import Request
from helix.sampling_params import SamplingParams
from tests.engines import make_engine
from tests.models import tiny_llama

PARAMS = SamplingParams(temperature=1.5, seed=5, max_tokens=40, ignore_eos=True)
PROMPT = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32]


def _answer(engine: LLMEngine, cache_salt: str | None) -> Request:
    request = engine.make_request(PROMPT, PARAMS, cache_salt=cache_salt)
    engine.add_request(request)
    while engine.has_requests:
        engine.step()
    return request


def _traces(request: Request) -> tuple[int, int, int]:
    spec = request.metrics.spec
    return request.metrics.num_cached_tokens, spec.num_draft_tokens, spec.num_accepted_tokens


def _engine() -> LLMEngine:
    return make_engine(tiny_llama(), speculation_depth=4, speculation_method="suffix", speculation_adaptive=False)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("a", None), (None, "a")])
def test_a_request_cannot_tell_that_another_salt_asked_the_same(first: str | None, second: str | None) -> None:
    """Else the time of an answer would say what others asked and were answered."""
    alone = _answer(_engine(), second)
    engine = _engine()
    _answer(engine, first)
    behind = _answer(engine, second)
    assert _traces(behind) == _traces(alone)
    assert behind.output_token_ids == alone.output_token_ids
    again = _answer(engine, first)
    assert again.metrics.num_cached_tokens > alone.metrics.num_cached_tokens
    assert again.metrics.spec.num_accepted_tokens > alone.metrics.spec.num_accepted_tokens


def test_what_an_aborted_request_wrote_is_copied_under_its_salt_alone() -> None:
    alone = _answer(_engine(), "b")
    engine = _engine()
    request = engine.make_request(PROMPT, PARAMS, cache_salt="a")
    engine.add_request(request)
    while request.num_output_tokens < 30:
        engine.step()
    engine.abort(request.request_id)
    assert _traces(_answer(engine, "b")) == _traces(alone)
    assert _answer(engine, "a").metrics.spec.num_accepted_tokens > alone.metrics.spec.num_accepted_tokens
