"""What a model's generation_config.json says: its ends of sequence and how it wants to be sampled."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helix.errors import InvalidRequestError, ModelLoadError
from helix.sampling_params import SamplingParams

logger = logging.getLogger(__name__)

_FILE_NAME = "generation_config.json"
_TAKEN: Mapping[str, type[float]] = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "repetition_penalty": float,
}
# What else would change the sampling, and the value (besides null) that asks for nothing.
_NOT_TAKEN: Mapping[str, float] = {
    "typical_p": 1,
    "epsilon_cutoff": 0,
    "eta_cutoff": 0,
    "penalty_alpha": 0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
}


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

    def sampling_params(self) -> SamplingParams:
        """Return what a request gets that asks for nothing; a warning names what is not taken from the file.

        A file that does not sample (do_sample false) says nothing about how to.
        """
        if self.values.get("do_sample") is False:
            return SamplingParams()
        given = {name: value for name, value in self.values.items() if value is not None}
        numbers = {name: _number(name, given[name]) for name in _TAKEN if name in given}
        ignored = [name for name, number in numbers.items() if number is None]
        ignored += [name for name, neutral in _NOT_TAKEN.items() if given.get(name, neutral) != neutral]
        if ignored:
            shown = ", ".join(f"{name} {given[name]!r}" for name in ignored)
            logger.warning("%s of %s: ignored %s", _FILE_NAME, self.model, shown)
        taken: dict[str, Any] = {name: number for name, number in numbers.items() if number is not None}
        return SamplingParams(**taken)


def _number(name: str, value: Any) -> float | None:
    """Return a value of the file as the sampler takes it, or None when it makes no sense."""
    kind = _TAKEN[name]
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        return None
    if name == "top_k" and value == -1:
        return 0  # another spelling of all tokens
    try:
        SamplingParams(**dict[str, Any]({name: value}))
    except InvalidRequestError:
        return None
    return kind(value)
