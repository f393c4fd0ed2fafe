"""Where rows round differently when they are computed together, a text may differ, and only where two tokens are close.

Helix's own kernels compute a row bitwise alike whatever stands beside it; torch does not, and computes where they are
missing, on an accelerator first of all. In float64 that is too little to matter. In half precision every token is
audited: with the noise of its draw known, one plain pass over the text says by how much it won or lost.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from helix.config import SpeculationMethod
from helix.engine import LLMEngine
from helix.model import linear
from helix.model.batch import Span
from helix.model.linear import PackReport
from helix.sampling.noise import Stream, gumbel_noise
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, complete, make_engine, run
from tests.models import random_mtp, tiny_llama

SIZES = {"hidden_size": 128, "intermediate_size": 256, "head_dim": 32}
DEPTH = 5
METHODS: tuple[SpeculationMethod, ...] = ("draft", "mtp", "auto")
PROMPTS = [[random.Random(i).randrange(1, VOCAB_SIZE) for _ in range(3 + 2 * i)] for i in range(8)]
PARAMS = [SamplingParams(temperature=0.8 * (i % 2), seed=i, max_tokens=40, ignore_eos=True) for i in range(8)]


def _engine(dtype: torch.dtype, method: str) -> LLMEngine:
    """Return an engine with a draft model and heads; the models are new, because dtypes are changed in place."""
    target = tiny_llama(**SIZES).to(dtype)
    draft, heads = tiny_llama(**SIZES, scale=3.9).to(dtype), random_mtp(target)
    mtp = {name: weight.to(dtype) for name, weight in heads.items()}
    return make_engine(target, draft, mtp=mtp, speculation_method=method, speculation_depth=DEPTH)


def _leave_to_torch(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    """Keep linear layers as they are, as on an accelerator: packing widens bfloat16 and knows no float64."""
    report = PackReport("torch", 0, dtype, dtype, 0, 0.0, False, "left as it is")
    monkeypatch.setattr(linear, "pack", lambda module, **_: report)


def test_in_float64_no_rounding_is_large_enough_to_change_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight requests in a batch, by draft model, by heads and by whatever guesses; two of them alone too."""
    _leave_to_torch(monkeypatch, torch.float64)
    params = [replace(one, presence_penalty=0.3, logprobs=2) for one in PARAMS]
    mixed = [replace(one, speculation_method=METHODS[i % 3]) for i, one in enumerate(params)]
    plain = complete(_engine(torch.float64, "none"), PROMPTS, params)
    engine = _engine(torch.float64, "auto")
    assert engine.info.dtype == "float64"
    assert complete(engine, PROMPTS, mixed) == plain
    assert [complete(engine, [PROMPTS[i]], [mixed[i]])[0] for i in (0, 4)] == [plain[0], plain[4]]
    assert {"draft", "mtp"} <= set(engine.stats().spec.by_proposer)


def _rows(engine: LLMEngine, text: list[int], num_rows: int) -> Tensor:  # [len(text), VOCAB_SIZE] float32
    """Compute the logits of a text, num_rows tokens a pass."""
    table = range(-(-len(text) // engine.block_manager.block_size))
    passes = [
        engine.worker.target.forward([Span(table, at, part := text[at : at + num_rows], len(part))])
        for at in range(0, len(text), num_rows)
    ]
    return torch.cat(passes)[:, :VOCAB_SIZE].float()


def _losses(engine: LLMEngine, prompt: list[int], output: list[int], params: SamplingParams) -> Tensor:
    """Return for each place of the output by how much each token loses against the best one, as logits.

    [num_output_tokens, VOCAB_SIZE]; noise is counted as so much logit as it is worth at the temperature.
    """
    text = [*prompt, *output]
    logits = _rows(engine, text, len(text))[len(prompt) - 1 : -1]
    if params.temperature:
        assert params.seed is not None
        positions = torch.arange(len(output))
        seeds = torch.full_like(positions, params.seed)
        noise = gumbel_noise(seeds, positions, Stream.TOKEN, torch.arange(VOCAB_SIZE).unsqueeze(0))
        logits = logits + params.temperature * noise
    return logits.amax(-1, keepdim=True) - logits


def test_in_half_precision_no_token_lost_by_more_than_rows_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tolerance is four times what all but one in a thousand logits differ by, computed alone and together.

    Float16, because torch computes bfloat16 of this size alike in any number of rows.
    """
    _leave_to_torch(monkeypatch, torch.float16)
    plain, speculating = _engine(torch.float16, "none"), _engine(torch.float16, "auto")
    assert plain.info.dtype == "float16" and plain.worker.target.attention_kernel is None
    texts = {"none": run(plain, PROMPTS, PARAMS)}
    for method in METHODS:
        texts[method] = run(speculating, PROMPTS, [replace(one, speculation_method=method) for one in PARAMS])
    assert {"draft", "mtp"} <= set(speculating.stats().spec.by_proposer)
    some = [[*prompt, *output] for prompt, output in zip(PROMPTS[:3], texts["none"][:3], strict=True)]
    alone, verified, whole = (torch.cat([_rows(plain, text, n) for text in some]) for n in (1, DEPTH + 1, 99))
    tolerance = 4 * float(torch.cat([(rows - alone).abs().flatten() for rows in (verified, whole)]).quantile(0.999))
    num_caught = num_tokens = 0
    for by, outputs in texts.items():
        for prompt, output, params in zip(PROMPTS, outputs, PARAMS, strict=True):
            losses = _losses(plain, prompt, list(output), params)
            own = losses.gather(-1, torch.tensor(output).unsqueeze(-1))
            assert own.max() <= tolerance, f"{by}: token {int(own.argmax())} of {output}"
            num_caught += int((losses.sort(-1).values[:, 1] > tolerance).sum())
            num_tokens += len(output)
    assert num_caught > 0.95 * num_tokens, "the second best token would pass as well"
