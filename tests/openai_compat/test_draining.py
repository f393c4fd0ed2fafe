"""Which requests a server refuses that was told to stop; test_server.py has the whole of it on a socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
