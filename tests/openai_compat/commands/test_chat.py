"""A conversation in the terminal, typed ahead through a pipe."""

from __future__ import annotations

import io
import re

import pytest

from openai_compat.cli import main


def test_every_line_gets_an_answer_that_knows_those_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "Hello!\n\nWhat is a KV cache?\n/undo\nWhat is a KV cache?\n/reset\nHello!\n/exit\nnever asked\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["chat", "--temperature", "0", "--max-tokens", "24", "--system", "Be brief."]) == 0
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    answers = [line for line in out.splitlines() if line and not line.startswith("[")]
    tallies = [line for line in out.splitlines() if line.startswith("[")]
    assert len(answers) == len(tallies) == 4
    assert answers[0] == answers[3], "reset forgets everything"
    assert answers[1] == answers[2], "undo takes exactly one turn back"
    assert all("tokens/s" in line and "tokens" in line for line in tallies)
    assert "\x1b" not in out, "a pipe gets no status line"


def test_a_terminal_shows_speed_and_acceptance_while_an_answer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stdin", io.StringIO("What is a KV cache?\n"))
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["chat", "--temperature", "0", "--max-tokens", "24", "--speculation-depth", "2"]) == 0
    *drawn, last = re.findall(r"\x1b\[2m\[?(.*?)\]?\x1b\[0m", shown.getvalue())
    counts = [int(status.split()[0]) for status in drawn]
    assert len(counts) > 3 and counts == sorted(counts), "once a step"
    assert "tokens/s" in drawn[-1]
    assert drawn[-1] == last


def test_a_question_too_long_is_refused_and_the_next_one_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{'word ' * 3000}\nHello!\n"))
    assert main(["chat", "--temperature", "0", "--max-tokens", "8", "--max-model-len", "128"]) == 0
    out, err = capsys.readouterr()
    assert "helix: " in err and "128" in err
    assert out.count("[") == 1
