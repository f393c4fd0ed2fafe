"""A server without a key answers programs of its own machine, and no page of a stranger in its browser."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from openai_compat.local_only import host_name
from tests.fakes import FakeEngine
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]
CROSS = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "[::2]:80"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(server: Server[FakeEngine], host: str) -> None:
    """DNS rebinding: the browser believes that the page may read the answer."""
    with httpx.Client(base_url=server.url, headers={"host": host}) as browser:
        for answer in (browser.get("/v1/models"), browser.post("/v1/chat/completions", content="{")):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden_origin")
        assert browser.get("/health").status_code == 200, "which tells nothing"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.:1", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"])
def test_names_of_this_machine_are_answered(server: Server[FakeEngine], host: str) -> None:
    assert httpx.get(f"{server.url}/v1/models", headers={"host": host}).status_code == 200


def test_a_page_of_another_site_cannot_make_the_model_work(serve: Serve) -> None:
    """A form needs nobody's leave to send a POST to another site; only its answer is kept from it."""
    server = serve(cors_origin=("https://friend.example",))
    for answer in (
        httpx.post(f"{server.url}/v1/chat/completions", content="{", headers=CROSS),
        httpx.get(f"{server.url}/generate/stream", params={"prompt": "hi"}, headers=CROSS),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden_origin")
    for friend in ({**CROSS, "origin": "https://friend.example"}, {"sec-fetch-site": "same-origin"}, {}):
        assert httpx.post(f"{server.url}/generate", json={"prompt": "hi"}, headers=friend).status_code == 200
    assert not server.engine.running


def test_whoever_lets_everybody_in_is_reached_under_every_name(serve: Serve) -> None:
    server = serve(allow_no_key=True)
    assert httpx.get(f"{server.url}/v1/models", headers={"host": "box.lan"}).status_code == 200
    assert httpx.post(f"{server.url}/generate", json={"prompt": "hi"}, headers=CROSS).status_code == 403


def test_with_a_key_the_name_does_not_matter(serve: Serve) -> None:
    server = serve(api_key=("sk-1",))
    headers = {"host": "box.lan", "authorization": "Bearer sk-1", **CROSS}
    assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200


def test_a_host_is_read_without_its_port() -> None:
    for host, name in (("[::1]:80", "::1"), ("Box.LAN.:80", "box.lan"), ("localhost", "localhost"), ("", "")):
        assert host_name(host) == name
