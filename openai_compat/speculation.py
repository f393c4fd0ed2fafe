"""The request's wishes about speculation become a depth and a method for the engine."""

from __future__ import annotations

from typing import Literal, NamedTuple

from helix import EngineInfo, SamplingParams
from openai_compat.errors import InvalidParameter
from openai_compat.schemas.extension import SpeculationOptions
from openai_compat.schemas.sampling import SamplingFields

Method = Literal["auto", "draft", "ngram", "none"]


class Speculation(NamedTuple):
    """Arguments for SamplingParams; None is the engine's own setting."""

    depth: int | None
    method: Method | None


OFF = Speculation(0, "none")


def speculation_of(request: SamplingFields, info: EngineInfo) -> Speculation:
    """Return what a request asks for.

    `speculation.depth` and the flat `speculation_depth` mean the same; sent together they must agree. Method none and
    enabled false switch speculation off whatever depth stands beside them, as a switch in a form would.

    Raises:
        InvalidParameter: A depth out of range, a method the engine cannot offer, or wishes that contradict each other;
            param is the field as the client wrote it.
    """
    options = request.speculation or SpeculationOptions()
    flat = request.speculation_depth
    _check_depth("speculation.depth", options.depth, info)
    _check_depth("speculation_depth", flat, info)
    if options.method == "draft" and info.draft_model is None:
        raise InvalidParameter("speculation.method", "speculation.method 'draft' needs a draft model; none is loaded.")
    is_off = options.enabled is False or options.method == "none"
    if options.enabled and (options.method == "none" or options.depth == 0):
        raise InvalidParameter("speculation.enabled", "speculation.enabled is true, but other fields switch it off.")
    if flat is not None:
        nested = 0 if is_off else options.depth
        if nested is not None and nested != flat:
            raise InvalidParameter(
                "speculation_depth", f"speculation_depth is {flat}, but speculation asks for depth {nested}."
            )
    if is_off:
        return OFF
    return Speculation(options.depth if flat is None else flat, options.method)


def in_force(params: SamplingParams, info: EngineInfo) -> tuple[int, str]:
    """Return the depth and method of a request, with the engine's own in place of None."""
    depth = info.speculation_depth if params.speculation_depth is None else params.speculation_depth
    method = params.speculation_method or info.speculation_method
    return (0, "none") if depth == 0 or method == "none" else (depth, method)


def _check_depth(name: str, depth: int | None, info: EngineInfo) -> None:
    if depth is not None and not 0 <= depth <= info.max_speculation_depth:
        raise InvalidParameter(name, f"{name} must be between 0 and {info.max_speculation_depth}, got {depth}.")
