"""A snapshot of the engine: counts and block numbers, behind the key, without anybody's text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from openai_compat.routes.state import short_id
from tests.fakes import FakeEngine
from tests.servers import Server


def test_blocks_come_in_runs_and_requests_without_their_text(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(FakeEngine(lambda prompt, params: "answer " * 99, step_s=0.05))
    asking = threading.Thread(
        target=server.chat, kwargs={"messages": [{"role": "user", "content": "secret"}], "max_tokens": 60}
    )
    asking.start()
    while not server.engine.running:
        time.sleep(0.005)
    response = server.http.get("/helix/state")
    (request_id,) = server.engine.running
    state = response.json()
    assert state["blocks"] == [["private", 1], ["cached", 1], ["free", 62]]
    assert state["draft_blocks"] == [[True, 1], [False, 63]]
    assert state["num_blocks"] == sum(length for _, length in state["blocks"])
    (request,) = state["requests"]
    assert request["id"] == f"{request_id[:17]}-0"
    assert len(request_id) > 40
    assert request["block_table"] == [0]
    assert "secret" not in response.text
    assert "answer" not in response.text
    assert response.headers["cache-control"] == "no-store"
    asking.join()


def test_the_state_needs_the_key(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(api_key=("sk-1",))
    assert server.http.get("/helix/state").status_code == 200
    assert server.http.get("/helix/state", headers={"authorization": ""}).status_code == 401


def test_the_choices_of_an_answer_are_told_apart() -> None:
    answer = "chatcmpl-" + "0123456789abcdef" * 2
    assert [short_id(f"{answer}-{choice}") for choice in (0, 11)] == ["chatcmpl-01234567-0", "chatcmpl-01234567-11"]


def test_an_id_that_somebody_else_chose_is_not_shown() -> None:
    chosen = short_id("my-secret-name")
    assert chosen == short_id("my-secret-name") != short_id("my-other-name")
    assert len(chosen) == 8
    assert "my" not in chosen
