"""Grammars, expressions and schemas that are meant badly, at every entrance: answered or refused, and nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from helix import Grammar
from helix.structured.compiler import GrammarCompiler
from helix.text.tokenizer import Tokenizer
from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.grammars import TextTokenizer
from tests.servers import Server, running_server

CHAT, COMPLETIONS, RESPONSES, GENERATE = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate"
ASKED: dict[str, Any] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    COMPLETIONS: {"prompt": "hi"},
    RESPONSES: {"input": "hi"},
    GENERATE: {"prompt": "hi"},
}


class CompilingEngine(FakeEngine):
    """Compiles grammars as an engine does, over a small vocabulary, or waits as if one took for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.compiler = GrammarCompiler(cast(Tokenizer, TextTokenizer()))
        self.gate: threading.Event | None = None

    def compile_grammar(self, grammar: Grammar) -> None:
        if self.gate is not None:
            assert self.gate.wait(60)
        self.compiler.compile(grammar)


@pytest.fixture(scope="module")
def compiling() -> Iterator[Server[CompilingEngine]]:
    with running_server(CompilingEngine(), ServerConfig(port=0)) as running:
        yield running


def function(schema: Any, **more: Any) -> dict[str, Any]:
    return {"name": "f", "parameters": schema, "strict": True} | more


def custom(syntax: str, definition: str) -> dict[str, Any]:
    grammar = {"syntax": syntax, "definition": definition}
    return {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": grammar}}}


def flat_custom(syntax: str, definition: str) -> dict[str, Any]:
    return {"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": syntax, "definition": definition}}


def named(schema: Any) -> dict[str, Any]:
    return {"name": "x", "schema": schema}


# Path, kind of description, the request around it, and the field to blame.
ENTRANCES: list[tuple[str, str, Any, str]] = [
    (
        CHAT,
        "schema",
        lambda s: {"response_format": {"type": "json_schema", "json_schema": named(s)}},
        "response_format",
    ),
    (
        CHAT,
        "schema",
        lambda s: {"tools": [{"type": "function", "function": function(s)}]},
        "tools[0].function.parameters",
    ),
    (CHAT, "schema", lambda s: {"functions": [function(s)], "function_call": {"name": "f"}}, "functions[0].parameters"),
    (CHAT, "regex", lambda s: {"tools": [custom("regex", s)]}, "tools[0].custom.format"),
    (CHAT, "lark", lambda s: {"tools": [custom("lark", s)]}, "tools[0].custom.format"),
    (RESPONSES, "schema", lambda s: {"text": {"format": {"type": "json_schema", **named(s)}}}, "text.format"),
    (RESPONSES, "schema", lambda s: {"tools": [{"type": "function", **function(s)}]}, "tools[0].parameters"),
    (RESPONSES, "lark", lambda s: {"tools": [flat_custom("lark", s)]}, "tools[0].format"),
    *(
        (path, kind, lambda s, field=field: {field: s}, field)
        for path in ASKED
        for kind, field in (("schema", "guided_json"), ("regex", "guided_regex"), ("lark", "guided_grammar"))
    ),
    *(
        (path, kind, lambda s, field=field: {"structured_outputs": {field: s}}, f"structured_outputs.{field}")
        for path in (CHAT, RESPONSES)
        for kind, field in (("schema", "json"), ("regex", "regex"), ("lark", "grammar"))
    ),
    (COMPLETIONS, "regex", lambda s: {"guided_choice": [s * 20, "x"]}, "guided_choice"),
]

HOSTILE: dict[str, list[Any]] = {
    "schema": [
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"}}},
        {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
    ],
    "regex": ["(" * 4000, "((a{1,1000}){1,1000}){1,1000}"],
    "lark": [
        "start: " + "(" * 9000,
        "\n".join(["start: T0", *(f"T{i}: T{i + 1} T{i + 1}" for i in range(1500)), "T1500: /./"]),
        "\n".join(["start: r0", *(f"r{i}: r{i + 1} r{i + 1}" for i in range(1500)), 'r1500: "\\n"']),
        "start: /" + "." * 60_000 + "/",
    ],
}
"""Those that take long are tried without a server, in tests/helix/structured/test_compiler.py."""


@pytest.mark.parametrize(
    ("path", "kind", "around", "param"), [pytest.param(*one, id=f"{one[0]} {one[3]} {one[1]}") for one in ENTRANCES]
)
def test_what_is_meant_badly_is_served_or_refused_by_name(
    compiling: Server[CompilingEngine], path: str, kind: str, around: Any, param: str
) -> None:
    """All of a kind at once: each is answered, and a plain request beside them is."""

    def ask(described: Any) -> tuple[int, Any]:
        response = compiling.http.post(path, json={"model": "model-1", **ASKED[path], **around(described)})
        return response.status_code, response.json()

    with ThreadPoolExecutor(len(HOSTILE[kind])) as pool:
        answers = [*pool.map(ask, HOSTILE[kind])]
        assert compiling.http.post(path, json={"model": "model-1", **ASKED[path]}).status_code == 200
    refused = [body["error"]["param"] for status, body in answers if status == 400]
    assert {status for status, _ in answers} <= {200, 400} and refused
    assert set(refused) <= {param, param.split("[")[0]}, refused


def test_grammars_that_take_for_ever_keep_nobody_waiting(compiling: Server[CompilingEngine]) -> None:
    """Twenty requests, more than there are threads for prompts, wait for their grammars while others are answered."""
    engine = compiling.engine
    engine.gate = threading.Event()

    def ask(number: int) -> int:
        return compiling.chat(guided_regex=f"a{number}").status_code

    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(ask, number) for number in range(20)]
        try:
            for _ in range(3):
                assert compiling.chat().status_code == compiling.complete().status_code == 200
                assert compiling.http.post("/tokenize", json={"prompt": "hi"}).status_code == 200
            assert not any(one.done() for one in waiting)
        finally:
            engine.gate.set()
        assert [one.result() for one in waiting] == [200] * 20
