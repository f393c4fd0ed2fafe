"""What is kept comes back unchanged, to its owner alone, and goes when it must."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from helix import ConfigError, SamplingParams
from openai_compat.responses.answer import Answer
from openai_compat.responses.tally import Tally
from openai_compat.responses_api.conversation import read_items
from openai_compat.responses_api.response_object import begun, ended
from openai_compat.responses_api.store import ResponseStore, Turn
from openai_compat.schemas.response_items import FunctionCallItem, MessageItem, OutputItem, OutputTextPart
from openai_compat.schemas.responses import ResponsesRequest
from tests.fakes import ByteTokenizer, FakeEngine

LARGE = 2**30
Open = Callable[..., ResponseStore]


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def open_store() -> Iterator[Open]:
    opened: list[ResponseStore] = []

    def start(path: Path | None = None, **limits: Any) -> ResponseStore:
        opened.append(ResponseStore(None if path is None else str(path), **{"max_bytes": LARGE} | limits))
        return opened[-1]

    yield start
    for store in opened:
        store.close()


def make_turn(id: str, previous: str | None = None, text: str = "hi") -> Turn:
    params = SamplingParams()
    tally = Tally.of([[1]], params, FakeEngine().info)
    answer = Answer(id=id, model="m", system_fingerprint="fp", tokenizer=ByteTokenizer(), params=params, tally=tally)
    schema: Any = {"type": "json_schema", "name": "x", "schema": {"type": "object"}}
    request = msgspec.convert(
        {"model": "m", "input": "", "previous_response_id": previous, "text": {"format": schema}}, ResponsesRequest
    )
    output: list[OutputItem] = [
        MessageItem(id="msg_1", status="completed", role="assistant", content=[OutputTextPart(text=text)]),
        FunctionCallItem(id="fc_1", status="completed", call_id="call_1", name="f", arguments="{}"),
    ]
    return Turn(ended(begun(request, answer), answer, output, is_cut=False), read_items(text))


@pytest.mark.parametrize("is_file", [False, True])
def test_a_turn_comes_back_as_it_was(open_store: Open, tmp_path: Path, is_file: bool) -> None:
    store = open_store(tmp_path / "responses.db" if is_file else None)
    turn = make_turn("resp_1")
    store.put("me", turn)
    assert store.get("me", "resp_1") == turn
    assert msgspec.json.encode(turn.response) == msgspec.json.encode(store.get("me", "resp_1").response)  # type: ignore[union-attr]
    assert store.conversation("me", "resp_1") == [turn]


def test_a_conversation_is_read_from_its_beginning(open_store: Open) -> None:
    store = open_store()
    turns = [make_turn(f"resp_{n}", f"resp_{n - 1}" if n else None, f"text {n}") for n in range(5)]
    branch = make_turn("resp_b", "resp_1", "branch")
    for turn in (*turns, branch):
        store.put("me", turn)
    assert store.conversation("me", "resp_4") == turns
    assert store.conversation("me", "resp_2") == turns[:3]
    assert store.conversation("me", "resp_b") == [*turns[:2], branch]


def test_nobody_sees_what_another_owns(open_store: Open) -> None:
    store = open_store()
    store.put("me", make_turn("resp_1"))
    store.put("you", make_turn("resp_2", "resp_1"))
    assert store.get("you", "resp_1") is None
    assert store.conversation("you", "resp_1") is None
    assert store.conversation("you", "resp_2") is None, "what it continues is not the owner's"
    assert not store.delete("you", "resp_1")
    assert store.get("me", "resp_1") is not None


def test_what_is_deleted_is_gone_and_so_is_what_continued_it(open_store: Open) -> None:
    store = open_store()
    store.put("me", make_turn("resp_1"))
    store.put("me", make_turn("resp_2", "resp_1"))
    assert store.delete("me", "resp_1")
    assert not store.delete("me", "resp_1")
    assert store.get("me", "resp_1") is None
    assert store.conversation("me", "resp_2") is None, "it cannot be continued without its beginning"
    assert store.get("me", "resp_2") is not None


def test_the_least_recently_used_goes_first(open_store: Open) -> None:
    clock = Clock()
    store = open_store(max_responses=3, clock=clock)
    for number in range(3):
        clock.now_s += 1
        store.put("me", make_turn(f"resp_{number}"))
    clock.now_s += 1
    store.get("me", "resp_0")
    clock.now_s += 1
    store.put("me", make_turn("resp_3"))
    assert [store.get("me", f"resp_{number}") is not None for number in range(4)] == [True, False, True, True]


def test_a_conversation_that_goes_on_keeps_its_beginning(open_store: Open) -> None:
    clock = Clock()
    store = open_store(max_responses=5, clock=clock)
    previous = None
    for number in range(4):
        clock.now_s += 1
        store.put("me", make_turn(f"other_{number}"))
        clock.now_s += 1
        if previous is not None:
            assert store.conversation("me", previous) is not None
        store.put("me", make_turn(f"resp_{number}", previous))
        previous = f"resp_{number}"
    assert len(store.conversation("me", "resp_3") or []) == 4
    assert store.get("me", "other_0") is None


def test_bytes_are_bounded(open_store: Open) -> None:
    one = make_turn("resp_0", text="x" * 1000)
    size = len(msgspec.json.encode(one.response)) + len(msgspec.json.encode(one.input_items))
    clock = Clock()
    store = open_store(max_bytes=3 * size + size // 2, clock=clock)
    for number in range(6):
        clock.now_s += 1
        store.put("me", make_turn(f"resp_{number}", text="x" * 1000))
    assert [store.get("me", f"resp_{number}") is not None for number in range(6)] == [False] * 3 + [True] * 3


def test_what_nobody_uses_expires_and_use_prolongs(open_store: Open) -> None:
    clock = Clock()
    store = open_store(max_age_s=10, clock=clock)
    store.put("me", make_turn("resp_1"))
    store.put("me", make_turn("resp_2", "resp_1"))
    clock.now_s += 9
    assert store.get("me", "resp_2") is not None
    clock.now_s += 9
    assert store.get("me", "resp_1") is None, "it has expired, though nothing was put since"
    assert store.get("me", "resp_2") is not None
    assert store.conversation("me", "resp_2") is None


def test_a_file_is_read_again_and_is_its_users_own(open_store: Open, tmp_path: Path) -> None:
    path = tmp_path / "responses.db"
    turn = make_turn("resp_1")
    open_store(path).put("me", turn)
    assert open_store(path).get("me", "resp_1") == turn
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look like one" * 20, None])
def test_another_file_is_refused_and_left_alone(open_store: Open, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.db"
    if content is None:
        path = tmp_path / "missing" / "other.db"
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="response_store"):
        open_store(path)
    assert content is None or path.read_bytes() == content


def test_threads_may_use_it_at_once(open_store: Open, tmp_path: Path) -> None:
    store = open_store(tmp_path / "responses.db")

    def work(owner: str) -> None:
        for number in range(20):
            store.put(owner, make_turn(f"{owner}_{number}", f"{owner}_{number - 1}" if number else None))
            store.conversation(owner, f"{owner}_{number}")

    threads = [threading.Thread(target=work, args=(f"owner{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(store.conversation(f"owner{n}", f"owner{n}_19") or []) for n in range(4)] == [20] * 4
