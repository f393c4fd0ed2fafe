"""Responses in the background over a socket: asked for, followed, cancelled, forgotten, isolated."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.response_events import check_sequence, events_of
from tests.servers import Server, running_server

Serve = Callable[..., Server[FakeEngine]]
ASK: Any = {"model": "model-1", "input": "hi", "background": True}
LONG = "word " * 2000


def slow_engine() -> FakeEngine:
    return FakeEngine(reply=lambda prompt, params: LONG, step_s=0.02)


def ended(server: Server[FakeEngine], id: str) -> Response:
    """Poll as OpenAI's guide does."""
    while (response := server.openai.responses.retrieve(id)).status in ("queued", "in_progress"):
        time.sleep(0.01)
    return response


def test_a_response_is_made_while_nobody_waits(server: Server[FakeEngine]) -> None:
    begun = server.openai.responses.create(**ASK)
    assert (begun.status, begun.background, begun.output) == ("queued", True, [])
    made = ended(server, begun.id)
    assert (made.status, made.output_text, made.background) == ("completed", "You said: hi", True)
    assert made.usage is not None and made.model_extra is not None and made.model_extra["helix"]
    assert server.openai.responses.create(model="model-1", input="more", previous_response_id=made.id).output_text
    (item,) = server.openai.responses.input_items.list(made.id).data
    assert item.type == "message"


def test_its_events_are_followed_and_told_again_from_any_number(server: Server[FakeEngine]) -> None:
    events = events_of(server.http.post("/v1/responses", json=ASK | {"stream": True}).text)
    assert [event["type"] for event in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    id = events[0]["response"]["id"]
    assert events_of(server.http.get(f"/v1/responses/{id}?stream=true").text) == events
    rest = [event.model_dump() for event in server.openai.responses.retrieve(id, stream=True, starting_after=4)]
    assert [event["sequence_number"] for event in rest] == list(range(5, len(events)))
    assert server.http.get(f"/v1/responses/{id}?stream=true&starting_after={len(events)}").text == ""
    error = server.http.get(f"/v1/responses/{id}?starting_after=3").json()["error"]
    assert error["param"] == "starting_after"


def test_a_client_that_leaves_ends_nothing_and_finds_its_place_again(serve: Serve) -> None:
    server = serve(FakeEngine(step_s=0.05, tokens_per_step=1))
    with server.openai.responses.create(**ASK, stream=True) as stream:
        first = [next(stream) for _ in range(5)]
    assert first[0].type == "response.created"
    id = first[0].response.id
    rest = list(server.openai.responses.retrieve(id, stream=True, starting_after=4))
    check_sequence([event.model_dump(exclude_unset=True) for event in [*first, *rest]])
    assert server.engine.aborted == []
    assert ended(server, id).output_text == "You said: hi"


def test_cancelling_stops_the_engine_and_keeps_what_there_is(serve: Serve) -> None:
    server = serve(slow_engine())
    id = server.openai.responses.create(**ASK).id
    assert server.openai.responses.retrieve(id).status in ("queued", "in_progress")
    cancelled = server.openai.responses.cancel(id)
    assert (cancelled.status, cancelled.id) == ("cancelled", id)
    assert not server.engine.running
    assert len(server.engine.aborted) == 1
    assert server.openai.responses.cancel(id) == cancelled == server.openai.responses.retrieve(id), "a second time too"


def test_one_that_has_ended_stays_what_it_is(server: Server[FakeEngine]) -> None:
    made = ended(server, server.openai.responses.create(**ASK).id)
    assert server.openai.responses.cancel(made.id) == made


def test_deleting_stops_the_engine_too(serve: Serve) -> None:
    server = serve(slow_engine())
    id = server.openai.responses.create(**ASK).id
    server.openai.responses.delete(id)
    assert not server.engine.running
    with pytest.raises(openai.NotFoundError):
        server.openai.responses.retrieve(id)


def test_a_failure_is_kept_as_the_response(serve: Serve) -> None:
    server = serve(slow_engine())
    server.engine.failure_after = 3
    made = ended(server, server.openai.responses.create(**ASK).id)
    assert made.status == "failed"
    assert made.error is not None and made.error.code == "server_error"


def test_it_must_be_kept(server: Server[FakeEngine]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        server.openai.responses.create(**ASK, store=False)
    assert refused.value.param == "background"


def test_keys_have_their_own_and_only_so_many(serve: Serve) -> None:
    server = serve(slow_engine(), api_key=("sk-a", "sk-b"), max_requests_per_key=2, drain_timeout_s=0.2)
    mine, other = (server.openai.with_options(api_key=key).responses for key in ("sk-a", "sk-b"))
    id = mine.create(**ASK).id
    mine.create(**ASK)
    with pytest.raises(openai.RateLimitError):
        mine.create(**ASK)
    assert other.create(**ASK).status == "queued"
    for ask in (other.retrieve, other.delete, other.cancel, other.input_items.list):
        with pytest.raises(openai.NotFoundError):
            ask(id)
    with pytest.raises(openai.NotFoundError):
        other.retrieve(id, stream=True)
    assert mine.retrieve(id).status in ("queued", "in_progress")


def test_a_server_that_stops_lets_it_end(serve: Serve, tmp_path: Path) -> None:
    path = str(tmp_path / "responses.db")
    engine = FakeEngine(step_s=0.05)
    with running_server(engine, ServerConfig(port=0, response_store=path)) as first:
        id = first.openai.responses.create(**ASK).id
    assert engine.aborted == []
    assert serve(response_store=path).openai.responses.retrieve(id).output_text == "You said: hi"


def test_what_takes_longer_than_a_server_waits_has_failed(serve: Serve, tmp_path: Path) -> None:
    path = str(tmp_path / "responses.db")
    with running_server(slow_engine(), ServerConfig(port=0, response_store=path, drain_timeout_s=0.2)) as first:
        id = first.openai.responses.create(**ASK).id
    made = serve(response_store=path).openai.responses.retrieve(id)
    assert (made.status, made.error is not None) == ("failed", True)
