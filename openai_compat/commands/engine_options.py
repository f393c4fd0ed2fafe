"""Options that describe an engine and what is asked of it, shared by the commands that load a model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any, get_type_hints

from helix import DEMO_MODEL, EngineConfig, ModelConfig, SamplingParams
from openai_compat.options import add_options, field_docs, from_options, given_options

_ENGINE_PARTS: dict[str, type[Any]] = get_type_hints(EngineConfig)
"""The dataclasses an EngineConfig is made of, by field."""
_NO_FLAGS = frozenset(
    {
        "logit_bias",
        "logprobs",
        "prompt_logprobs",
        "pooling",
        "grammar",
        "prediction",
        "skip_special_tokens",
        "include_stop_str_in_output",
        # The engine has these, and one request at a time needs no others.
        "speculation_depth",
        "speculation_method",
        "speculation_adaptive",
        "acceptance_rule",
    }
)
"""Fields of SamplingParams that a person at a terminal does not type."""


def add_engine_options(parser: argparse.ArgumentParser, *, has_positional_model: bool = True) -> None:
    """Add the model, by its place or as --model, and a flag for every setting of an engine."""
    if has_positional_model:
        parser.add_argument(
            "model", nargs="?", metavar="MODEL", default=DEMO_MODEL, help=field_docs(ModelConfig)["model"]
        )
    for part in _ENGINE_PARTS.values():
        add_options(parser, part, skip={"model"} if has_positional_model else ())


def engine_config(options: argparse.Namespace) -> EngineConfig:
    """Return the engine's settings that options describe.

    Raises:
        ConfigError: A setting makes no sense.
    """
    return EngineConfig(**{name: from_options(part, options) for name, part in _ENGINE_PARTS.items()})


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every way to sample that fits a flag."""
    add_options(parser, SamplingParams, skip=_NO_FLAGS)


def sampling_params(options: argparse.Namespace, defaults: SamplingParams) -> SamplingParams:
    """Return the model's defaults with what options say.

    Raises:
        InvalidRequestError: A value is out of range.
    """
    return replace(defaults, **given_options(SamplingParams, options, skip=_NO_FLAGS))
