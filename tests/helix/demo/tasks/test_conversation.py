"""Later turns are answered from earlier ones."""

from __future__ import annotations

import random

from helix.demo.tasks import conversation
from helix.demo.tasks.draw import Draw


def test_what_is_remembered_was_said() -> None:
    draw = Draw(random.Random(1), "conversation", "")
    for _ in range(300):
        example = conversation.remember(draw)
        value = (
            example.messages[-1]["content"]
            .rstrip(".")
            .split()[-3 if "years old" in example.messages[-1]["content"] else -1]
        )
        assert any(value in message["content"] for message in example.messages[:-2] if message["role"] == "user")


def test_a_correction_counts() -> None:
    """The last of two statements is asked for, so the value of the first must not be accepted."""
    draw = Draw(random.Random(1), "conversation", "")
    for _ in range(300):
        *_, correction, _, _, answer = (message["content"] for message in conversation.change(draw).messages)
        assert any(word.strip(".") in correction for word in answer.split()[-3:])


def test_users_and_assistants_take_turns() -> None:
    draw = Draw(random.Random(1), "conversation", "")
    for task in conversation.TASKS:
        for _ in range(100):
            roles = [message["role"] for message in task(draw).messages if message["role"] != "system"]
            assert roles == ["user", "assistant"] * (len(roles) // 2)
            assert len(roles) >= 4
