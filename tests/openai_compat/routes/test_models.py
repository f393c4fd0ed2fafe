"""GET /v1/models over a socket."""

from __future__ import annotations

from collections.abc import Callable

import openai
import pytest

from tests.fakes import FakeEngine
from tests.servers import Server


def test_the_list_has_the_name_and_its_aliases(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(served_model_name=("gpt-x", "org/y"))
    assert [model.id for model in server.openai.models.list()] == ["gpt-x", "org/y", "fake/model-1"]


def test_a_model_can_be_retrieved_by_an_id_with_slashes(server: Server[FakeEngine]) -> None:
    model = server.openai.models.retrieve("fake/model-1")
    assert (model.id, model.object, model.owned_by) == ("fake/model-1", "model", "helix")
    for path in ("fake/model-1", "fake%2Fmodel-1", "model-1"):
        assert server.http.get(f"/v1/models/{path}").status_code == 200


def test_an_unknown_model_is_not_found(server: Server[FakeEngine]) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        server.openai.models.retrieve("other/model")
    assert caught.value.code == "model_not_found"
