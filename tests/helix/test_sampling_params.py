"""Every value out of range is refused by the name of its field."""

from __future__ import annotations

import math
from typing import Any

import pytest

from helix.errors import InvalidRequestError
from helix.sampling_params import SamplingParams


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", 1e39),
        ("top_p", 0),
        ("top_p", 1e-46),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("top_k", -1),
        ("top_k", 2**63),
        ("presence_penalty", 2.5),
        ("frequency_penalty", -2.5),
        ("repetition_penalty", 0),
        ("repetition_penalty", 1e-46),
        ("repetition_penalty", 1e39),
        ("repetition_penalty", math.nan),
        ("logit_bias", {3: 101}),
        ("logit_bias", {3: math.nan}),
        ("max_tokens", -1),
        ("max_tokens", math.inf),
        ("min_tokens", -1),
        ("logprobs", 21),
        ("prompt_logprobs", 21),
        ("prompt_logprobs", -1),
        ("stop", ("",)),
        ("seed", 2**64),
        ("speculation_depth", -1),
    ],
)
def test_a_value_out_of_range_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        SamplingParams(**{field: value})
    assert caught.value.param == field
    assert field in str(caught.value) or field == "stop"


def test_min_tokens_may_not_exceed_max_tokens() -> None:
    with pytest.raises(InvalidRequestError):
        SamplingParams(min_tokens=5, max_tokens=4)
