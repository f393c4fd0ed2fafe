"""Which requests a server refuses that was told to stop; test_server.py has the whole of it on a socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helix import EngineStats
from openai_compat.app import create_app
from openai_compat.draining import begin_draining, is_draining
from tests.fakes import FakeEngine
from tests.servers import Server


def test_a_server_drains_only_after_it_was_told_to() -> None:
    app = create_app(FakeEngine())
    assert not is_draining(app)
    begin_draining(app)
    assert is_draining(app)


@pytest.mark.parametrize(("path", "status"), [("/v1/models", 200), ("/v1/responses/unknown", 404)])
def test_what_computes_nothing_is_answered_to_the_end(
    serve: Callable[..., Server[FakeEngine]], path: str, status: int
) -> None:
    server = serve()
    begin_draining(server.runner.app)
    assert server.http.get(path).status_code == status
    assert server.chat().status_code == 503


@pytest.mark.parametrize(("finished_per_s", "retry_after"), [(None, 40), (0.5, 4), (0.001, 40)])
def test_who_comes_too_late_is_told_when_the_last_one_will_have_ended(
    serve: Callable[..., Server[FakeEngine]], finished_per_s: float | None, retry_after: int
) -> None:
    server = serve()
    server.engine.stats = lambda: EngineStats(  # type: ignore[method-assign]
        num_running=1, num_waiting=1, num_blocks=64, finished_per_s=finished_per_s
    )
    begin_draining(server.runner.app, 40)
    assert abs(int(server.chat().headers["retry-after"]) - retry_after) <= 1
