"""Speculation is the caller's to choose, within what the engine offers, and contradictions are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from helix import SamplingParams
from openai_compat.errors import InvalidParameter
from openai_compat.schemas.sampling import SamplingFields
from openai_compat.speculation import in_force, speculation_of
from tests.fakes import FakeEngine

INFO = FakeEngine().info


def request(**fields: Any) -> SamplingFields:
    return msgspec.convert({"model": "m"} | fields, SamplingFields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None, None)),
        ({"speculation": {}}, (None, None)),
        ({"speculation": {"depth": 7}}, (7, None)),
        ({"speculation": {"depth": 0}}, (0, None)),
        ({"speculation": {"depth": 16, "method": "draft"}}, (16, "draft")),
        ({"speculation": {"method": "ngram"}}, (None, "ngram")),
        ({"speculation": {"method": "none"}}, (0, "none")),
        ({"speculation": {"method": "none", "depth": 4}}, (0, "none")),
        ({"speculation": {"enabled": False}}, (0, "none")),
        ({"speculation": {"enabled": False, "depth": 4}}, (0, "none")),
        ({"speculation": {"enabled": True}}, (None, None)),
        ({"speculation_depth": 3}, (3, None)),
        ({"speculation_depth": 0}, (0, None)),
        ({"speculation_depth": 3, "speculation": {"depth": 3, "method": "auto"}}, (3, "auto")),
        ({"speculation_depth": 3, "speculation": {"method": "ngram"}}, (3, "ngram")),
        ({"speculation_depth": 0, "speculation": {"enabled": False}}, (0, "none")),
        ({"speculative.n_max": 3}, (3, None)),
        ({"num_draft_tokens": 3, "speculative.n_max": 3, "speculation": {"depth": 3}}, (3, None)),
        ({"draft_model": None}, (0, "none")),
        ({"draft_model": INFO.draft_model}, (None, None)),
    ],
)
def test_wishes_become_depth_and_method(fields: dict[str, Any], expected: tuple[int | None, str | None]) -> None:
    assert speculation_of(request(**fields), INFO) == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"speculation": {"depth": 17}}, "speculation.depth"),
        ({"speculation": {"depth": -1}}, "speculation.depth"),
        ({"speculation_depth": 17}, "speculation_depth"),
        ({"speculation_depth": -1}, "speculation_depth"),
        ({"speculation_depth": 3, "speculation": {"depth": 4}}, "speculation_depth"),
        ({"speculation_depth": 3, "speculation": {"enabled": False}}, "speculation_depth"),
        ({"speculation_depth": 3, "speculation": {"method": "none"}}, "speculation_depth"),
        ({"speculation": {"enabled": True, "depth": 0}}, "speculation.enabled"),
        ({"speculation": {"enabled": True}, "draft_model": None}, "speculation.enabled"),
        ({"speculative.n_max": 17}, "speculative.n_max"),
        ({"num_draft_tokens": -1}, "num_draft_tokens"),
        ({"num_draft_tokens": 4, "draft_model": None}, "num_draft_tokens"),
        ({"speculation_depth": 3, "num_draft_tokens": 4}, "num_draft_tokens"),
        ({"draft_model": "another"}, "draft_model"),
        ({"speculation": {"enabled": True, "method": "none"}}, "speculation.enabled"),
    ],
)
def test_a_bad_wish_is_refused_under_the_name_it_was_sent_with(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        speculation_of(request(**fields), INFO)
    assert caught.value.param == param
    assert param in str(caught.value)


def test_the_draft_method_needs_a_draft_model() -> None:
    with pytest.raises(InvalidParameter) as caught:
        speculation_of(request(speculation={"method": "draft"}), FakeEngine(draft_model=None).info)
    assert caught.value.param == "speculation.method"


def test_the_mtp_method_needs_heads() -> None:
    wish = request(speculation={"method": "mtp", "depth": 3})
    with pytest.raises(InvalidParameter) as caught:
        speculation_of(wish, INFO)
    assert caught.value.param == "speculation.method"
    assert speculation_of(wish, replace(INFO, has_mtp=True)) == (3, "mtp")


def test_the_engines_own_settings_stand_in_for_none() -> None:
    assert in_force(SamplingParams(), INFO) == (4, "auto")
    assert in_force(SamplingParams(speculation_depth=2, speculation_method="ngram"), INFO) == (2, "ngram")
    assert in_force(SamplingParams(speculation_depth=0), INFO) == (0, "none")
    assert in_force(SamplingParams(speculation_method="none"), INFO) == (0, "none")


def test_a_prediction_is_drafted_deeper_unless_a_depth_was_asked_for_or_speculation_is_off() -> None:
    assert in_force(SamplingParams(prediction=(1,)), INFO) == (INFO.prediction_depth, "auto")
    assert in_force(SamplingParams(prediction=(1,), speculation_depth=2), INFO) == (2, "auto")
    assert in_force(SamplingParams(prediction=(1,), speculation_depth=0), INFO) == (0, "none")
    assert in_force(SamplingParams(prediction=(1,), speculation_method="none"), INFO) == (0, "none")
