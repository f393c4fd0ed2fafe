"""What atheris feeds with bytes.

`python -m tests.fuzzing.targets NAME FOLDER [options of libFuzzer]` runs until something is found. Each target turns
bytes into an input and says with assertions what must hold; nothing else may be raised. The name `any` takes turns.
What it finds interesting stays in the folder for the next time.
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import get_args

import atheris

with atheris.instrument_imports(include=["helix", "openai_compat"]):
    import msgspec
    from openai._streaming import SSEDecoder

    from helix import Grammar, InvalidRequestError, Tokenizer
    from helix.demo import TARGET_DIR
    from helix.structured.compiler import GrammarCompiler
    from helix.structured.grammar import GrammarKind
    from helix.text.stop_strings import StopStringMatcher
    from openai_compat.config import ServerConfig
    from openai_compat.sse import encode_event, encode_named_event
    from openai_compat.tool_calls.formats import SIGNS
    from openai_compat.tool_calls.harmony import HARMONY
    from tests.calls import parse
    from tests.fakes import FakeEngine
    from tests.servers import Server, running_server

POSTS = ["chat/completions", "completions", "responses", "embeddings", "../tokenize", "../detokenize", "../generate"]
FORMATS = list({id(one): one for _, one in SIGNS}.values())


class Event(msgspec.Struct, tag="event"):
    text: str


def tool_calls(data: atheris.FuzzedDataProvider) -> None:
    """A text means the same wherever it was cut, and none of it is lost."""
    tool_format = FORMATS[data.ConsumeIntInRange(0, len(FORMATS) - 1)]
    cuts = sorted(data.ConsumeIntInRange(0, 60) for _ in range(3))
    text = _text(data, 400)
    parts = [text[start:end] for start, end in itertools.pairwise([0, *cuts, len(text) + 60])]
    whole = parse(lambda: tool_format.parser([]), text)
    assert parse(lambda: tool_format.parser([]), *parts) == whole
    if tool_format is not HARMONY and all(isinstance(part, str) for part in whole):
        assert "".join(map(str, whole)) == text


def events(data: atheris.FuzzedDataProvider) -> None:
    """OpenAI's client reads the text that was sent, wherever the network cut it."""
    texts = [_text(data, 60) for _ in range(3)]
    encode = (encode_event, encode_named_event)[data.ConsumeBool()]
    sent = b"".join(encode(Event(text)) for text in texts)
    cut = data.ConsumeIntInRange(0, len(sent))
    read = [event.json()["text"] for event in SSEDecoder().iter_bytes(iter([sent[:cut], sent[cut:]]))]
    assert read == texts


def stop_strings(data: atheris.FuzzedDataProvider) -> None:
    """A text ends at the stop string that is complete first, the longest of several."""
    alphabet = data.ConsumeIntInRange(1, 3)

    def some(most: int) -> str:
        return "".join("abc"[data.ConsumeIntInRange(0, alphabet - 1)] for _ in range(data.ConsumeIntInRange(0, most)))

    stops = [stop for stop in (some(5) for _ in range(4)) if stop]
    pieces = [some(7) for _ in range(5)]
    text = "".join(pieces)
    ends = [(text.find(stop) + len(stop), -len(stop)) for stop in stops if stop in text]
    expected = text if not ends else text[: min(ends)[0] + min(ends)[1]]
    matcher = StopStringMatcher(stops)
    assert "".join([matcher.feed(piece)[0] for piece in pieces] + [matcher.finish()]) == expected


def tokens(data: atheris.FuzzedDataProvider) -> None:
    """Tokens that come one by one add up to what decoding them all at once says."""
    tokenizer = _tokenizer()
    token_ids = [data.ConsumeIntInRange(0, tokenizer.vocab_size - 1) for _ in range(data.ConsumeIntInRange(0, 24))]
    parser = tokenizer.detokenizer()
    assert "".join([parser.feed([token_id]) for token_id in token_ids] + [parser.finish()]) == tokenizer.decode(
        token_ids
    )
    text = _text(data, 100)
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=False) == text


def grammars(data: atheris.FuzzedDataProvider) -> None:
    """A description is compiled or refused."""
    kinds = get_args(GrammarKind)
    kind = kinds[data.ConsumeIntInRange(0, len(kinds) - 1)]
    try:
        _compiler().compile(Grammar(kind, _text(data, 200)))
    except InvalidRequestError as error:
        assert error.param == "grammar"


def bodies(data: atheris.FuzzedDataProvider) -> None:
    """Every body is answered, and what is refused is refused in OpenAI's envelope."""
    path = POSTS[data.ConsumeIntInRange(0, len(POSTS) - 1)]
    response = _server().http.post(f"/v1/{path}", content=data.ConsumeBytes(1000))
    assert response.status_code < 500, response.text
    if response.status_code != 200:
        assert response.json()["error"]["message"]


def connections(data: atheris.FuzzedDataProvider) -> None:
    """What is no HTTP is refused, wherever the network cut it, and the next client is served."""
    sent = data.ConsumeBytes(600)
    cut = data.ConsumeIntInRange(0, len(sent))
    server = _server()
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as sock,
        suppress(OSError),  # refused before everything was sent
    ):
        sock.sendall(sent[:cut])
        sock.sendall(sent[cut:])
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(65536):
            answer += piece
    for head in answer.split(b"HTTP/1.1 ")[1:]:
        assert not head.startswith(b"5"), answer
    assert server.http.get("/health").status_code == 200


def any_of_them(data: atheris.FuzzedDataProvider) -> None:
    """Let the last byte choose."""
    targets = list(TARGETS.values())
    targets[data.ConsumeIntInRange(0, len(targets) - 1)](data)


def _text(data: atheris.FuzzedDataProvider, most: int) -> str:
    return bytes(data.ConsumeBytes(most)).decode("utf-8", "replace")


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(str(TARGET_DIR))


@cache
def _compiler() -> GrammarCompiler:
    return GrammarCompiler(_tokenizer())


_OPEN = ExitStack()


@cache
def _server() -> Server[FakeEngine]:
    return _OPEN.enter_context(running_server(FakeEngine(), ServerConfig(port=0)))


TARGETS: dict[str, Callable[[atheris.FuzzedDataProvider], None]] = {
    target.__name__: target for target in (tool_calls, events, stop_strings, tokens, grammars, bodies, connections)
}

WORDS = [
    *dict.fromkeys(word for tool_format in FORMATS for word in tool_format.markers),
    *("name", "arguments", "parameters", "f", "{", "}", "[", "]", ":", ", ", "```json", "<function=f>", "</parameter>"),
    *(
        "model",
        "messages",
        "role",
        "user",
        "content",
        "prompt",
        "stream",
        "n",
        "stop",
        "tools",
        "response_format",
        "input",
    ),
    *("null", "true", "-1", "1e99", "NaN", "\\u0000", "start: ", "/[a-z]+/", "(?i:", "{0,99999}", "$ref", "#/$defs/a"),
    *(
        "GET / HTTP/1.1",
        "\r\n",
        "content-length: ",
        "transfer-encoding: chunked",
        "\r\n0\r\n\r\n",
        "upgrade: h2c",
        "expect: ",
    ),
]
CHAT = {"model": "fake/model-1", "messages": [{"role": "user", "content": "hi"}]}
BODIES = [CHAT, {"model": "fake/model-1", "prompt": "hi"}, {"model": "fake/model-1", "input": "hi"}]
SEEDS = [
    *(json.dumps(body).encode() + bytes([path, len(TARGETS) - 2]) for path in range(len(POSTS)) for body in BODIES),
    b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n" + bytes([9, len(TARGETS) - 1]),
    b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}" + bytes([9, len(TARGETS) - 1]),
    *("".join(one.markers).encode() + bytes([1, 2, 3, index, 0]) for index, one in enumerate(FORMATS)),
]

if __name__ == "__main__":
    name, folder = sys.argv.pop(1), Path(sys.argv.pop(1))
    target = any_of_them if name == "any" else TARGETS[name]
    seeds, words = folder / "seeds", folder / "words"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (seeds / str(number)).write_bytes(seed)
    escaped = ["".join(f"\\x{byte:02x}" for byte in word.encode()) for word in WORDS]
    words.write_text("".join(f'"{word}"\n' for word in escaped), encoding="ascii")
    options = [f"-dict={words}", f"-artifact_prefix={folder}/", "-len_control=0", "-max_len=1000"]
    atheris.Setup([*sys.argv, *options, str(seeds)], lambda data: target(atheris.FuzzedDataProvider(data)))
    atheris.Fuzz()
