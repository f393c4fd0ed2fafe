"""The request's wishes about speculation become arguments for the engine."""

from __future__ import annotations

from typing import NamedTuple

from helix import EngineInfo, SamplingParams
from openai_compat.errors import InvalidParameter
from openai_compat.schemas.extension import Method, SpeculationOptions
from openai_compat.schemas.sampling import SamplingFields


class Speculation(NamedTuple):
    """Depth and method for SamplingParams; None is the engine's own setting."""

    depth: int | None
    method: Method | None


OFF = Speculation(0, "none")


def speculation_of(request: SamplingFields, info: EngineInfo) -> Speculation:
    """Return what a request asks for.

    `speculation.depth`, the flat `speculation_depth` and the names of other servers mean the same; sent together they
    must agree. Method none, enabled false and draft_model null switch speculation off whatever depth stands beside
    them in `speculation`, as a switch in a form would.

    Raises:
        InvalidParameter: A depth out of range, a method the engine cannot offer, or wishes that contradict each other;
            param is the field as the client wrote it.
    """
    options = request.speculation or SpeculationOptions()
    flat = {
        "speculation_depth": request.speculation_depth,
        "speculative.n_max": request.speculative_n_max,
        "num_draft_tokens": request.num_draft_tokens,
    }
    for name, depth in {"speculation.depth": options.depth, **flat}.items():
        if depth is not None and not 0 <= depth <= info.max_speculation_depth:
            raise InvalidParameter(name, f"{name} must be between 0 and {info.max_speculation_depth}, got {depth}.")
    if isinstance(request.draft_model, str) and request.draft_model != info.draft_model:
        raise InvalidParameter("draft_model", f"draft_model '{request.draft_model}' is not loaded.")
    if options.method == "draft" and info.draft_model is None:
        raise InvalidParameter("speculation.method", "speculation.method 'draft' needs a draft model; none is loaded.")
    if options.method == "mtp" and not info.has_mtp:
        raise InvalidParameter("speculation.method", "speculation.method 'mtp' needs heads; none are loaded.")
    is_off = options.enabled is False or options.method == "none" or request.draft_model is None
    if options.enabled and (is_off or options.depth == 0):
        raise InvalidParameter("speculation.enabled", "speculation.enabled is true, but other fields switch it off.")
    wanted = 0 if is_off else options.depth
    for name, depth in flat.items():
        if depth is not None and wanted is not None and depth != wanted:
            raise InvalidParameter(name, f"{name} is {depth}, but other fields ask for depth {wanted}.")
        wanted = depth if wanted is None else wanted
    return OFF if is_off else Speculation(wanted, options.method)


def in_force(params: SamplingParams, info: EngineInfo) -> tuple[int, str]:
    """Return the largest depth and the method of a request, with the engine's own in place of None."""
    depth = info.speculation_depth if params.speculation_depth is None else params.speculation_depth
    method = params.speculation_method or info.speculation_method
    if depth == 0 or method == "none":
        return 0, "none"
    if params.prediction and params.speculation_depth is None:
        depth = max(depth, info.prediction_depth)
    return depth, method
