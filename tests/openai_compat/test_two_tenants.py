"""Two customers with keys of their own on one engine, of whom one tries to see, change and time what the other does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from helix import AsyncEngine, CacheConfig, EngineConfig, SpeculativeConfig
from openai_compat.config import ServerConfig
from tests.servers import Server, running_server

ADA, EVE = "sk-ada-0123456789", "sk-eve-9876543210"
SECRET = "Remember this: the vault opens with 4711 and nobody else may know it. " * 3


@pytest.fixture(scope="module")
def shared() -> Iterator[Server[AsyncEngine]]:
    """The built-in model without its draft, so that guesses come from remembered text alone."""
    config = EngineConfig(cache=CacheConfig(num_blocks=512), speculative=SpeculativeConfig(speculation_method="suffix"))
    with running_server(AsyncEngine(config), ServerConfig(port=0, api_key=(ADA, EVE))) as running:
        yield running


def client(server: Server[AsyncEngine], key: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}, timeout=120)


@pytest.fixture(scope="module")
def ada(shared: Server[AsyncEngine]) -> Iterator[httpx.Client]:
    with client(shared, ADA) as http:
        yield http


@pytest.fixture(scope="module")
def eve(shared: Server[AsyncEngine]) -> Iterator[httpx.Client]:
    with client(shared, EVE) as http:
        yield http


def respond(http: httpx.Client, **fields: Any) -> Any:
    fields = {"model": "helix-demo", "input": SECRET, "max_output_tokens": 24, "seed": 1} | fields
    return http.post("/v1/responses", json=fields).json()


def generate(http: httpx.Client, **fields: Any) -> Any:
    steady = {"depth": 4, "adaptive": False}  # how deep it pays to guess depends on how busy the machine is
    fields = {"prompt": SECRET, "max_tokens": 24, "seed": 1, "ignore_eos": True, "speculation": steady} | fields
    answer = http.post("/generate", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_response_exists_for_its_key_alone(ada: httpx.Client, eve: httpx.Client) -> None:
    kept = respond(ada)
    id, item = kept["id"], kept["output"][0]["id"]
    missing = "resp_" + "0" * 32
    for method, path in (
        ("GET", "/v1/responses/{}"),
        ("DELETE", "/v1/responses/{}"),
        ("POST", "/v1/responses/{}/cancel"),
        ("GET", "/v1/responses/{}/input_items"),
    ):
        stolen, unknown = (eve.request(method, path.format(one)) for one in (id, missing))
        assert stolen.status_code == unknown.status_code == 404
        assert stolen.text.replace(id, missing) == unknown.text, "nor is it told that there is one"
    for fields in ({"previous_response_id": id}, {"input": [{"type": "item_reference", "id": item}]}):
        refused = respond(eve, **fields)
        assert refused["error"]["message"].endswith("not found.")
    counted = eve.post(
        "/v1/responses/input_tokens", json={"model": "helix-demo", "input": "x", "previous_response_id": id}
    )
    assert counted.status_code == 400
    assert ada.get(f"/v1/responses/{id}").json()["id"] == id, "and it is still there"
    assert respond(ada, input="And then?", previous_response_id=id)["status"] in ("completed", "incomplete")
    assert ada.delete(f"/v1/responses/{id}").status_code == 200


def numbers(answer: Any) -> tuple[Any, ...]:
    """What an answer says of what was remembered."""
    return answer["metrics"]["cached_tokens"], answer["helix"]["speculation"]["drafted"], answer["text"]


def test_an_answer_does_not_tell_that_another_key_asked_the_same(ada: httpx.Client, eve: httpx.Client) -> None:
    """Neither by cached tokens nor by guesses copied from earlier answers, which is what its time is made of."""
    untouched = generate(eve, cache_salt="a place of her own")
    first = generate(ada)
    for fields in ({}, {"cache_salt": "x"}, {"cache_salt": "/"}):
        probe = generate(eve, **fields)
        assert probe["metrics"]["cached_tokens"] == 0
        assert numbers(probe) == numbers(untouched)
    again = generate(ada)
    assert again["metrics"]["cached_tokens"] > 0 and again["text"] == first["text"]
    assert generate(ada, cache_salt="x")["metrics"]["cached_tokens"] == 0
    assert generate(eve, cache_salt="x")["metrics"]["cached_tokens"] > 0, "it is her own that she finds"


def test_running_requests_of_another_key_are_not_seen(ada: httpx.Client, eve: httpx.Client) -> None:
    seen: dict[str, Any] = {}

    def look() -> None:
        for name, http in (("ada", ada), ("eve", eve)):
            with httpx.Client(base_url=http.base_url, headers=http.headers) as other:
                seen[name] = other.get("/helix/state").json()

    body = {"prompt": SECRET, "max_tokens": 400, "ignore_eos": True}
    with ada.stream("POST", "/generate/stream", json=body) as stream:
        lines = stream.iter_lines()
        next(lines)
        look()
    (own,) = seen["ada"]["requests"]
    assert own["num_prompt_tokens"] > 20
    assert seen["eve"]["requests"] == []
    assert sum(length for _, length in seen["eve"]["blocks"]) == seen["eve"]["num_blocks"]
    assert "vault" not in json.dumps(seen)


def test_the_metrics_have_neither_text_nor_key(ada: httpx.Client, shared: Server[AsyncEngine]) -> None:
    generate(ada)
    text = httpx.get(f"{shared.url}/metrics").text
    assert "helix:generation_tokens" in text
    for secret in (ADA, EVE, "vault", "nobody else"):
        assert secret not in text


@pytest.mark.parametrize(
    "values",
    [
        [f"Bearer {ADA},{EVE}"],
        [f"Bearer {ADA} {EVE}"],
        [f"Bearer {ADA}x"],
        [f"Bearer {ADA[:-1]}"],
        [f"Basic {ADA}"],
        ["Bearer " + "x" * 60_000],
        ["Bearer no", f"Bearer {EVE[:-1]}"],
    ],
)
def test_nobody_is_let_in_with_what_is_no_key(shared: Server[AsyncEngine], values: list[str]) -> None:
    headers = [("authorization", value) for value in values]
    assert httpx.get(f"{shared.url}/v1/models", headers=headers).status_code == 401


def test_eight_conversations_at_once_stay_apart(ada: httpx.Client, eve: httpx.Client) -> None:
    """Each answer is that of its own prompt and seed, whoever shares the batch."""
    prompts = [f"{who} counts: {number}, " for who in ("Ada", "Eve") for number in range(4)]
    alone = [generate(ada if prompt.startswith("Ada") else eve, prompt=prompt)["text"] for prompt in prompts]
    together: dict[str, str] = {}

    def ask(prompt: str) -> None:
        http = ada if prompt.startswith("Ada") else eve
        together[prompt] = generate(http, prompt=prompt)["text"]

    threads = [threading.Thread(target=ask, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[prompt] for prompt in prompts] == alone
