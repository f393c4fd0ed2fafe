"""Faults beside the model: a full disk, an event loop that stands still, requests whose time is over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.faults.conftest import NUM_TOKENS, QUESTION, Breakable


@contextmanager
def _busy_seats(breakable: Breakable) -> Iterator[list[httpx.Response]]:
    """Take every seat of the engine by streams without end; gives their responses."""
    streams = []
    with httpx.Client(base_url=breakable.server.url, timeout=60) as client:
        for number in range(4):
            request = client.build_request("POST", "/v1/completions", json=breakable.endless(stream=True, seed=number))
            streams.append(client.send(request, stream=True))
        breakable.wait_until(lambda: breakable.server.engine.stats().num_running == 4)
        yield streams
        for stream in streams:
            stream.close()


def test_a_full_disk_is_an_error_about_the_store_and_the_next_response_is_kept(breakable: Breakable) -> None:
    store, http = breakable.service.responses, breakable.server.http
    body = {"model": breakable.server.engine.info.model, "input": "hi", "max_output_tokens": 16}
    full = body | {"instructions": "x" * 500}
    (num_pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {num_pages}")
    try:
        statuses = {}
        while "error" not in statuses:
            response = http.post("/v1/responses", json=full)
            statuses["kept" if response.status_code == 200 else "error"] = response
        error = statuses["error"].json()["error"]
        assert (statuses["error"].status_code, error["code"]) == (507, "response_not_kept")
        assert statuses["error"].headers["x-should-retry"] == "false"
        assert http.post("/v1/responses", json=body | {"store": False}).status_code == 200
        with http.stream("POST", "/v1/responses", json=full | {"stream": True}) as stream:
            lines = [line for line in stream.iter_lines() if line.startswith("event:")]
        assert lines[-1] == "event: response.failed"
    finally:
        store._connection.execute("PRAGMA max_page_count = 1073741823")
    response = http.post("/v1/responses", json=body)
    assert http.get(f"/v1/responses/{response.json()['id']}").status_code == 200


def test_an_event_loop_that_stands_still_delays_a_stream_and_loses_nothing(breakable: Breakable) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    texts = []
    stream = breakable.server.openai.completions.create(
        model=breakable.server.engine.info.model, prompt=QUESTION, max_tokens=NUM_TOKENS, temperature=0, stream=True
    )
    for chunk in stream:
        texts.append(chunk.choices[0].text)
        if not loops:
            loops += [made.loop for one in breakable.server.engine._streams.values() if (made := one())]
            for loop in loops:
                loop.call_soon_threadsafe(time.sleep, 0.7)
    assert "".join(texts) == breakable.expected


def test_a_request_is_given_up_when_its_client_has_given_it_up(breakable: Breakable) -> None:
    headers = {"x-request-timeout": "0.3"}
    response = breakable.server.http.post("/v1/completions", json=breakable.endless(), headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert response.headers["x-should-retry"] == "false"
    body = breakable.endless(stream=True)
    with breakable.server.http.stream("POST", "/v1/completions", json=body, headers=headers) as stream:
        events = [line for line in stream.iter_lines() if line]
    assert "deadline_exceeded" in events[-1] and len(events) > 1


def test_a_request_whose_turn_does_not_come_is_refused_with_a_time_to_come_again(
    breakable: Breakable, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(breakable.service.config, "queue_timeout_s", 0.3)
    try:
        with _busy_seats(breakable) as streams:
            refused = breakable.ask()
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_timeout")
            assert int(refused.headers["retry-after"]) >= 1
            assert breakable.server.engine.stats().num_running == len(streams), "who runs is not touched"
    finally:
        object.__setattr__(breakable.service.config, "queue_timeout_s", 600.0)


def test_a_full_queue_tells_each_one_a_later_time(breakable: Breakable) -> None:
    with _busy_seats(breakable):
        waiting = [threading.Thread(target=breakable.ask, args=(f"{QUESTION} {i}",)) for i in range(4)]
        for thread in waiting:
            thread.start()
        breakable.wait_until(lambda: breakable.server.engine.stats().num_waiting == 4)
        refused = [breakable.ask() for _ in range(3)]
        assert [one.status_code for one in refused] == [429] * 3
        times_ms = [int(one.headers["retry-after-ms"]) for one in refused]
        assert times_ms == sorted(times_ms) and times_ms[0] < times_ms[-1]
    for thread in waiting:
        thread.join()
