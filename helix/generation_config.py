"""What a model's generation_config.json says: its ends of sequence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helix.errors import ModelLoadError

_FILE_NAME = "generation_config.json"


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """The file as it stands: transformers' class would fill in defaults that the model's authors never chose."""

    model: str
    """Folder or hub name, for messages."""
    values: Mapping[str, Any]
    """What the file holds; empty when there is no file."""

    @classmethod
    def read(cls, path: str, *, revision: str | None = None) -> GenerationConfig:
        """Read the file of a folder or of a model on the Hugging Face hub, where there is one.

        Raises:
            ModelLoadError: It is no JSON object.
        """
        from transformers.utils import cached_file

        try:
            file = cached_file(path, _FILE_NAME, revision=revision)
        except OSError:
            return cls(path, {})
        try:
            values = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelLoadError(f"{_FILE_NAME} of {path} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise ModelLoadError(f"{_FILE_NAME} of {path} cannot be read: it is no JSON object")
        return cls(path, values)

    @property
    def eos_token_ids(self) -> list[int]:
        """The ends of sequence, of which there may be none."""
        eos = self.values.get("eos_token_id")
        return eos if isinstance(eos, list) else [] if eos is None else [eos]
