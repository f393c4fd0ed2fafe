"""A client that goes away, and one that waits: the engine must not compute for nobody, nor a proxy hang up."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from helix import SamplingParams
from openai_compat import sse
from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
from openai_compat.delivery import answer_stream, event_stream
from openai_compat.schemas.responses import DeletedResponse as Event
from tests.fakes import FakeEngine
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]
LONG = "word " * 2000


@pytest.fixture
def slow(server: Server[FakeEngine]) -> Server[FakeEngine]:
    """An engine that needs 20 seconds for an answer."""
    server.engine.reply = lambda prompt, params: LONG
    server.engine.step_s = 0.01
    return server


def send(server: Server[FakeEngine], path: str, **fields: Any) -> socket.socket:
    """Send a request and return its connection, unread."""
    body = json.dumps({"model": "model-1"} | fields).encode()
    connection = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])))
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "fields", "num_requests"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "n": 2}, 2),
        ("/v1/completions", {"prompt": ["a", "b"], "n": 2, "max_tokens": 4000}, 4),
        ("/v1/responses", {"input": "hi"}, 1),
        ("/generate", {"prompt": "hi", "max_tokens": 4000}, 1),
        ("/generate/batch", {"prompts": ["a", "b"], "max_tokens": 4000}, 2),
    ],
)
def test_a_client_that_leaves_ends_its_requests(
    slow: Server[FakeEngine], path: str, fields: dict[str, Any], num_requests: int, stream: bool
) -> None:
    with send(slow, path, stream=stream, **fields) as connection:
        wait_until(lambda: len(slow.engine.running) == num_requests)
        if stream and not path.startswith("/generate"):
            assert b"200 OK" in connection.recv(4096)
    wait_until(lambda: not slow.engine.running)
    assert len(slow.engine.aborted) == num_requests
    assert slow.http.get("/health").status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_that_leaves_a_stream_of_helixs_own_ends_its_request(slow: Server[FakeEngine], method: str) -> None:
    fields = {"prompt": "hi", "max_tokens": 4000}
    asked: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    with slow.http.stream(method, "/generate/stream", **asked) as response:
        lines = response.iter_lines()
        assert next(lines) == "id: 0"
        assert len(slow.engine.running) == 1
    wait_until(lambda: not slow.engine.running)
    assert len(slow.engine.aborted) == 1


def test_a_client_that_leaves_at_once_ends_its_requests(slow: Server[FakeEngine]) -> None:
    messages = [{"role": "user", "content": "hi"}]
    for _ in range(10):
        send(slow, "/v1/chat/completions", messages=messages, stream=True).close()
    slow.engine.reply = lambda prompt, params: "short"
    wait_until(lambda: not slow.engine.running)
    assert slow.chat().status_code == 200
    assert not slow.engine.running


def test_the_sdk_ends_a_stream_by_closing_it(slow: Server[FakeEngine]) -> None:
    stream = slow.openai.chat.completions.create(
        model="model-1", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    next(iter(stream))
    stream.close()
    wait_until(lambda: not slow.engine.running)
    assert len(slow.engine.aborted) == 1


def test_finished_requests_are_not_aborted(server: Server[FakeEngine]) -> None:
    assert server.chat().status_code == server.chat(stream=True).status_code == 200
    assert server.engine.aborted == []


def test_first_tokens_arrive_before_the_last_are_computed(slow: Server[FakeEngine]) -> None:
    started_s = time.monotonic()
    with slow.openai.chat.completions.create(
        model="model-1", messages=[{"role": "user", "content": "hi"}], stream=True
    ) as stream:
        next(iter(stream))
    assert time.monotonic() - started_s < 10


def test_a_silent_stream_says_that_it_lives(serve: Serve) -> None:
    server = serve(FakeEngine(lambda prompt, params: "ok", step_s=0.5), keep_alive_s=0.1)
    text = server.chat(stream=True).text
    assert text.startswith(": ping\n\n: ping\n\n")
    assert text.endswith("data: [DONE]\n\n")


def test_a_reader_that_stalls_does_not_make_the_server_read_ahead(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: "x" * 3_000_000
    server.engine.tokens_per_step = 1
    with send(
        server,
        "/v1/chat/completions",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
    ) as connection:
        connection.recv(1024)
        time.sleep(0.5)
        assert server.engine.running, "nobody took the rest, so it was not fetched"
    wait_until(lambda: not server.engine.running)


async def sent_bodies(batches: AsyncIterator[list[Event]], keep_alive_s: float) -> list[bytes]:
    """Return what a stream of these events writes behind its head, write by write."""
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    response = event_stream(batches, {}, keep_alive_s).to_asgi_response(None, None)  # type: ignore[arg-type]
    await response({}, receive, send)  # type: ignore[arg-type]
    assert [message["more_body"] for message in sent[1:]] == [True] * (len(sent) - 2) + [False]
    return [message["body"] for message in sent[1:]]


def test_events_that_came_together_are_one_write_and_an_empty_batch_is_none() -> None:
    first, second, third = (Event(id=name) for name in "abc")

    async def batches() -> AsyncIterator[list[Event]]:
        for batch in ([first, second], [], [third]):
            yield batch

    both = sse.encode_event(first) + sse.encode_event(second)
    bodies = asyncio.run(sent_bodies(batches(), keep_alive_s=60))
    assert bodies == [both, sse.encode_event(third), sse.DONE, b""]


def test_a_stream_whose_text_is_held_back_says_that_it_lives() -> None:
    """Outputs that come all the time keep nobody's connection open as long as nothing is sent."""

    async def batches() -> AsyncIterator[list[Event]]:
        for _ in range(20):
            await asyncio.sleep(0.01)
            yield []

    bodies = asyncio.run(sent_bodies(batches(), keep_alive_s=0.03))
    assert set(bodies) == {sse.PING, sse.DONE, b""}


def test_a_stream_that_cannot_be_sent_ends_its_request() -> None:
    async def fail(_: Any) -> None:
        raise OSError("the connection is gone")

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def run() -> list[str]:
        engine = FakeEngine()
        engine.start()
        outputs = ChoiceOutputs(engine, [[97]], [SamplingParams()], "a")

        response = answer_stream(Batches(outputs, texts), outputs, {}, 60).to_asgi_response(None, None)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="gone"):
            await response({}, receive, fail)  # type: ignore[arg-type]
        return engine.aborted

    assert asyncio.run(run()) == ["a-0"]


class Wire:
    """A connection whose server offers to write directly; open_for says before which write it has no room."""

    def __init__(self, open_for: Callable[[int], bool]) -> None:
        self._open_for = open_for
        self.bodies: list[bytes] = []
        self.num_written = 0
        self.wrote_s = 0.0

    @property
    def is_open(self) -> bool:
        return self._open_for(len(self.bodies))

    def write(self, body: bytes) -> None:
        assert self.is_open
        self.bodies.append(body)
        self.num_written += 1

    async def send(self, message: Any) -> None:
        await asyncio.sleep(0.003)
        if message["type"] == "http.response.body":
            self.bodies.append(message["body"])

    async def receive(self) -> Any:
        await asyncio.Event().wait()


def answered(wire: Wire, engine: FakeEngine, feed: Callable[[Taken], list[Event]]) -> bytes:
    """Send one answer of the engine over the wire, and return what was sent."""

    async def run() -> None:
        engine.start()
        outputs = ChoiceOutputs(engine, [[97]], [SamplingParams()], "a")
        response = answer_stream(Batches(outputs, feed), outputs, {}, 60).to_asgi_response(None, None)  # type: ignore[arg-type]
        await response({"extensions": {"helix.write": lambda: wire}}, wire.receive, wire.send)  # type: ignore[arg-type]

    asyncio.run(run())
    return b"".join(wire.bodies)


def texts(taken: Taken) -> list[Event]:
    return [Event(id=output.text) for _, output in taken]


@pytest.mark.parametrize(
    "open_for",
    [lambda number: True, lambda number: False, lambda number: number % 3 == 0, lambda number: number % 7 < 4],
    ids=["always", "never", "now and then", "in turns"],
)
def test_what_is_written_at_once_and_what_waits_for_room_are_in_order(open_for: Callable[[int], bool]) -> None:
    said = "".join(f"{number} " for number in range(100))
    wire = Wire(open_for)
    sent = answered(wire, FakeEngine(lambda prompt, params: said, step_s=0.0005), texts)
    events = [msgspec.json.decode(event.removeprefix(b"data: ")) for event in sent.split(b"\n\n")[:-2]]
    assert "".join(event["id"] for event in events) == said
    assert sent.endswith(sse.DONE)
    assert (wire.num_written > 0) == open_for(0)


def test_an_error_in_what_is_written_at_once_is_the_streams_last_event() -> None:
    def feed(taken: Taken) -> list[Event]:
        if wire.bodies:
            raise RuntimeError("a bug")
        return texts(taken)

    wire = Wire(lambda number: True)
    engine = FakeEngine(lambda prompt, params: "x" * 100, step_s=0.001)
    sent = answered(wire, engine, feed)
    assert b"internal_error" in sent.split(b"\n\n")[-2]
    assert engine.aborted == ["a-0"]


def events_of(text: str) -> list[str]:
    """Return the events of a stream, choice by choice, without what differs from time to time."""
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: {")]
    assert events
    events.sort(key=lambda event: [choice["index"] for choice in event["choices"]])
    return [
        json.dumps({name: event[name] for name in event if name not in ("id", "created", "helix")}) for event in events
    ]


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 2},
        {"stop": "7"},
        {"logprobs": True, "top_logprobs": 1},
        {"stream_options": {"include_usage": True}, "service_tier": "auto"},
        {"speculation_trace": True},
        {"tools": [TOOL]},
    ],
    ids=lambda fields: "+".join(fields) or "plain",
)
def test_a_chat_streams_the_same_events_whether_or_not_they_are_written_at_once(
    server: Server[FakeEngine], fields: dict[str, Any]
) -> None:
    server.engine.reply = lambda prompt, params: 'one "two"\n\u2028 <três> \\ 4567 eight'
    server.engine.step_s = 0.001
    server.engine.tokens_per_step = 2
    tapped = server.chat(stream=True, **fields)
    server.engine.has_tap = False
    assert tapped.status_code == 200, tapped.text
    assert events_of(tapped.text) == events_of(server.chat(stream=True, **fields).text)


@pytest.mark.parametrize(
    "fields", [{}, {"n": 2}, {"logprobs": 1}, {"echo": True}, {"echo": True, "logprobs": 1}], ids=str
)
def test_a_completion_streams_the_same_events_whether_or_not_they_are_written_at_once(
    server: Server[FakeEngine], fields: dict[str, Any]
) -> None:
    server.engine.step_s = 0.001
    tapped = server.complete(stream=True, **fields)
    server.engine.has_tap = False
    assert tapped.status_code == 200, tapped.text
    assert events_of(tapped.text) == events_of(server.complete(stream=True, **fields).text)


def named_events(text: str) -> list[dict[str, Any]]:
    """Return the events of a response without what differs from time to time."""
    events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n") if line.startswith("data: {")]
    return [event | dict.fromkeys(("response", "item", "item_id")) for event in events]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]},
    ],
    ids=["plain", "logprobs", "tools"],
)
def test_a_response_streams_the_same_events_whether_or_not_they_are_written_at_once(
    server: Server[FakeEngine], fields: dict[str, Any]
) -> None:
    server.engine.reply = lambda prompt, params: 'one "two"\n\u2028 <três> \\ 4567 eight'
    server.engine.step_s = 0.001
    asked = {"model": "model-1", "input": "hi", "stream": True, **fields}
    tapped = server.http.post("/v1/responses", json=asked)
    server.engine.has_tap = False
    assert tapped.status_code == 200, tapped.text
    assert len(events := named_events(tapped.text)) > 10
    assert events == named_events(server.http.post("/v1/responses", json=asked).text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_helixs_own_stream_has_the_same_events_whether_or_not_they_are_written_at_once(
    server: Server[FakeEngine],
) -> None:
    server.engine.step_s = 0.001
    asked = {"prompt": "hi", "speculation_trace": True}
    tapped = server.http.post("/generate/stream", json=asked)
    server.engine.has_tap = False
    asked_again = server.http.post("/generate/stream", json=asked)
    first, second = (events_of_own(one.text) for one in (tapped, asked_again))
    assert first == second
    assert len(first) > 4


def events_of_own(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return numbers and events, without what differs from time to time."""
    read = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        number, _, data = block.partition("\ndata: ")
        event = json.loads(data)
        read.append((number, {name: event[name] for name in event if name not in ("helix", "metrics")}))
    return read
