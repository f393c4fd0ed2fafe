"""POST /tokenize and /detokenize and GET /tokenizer_info over a socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import EOS, FakeEngine
from tests.servers import Server

HI: Any = [{"role": "user", "content": "hi"}]


def tokenize(server: Server[FakeEngine], **fields: Any) -> Any:
    response = server.http.post("/tokenize", json=fields)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_text_becomes_token_ids_and_comes_back(server: Server[FakeEngine]) -> None:
    body = tokenize(server, model="model-1", prompt="hé")
    assert body == {"count": 3, "max_model_len": 4096, "tokens": [104, 195, 169]}
    answer = server.http.post("/detokenize", json={"model": "model-1", "tokens": body["tokens"]})
    assert answer.json() == {"prompt": "hé"}


def test_tokens_are_shown_as_text_to_those_who_ask(server: Server[FakeEngine]) -> None:
    assert tokenize(server, prompt="ab", return_token_strs=True)["token_strs"] == ["a", "b"]


def test_a_conversation_becomes_the_prompt_that_the_model_would_get(server: Server[FakeEngine]) -> None:
    tokens = tokenize(server, messages=HI, chat_template_kwargs={"x": 1})["tokens"]
    assert bytes(tokens).decode() == "x=1\nuser: hi\nassistant: "
    assert server.chat(chat_template_kwargs={"x": 1}).json()["usage"]["prompt_tokens"] == len(tokens)
    tokens = tokenize(server, messages=HI, add_generation_prompt=False)["tokens"]
    assert bytes(tokens).decode() == "user: hi\n"


def test_special_tokens_are_text_unless_they_are_to_be_skipped(server: Server[FakeEngine]) -> None:
    for skip, text in ((None, "a<eos>"), (False, "a<eos>"), (True, "a")):
        answer = server.http.post("/detokenize", json={"tokens": [97, EOS], "skip_special_tokens": skip})
        assert answer.json() == {"prompt": text}


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": "a", "messages": HI}, "messages"),
        ("/tokenize", {"prompt": "a", "add_generation_prompt": True}, "add_generation_prompt"),
        ("/tokenize", {"messages": HI, "add_special_tokens": True}, "add_special_tokens"),
        ("/tokenize", {"messages": []}, "messages"),
        ("/tokenize", {"messages": [{"role": "user", "content": "!refuse!"}]}, "messages"),
        ("/tokenize", {"prompt": 5}, "prompt"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": [9999]}, "tokens"),
        ("/detokenize", {"tokens": [-1]}, "tokens"),
    ],
)
def test_bad_requests_name_the_field(server: Server[FakeEngine], path: str, fields: Any, param: str) -> None:
    response = server.http.post(path, json=fields)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


@pytest.mark.parametrize(("path", "fields"), [("/tokenize", {"prompt": "a"}), ("/detokenize", {"tokens": [1]})])
def test_another_model_is_not_found_and_unknown_fields_are_named(
    server: Server[FakeEngine], path: str, fields: dict[str, Any]
) -> None:
    assert server.http.post(path, json=fields | {"model": "other"}).status_code == 404
    assert server.http.post(path, json=fields | {"x": 1}).headers["x-helix-ignored-fields"] == "x"


def test_special_tokens_and_template_are_told(server: Server[FakeEngine]) -> None:
    body = server.http.get("/tokenizer_info").json()
    assert body == {"bos_token": None, "eos_token": "<eos>", "chat_template": None}
