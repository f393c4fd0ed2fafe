"""The comparison of texts with speculation on and off covers what it says, and a difference does not pass unnoticed."""

from __future__ import annotations

from itertools import islice

import pytest

from benchmarks import lossless
from benchmarks.lossless import METHODS, PARAMETERS, Question, Tally, compare, questions
from helix import SamplingParams
from tests.engines import make_engine
from tests.models import tiny_llama

METHOD = "suffix 8"


def _batch() -> list[Question]:
    params = [SamplingParams(temperature=0.8, max_tokens=12, seed=seed, ignore_eos=True) for seed in range(3)]
    return [Question((5, 6, 7, 8) * 4, one, METHOD) for one in params]


def _compared(batch: list[Question]) -> Tally:
    tallies = {METHOD: Tally()}
    compare(make_engine(tiny_llama(), speculation_depth=8), batch, tallies)
    return tallies[METHOD]


def test_prompts_parameters_and_methods_meet_in_all_combinations() -> None:
    prompts = [(i,) for i in range(73)]
    asked = list(islice(questions(prompts, 10), len(PARAMETERS) * len(METHODS)))
    kinds = {(question.method, repr({**_vars(question), "seed": 0, "ignore_eos": True})) for question in asked}
    assert len(kinds) == len(asked)
    assert len({question.params.seed for question in asked}) == len(asked)
    assert next(islice(questions(prompts, 10), 73, None)).token_ids == (0,), "and then they start over"


def _vars(question: Question) -> dict[str, object]:
    return {name: getattr(question.params, name) for name in question.params.__slots__}


def test_equal_answers_are_counted_with_their_tokens_and_drafts() -> None:
    tally = _compared(_batch())
    assert (tally.num_answers, tally.num_tokens, tally.num_different) == (3, 36, 0)
    assert sum(spec.num_draft_tokens for spec in tally.specs) > 0, "nothing was speculated"


def test_answers_that_differ_are_counted_and_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(lossless.METHODS, METHOD, {"seed": 99})
    assert _compared(_batch()).num_different == 3
    assert capsys.readouterr().out.count("DIFFERENT: suffix 8") == 3
