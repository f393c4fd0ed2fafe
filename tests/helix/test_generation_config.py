"""A model's own sampling is taken as its file says it, and nothing is made up."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from helix.errors import ModelLoadError
from helix.generation_config import GenerationConfig
from helix.sampling_params import SamplingParams


def read(folder: Path, **values: Any) -> GenerationConfig:
    (folder / "generation_config.json").write_text(json.dumps(values), encoding="utf-8")
    return GenerationConfig.read(str(folder))


def test_a_folder_without_the_file_says_nothing(tmp_path: Path) -> None:
    config = GenerationConfig.read(str(tmp_path))
    assert (config.eos_token_ids, config.sampling_params()) == ([], SamplingParams())


@pytest.mark.parametrize("contents", ["{", "[]", "3", "\xff"])
def test_a_broken_file_is_a_load_error(tmp_path: Path, contents: str) -> None:
    (tmp_path / "generation_config.json").write_bytes(contents.encode("latin-1"))
    with pytest.raises(ModelLoadError, match=r"generation_config\.json"):
        GenerationConfig.read(str(tmp_path))


@pytest.mark.parametrize(("eos", "ids"), [(None, []), (5, [5]), ([3, 4], [3, 4])])
def test_ends_of_sequence_are_one_many_or_none(tmp_path: Path, eos: Any, ids: list[int]) -> None:
    assert read(tmp_path, eos_token_id=eos).eos_token_ids == ids


@pytest.mark.parametrize("do_sample", [{}, {"do_sample": True}, {"do_sample": None}])
def test_what_the_file_has_is_taken(tmp_path: Path, do_sample: dict[str, Any]) -> None:
    values: dict[str, Any] = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.1, "repetition_penalty": 1.05}
    assert read(tmp_path, **values, **do_sample).sampling_params() == SamplingParams(**values)


def test_what_the_file_has_not_is_not_made_up(tmp_path: Path) -> None:
    """transformers' own class would answer 50 for top_k."""
    values = {"do_sample": True, "temperature": 0.6, "top_p": None, "pad_token_id": 0, "transformers_version": "5.0"}
    assert read(tmp_path, **values).sampling_params() == SamplingParams(temperature=0.6)


def test_a_model_that_does_not_sample_has_no_way_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = {"do_sample": False, "temperature": 0.6, "top_k": -7, "num_beams": 4}
    assert read(tmp_path, **values).sampling_params() == SamplingParams()
    assert not caplog.records


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0},
        {"temperature": 1},
        {"top_k": 0},
        {"top_k": -1},
        {"typical_p": 1.0, "num_beams": 1, "no_repeat_ngram_size": 0, "penalty_alpha": None},
    ],
)
def test_the_ends_of_a_range_are_taken_without_a_word(
    tmp_path: Path, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    params = read(tmp_path, **values).sampling_params()
    assert params == SamplingParams(temperature=values.get("temperature", 1.0))
    assert isinstance(params.temperature, float), "1 and 1.0 are one fingerprint"
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -1),
        ("temperature", "0.3"),
        ("temperature", True),
        ("temperature", float("nan")),
        ("temperature", 10**400),
        ("top_p", 1.5),
        ("top_p", [0.9]),
        ("top_k", 2.5),
        ("top_k", -2),
        ("top_k", 2**31),
        ("min_p", {}),
        ("repetition_penalty", 0),
        ("num_beams", 4),
        ("typical_p", 0.9),
        ("no_repeat_ngram_size", [3]),
    ],
)
def test_what_makes_no_sense_or_is_unknown_is_ignored_with_one_warning(
    tmp_path: Path, name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    values = {"eta_cutoff": 0.5, "temperature": 0.6, "top_p": 0.9} | {name: value}
    taken = {other: values[other] for other in ("temperature", "top_p") if other != name}
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, **values).sampling_params() == SamplingParams(**taken)
    (record,) = caplog.records
    assert name in record.getMessage() and "eta_cutoff 0.5" in record.getMessage()
    assert all(other not in record.getMessage() for other in taken)
