"""Names, and a fingerprint that changes exactly when answers may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helix import SamplingParams
from openai_compat.errors import ModelNotFound
from openai_compat.served_models import ServedModels
from tests.fakes import FakeEngine

INFO = FakeEngine().info


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ("org/model", "org/model"),
        ("org/model", "model"),
        ("/data/models/qwen", "/data/models/qwen"),
        ("/data/models/qwen", "data/models/qwen"),
        ("/data/models/qwen", "qwen"),
        ("/data/models/qwen/", "qwen"),
        ("org/model", "gpt-x"),
    ],
)
def test_a_model_answers_to_its_name_its_basename_and_aliases(own: str, name: str) -> None:
    assert ServedModels(replace(INFO, model=own), ("gpt-x",)).model(name).id == name


@pytest.mark.parametrize("name", ["", "org", "other", "Model"])
def test_other_names_are_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound):
        ServedModels(replace(INFO, model="org/model")).check(name)


def test_the_fingerprint_is_stable_and_knows_what_matters() -> None:
    fingerprint = ServedModels(INFO).system_fingerprint
    assert fingerprint == ServedModels(INFO, ("alias",)).system_fingerprint
    assert fingerprint == ServedModels(replace(INFO, num_blocks=7, max_num_requests=2)).system_fingerprint
    assert fingerprint != ServedModels(replace(INFO, dtype="bfloat16")).system_fingerprint
    assert fingerprint != ServedModels(replace(INFO, model="other")).system_fingerprint
    cooler = replace(INFO, default_sampling_params=SamplingParams(temperature=0.3))
    assert fingerprint != ServedModels(cooler).system_fingerprint
