"""One text, completed and printed, with what it took on standard error."""

from __future__ import annotations

import io

import pytest

from openai_compat.cli import main


def test_the_text_is_all_that_standard_output_has(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["generate", "--chat", "--temperature", "0", "--max-tokens", "12"]
    assert main([*words, "What is PagedAttention?"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("PagedAttention ") and out.endswith("\n")
    assert err.strip().splitlines()[-1].startswith("[12 tokens, ")
    monkeypatch.setattr("sys.stdin", io.StringIO("What is PagedAttention?"))
    assert main([*words, "--quiet", "--speculation-depth", "0"]) == 0
    plain_out, plain_err = capsys.readouterr()
    assert plain_out == out, "speculation changes the speed and never the result"
    assert "tokens" not in plain_err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--temperature", "500", "hi"], "helix: temperature must be between 0 and 100, got 500.0"),
        (["--model", "./nowhere", "hi"], "helix: there is no folder nowhere"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", *words]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == sentence
