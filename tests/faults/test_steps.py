"""Faults inside a step reach whoever they belong to; an answer that is under way goes on as if nothing had been."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
import torch

from helix.async_engine import MAX_REBUILDS
from helix.structured.state import GrammarState
from tests.faults.conftest import NUM_TOKENS, QUESTION, Breakable, is_about

POISON = "Zebra quilts jump over XYZ"
Spans = Sequence[Any]


@contextmanager
def _neighbour(breakable: Breakable) -> Iterator[None]:
    """Have another request answered all the while; its answer is what it always is."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(breakable.text(max_tokens=NUM_TOKENS)))
    thread.start()
    breakable.wait_until(lambda: bool(breakable.server.engine._streams) or not thread.is_alive())
    try:
        yield
    finally:
        thread.join()
    assert answers == [breakable.expected]


@pytest.fixture
def break_forward(breakable: Breakable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let passes of the model raise what a function of their spans returns."""

    def start(error_for: Callable[[Spans], Exception | None]) -> None:
        forward = breakable.engine.worker.target.forward

        def broken(spans: Spans) -> Any:
            if (error := error_for(spans)) is not None:
                raise error
            return forward(spans)

        monkeypatch.setattr(breakable.engine.worker.target, "forward", broken)

    return start


def _is_failure(response: httpx.Response, code: str) -> bool:
    assert response.status_code == 500, response.text
    assert response.headers["x-should-retry"] == "false"
    return bool(response.json()["error"]["code"] == code)


def test_a_poisonous_request_ends_alone_and_is_refused_when_it_comes_again(
    breakable: Breakable, break_forward: Callable[..., None]
) -> None:
    poison = breakable.engine.tokenizer.encode(POISON)
    num_tries = 0

    def error_for(spans: Spans) -> Exception | None:
        nonlocal num_tries
        if not is_about(spans, poison):
            return None
        num_tries += 1
        return RuntimeError("an illegal memory access")

    break_forward(error_for)
    with _neighbour(breakable):
        assert _is_failure(breakable.ask(POISON), "request_failed")
    assert num_tries >= 2, "once might be anybody's fault"
    before = num_tries
    assert _is_failure(breakable.ask(POISON), "request_failed")
    with pytest.raises(openai.InternalServerError):
        breakable.server.openai.completions.create(
            model=breakable.server.engine.info.model, prompt=POISON, max_tokens=NUM_TOKENS, temperature=0, stream=True
        )
    assert num_tries == before, "it is known"
    assert breakable.ask(POISON + " and more").status_code == 500, "another text with the same beginning is tried"
    assert num_tries > before


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_memory_that_is_short_makes_steps_smaller_and_answers_no_different(
    breakable: Breakable, break_forward: Callable[..., None], error: Exception
) -> None:
    break_forward(lambda spans: error if sum(len(span.token_ids) for span in spans) > 3 else None)
    with _neighbour(breakable):
        assert breakable.text() == breakable.expected


def test_a_request_that_fits_no_memory_ends_alone(breakable: Breakable, break_forward: Callable[..., None]) -> None:
    large = breakable.engine.tokenizer.encode("Yellow giants")
    break_forward(lambda spans: MemoryError() if is_about(spans, large[:1]) else None)
    with _neighbour(breakable):
        response = breakable.ask("Yellow giants")
    assert _is_failure(response, "request_failed")
    assert "memory" in response.json()["error"]["message"]


def test_a_device_that_is_gone_makes_the_server_unhealthy_and_one_that_comes_back_does_not(
    breakable: Breakable, break_forward: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each series of failures rebuilds the engine; after so many of them, an operator has to look."""
    is_gone = True
    break_forward(lambda spans: RuntimeError("the device is gone") if is_gone else None)
    engine = breakable.server.engine
    monkeypatch.setattr(engine, "_rebuilt_s", [])
    prompts = [f"{QUESTION} number {i}" for i in range(4)]
    for _ in range(MAX_REBUILDS):
        num_rebuilds = len(engine._rebuilt_s)
        for prompt in prompts:
            if len(engine._rebuilt_s) == num_rebuilds:
                assert breakable.ask(prompt).status_code == 500
        assert len(engine._rebuilt_s) == num_rebuilds + 1
    is_gone = False
    breakable.wait_until(lambda: engine.is_alive)
    assert [breakable.ask(prompt).status_code for prompt in prompts] == [200] * 4, "none of them was at fault"
    assert len(engine._rebuilt_s) == MAX_REBUILDS
    metrics = breakable.server.http.get("/metrics").text
    assert f'helix:engine_rebuilds_total{{model_name="helix-demo"}} {MAX_REBUILDS}.0' in metrics
    assert 'helix:requests_failed_total{model_name="helix-demo"} 0.0' not in metrics


@pytest.mark.parametrize("part", ["masks", "accept"])
def test_a_grammar_that_breaks_ends_its_request_alone(
    breakable: Breakable, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    healthy = getattr(GrammarState, part)

    def broken(*args: Any, **options: Any) -> Any:
        if threading.current_thread().name != "helix-engine":  # where it is compiled, and tried out
            return healthy(*args, **options)
        raise ValueError("a bug in the matcher")

    monkeypatch.setattr(GrammarState, part, broken)
    with _neighbour(breakable):
        response = breakable.server.chat(response_format={"type": "json_object"}, max_tokens=NUM_TOKENS)
    assert _is_failure(response, "request_failed")


def test_a_tokenizer_that_breaks_ends_its_request_alone_going_in_and_coming_out(
    breakable: Breakable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = breakable.engine.tokenizer
    encode, detokenizer = tokenizer.encode, tokenizer.detokenizer
    marker = tokenizer.encode(POISON)

    def broken_encode(text: str, **options: Any) -> list[int]:
        if text == "unreadable" or not isinstance(text, str):
            raise KeyError("a bug")
        return encode(text, **options)

    def broken_detokenizer(**options: Any) -> Any:
        made = detokenizer(**options)
        if list(options["prompt_token_ids"])[:4] == marker[:4]:
            monkeypatch.setattr(made, "feed", broken_encode)
        return made

    monkeypatch.setattr(tokenizer, "encode", broken_encode)
    monkeypatch.setattr(tokenizer, "detokenizer", broken_detokenizer)
    with _neighbour(breakable):
        assert _is_failure(breakable.ask("unreadable"), "internal_error")
        assert _is_failure(breakable.ask(POISON, seed=1), "request_failed")


def test_a_proposer_that_breaks_costs_no_answer(breakable: Breakable, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again with fewer requests, and a failure that comes seldom is nobody's."""
    propose, calls = breakable.engine.proposer.propose, iter(range(10**6))

    def flaky(scheduled: Any) -> Any:
        if next(calls) % 7 == 3:
            raise IndexError("a bug")
        return propose(scheduled)

    monkeypatch.setattr(breakable.engine.proposer, "propose", flaky)
    with _neighbour(breakable):
        assert breakable.text() == breakable.expected
