"""The recommendation names what was fastest, and the automatic choice unless something else is clearly ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from helix import ArmResult, BenchArm, EngineConfig, ModelConfig, SpeculativeConfig
from openai_compat.cli import main
from openai_compat.commands.bench import Outcome, recommendation, table

PLAIN, AUTO = BenchArm("plain", depth=0), BenchArm("auto")
FIXED = BenchArm("draft, 4 ahead", 4, "draft", is_adaptive=False)


def outcome(*speeds: float, draft: str | None = None, dtype: str = "auto") -> Outcome:
    results = [ArmResult(arm, [speed]) for arm, speed in zip((PLAIN, AUTO, FIXED), speeds, strict=True)]
    config = EngineConfig(
        model=ModelConfig(model="some/model", dtype=dtype),  # type: ignore[arg-type]
        speculative=SpeculativeConfig(draft_model=draft),
    )
    return Outcome(config, "title", results)


@pytest.mark.parametrize(
    ("outcomes", "command"),
    [
        ([outcome(10, 20, 20.9)], "helix serve some/model"),
        (
            [outcome(10, 20, 25, draft="some/draft")],
            "helix serve some/model --draft-model some/draft --speculation-method draft --speculation-depth 4 "
            "--no-speculation-adaptive",
        ),
        ([outcome(10, 8, 7)], "helix serve some/model --speculation-depth 0"),
        ([outcome(10, 20, 20), outcome(12, 30, 20, dtype="bfloat16")], "helix serve some/model --dtype bfloat16"),
    ],
)
def test_the_fastest_is_recommended(outcomes: list[Outcome], command: str) -> None:
    assert recommendation(outcomes).splitlines()[-1].strip() == command


def test_a_text_that_differs_is_shown() -> None:
    results = outcome(10, 20, 25).results
    results[1].answers.append((1,))
    assert [line.split()[-1] for line in table(results).splitlines()[1:]] == ["yes", "NO", "yes"]


def test_a_real_model_is_measured_with_ones_own_prompts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("Hello!\n\n", encoding="utf-8")
    words = ["bench", "--prompt-file", str(prompts), "--max-tokens", "8", "--rounds", "1", "--try-dtype", "float99"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "draft, 6 ahead" in out and "NO" not in out
    assert "left out: " in out and "float99" in out
    assert "  helix serve helix-demo" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prompt-file", "/nowhere"], "helix: prompt file /nowhere cannot be read: No such file or directory"),
        (["--max-tokens", "1"], "helix: max_tokens must be at least 8 to measure a speed, got 1"),
    ],
)
def test_bad_settings_are_a_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    assert capsys.readouterr().err.strip() == sentence
