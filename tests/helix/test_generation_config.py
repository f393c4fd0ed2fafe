"""A model's generation_config.json is read as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helix.errors import ModelLoadError
from helix.generation_config import GenerationConfig


def read(folder: Path, **values: Any) -> GenerationConfig:
    (folder / "generation_config.json").write_text(json.dumps(values), encoding="utf-8")
    return GenerationConfig.read(str(folder))


def test_a_folder_without_the_file_says_nothing(tmp_path: Path) -> None:
    assert GenerationConfig.read(str(tmp_path)).eos_token_ids == []


@pytest.mark.parametrize("contents", ["{", "[]", "3", "\xff"])
def test_a_broken_file_is_a_load_error(tmp_path: Path, contents: str) -> None:
    (tmp_path / "generation_config.json").write_bytes(contents.encode("latin-1"))
    with pytest.raises(ModelLoadError, match=r"generation_config\.json"):
        GenerationConfig.read(str(tmp_path))


@pytest.mark.parametrize(("eos", "ids"), [(None, []), (5, [5]), ([3, 4], [3, 4])])
def test_ends_of_sequence_are_one_many_or_none(tmp_path: Path, eos: Any, ids: list[int]) -> None:
    assert read(tmp_path, eos_token_id=eos).eos_token_ids == ids
