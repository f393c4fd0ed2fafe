"""Helix itself, as its server runs a model."""

from __future__ import annotations

import secrets
from typing import get_args

import torch

from benchmarks.peer_runners.protocol import AUTO, DRAFT, LOOKUP, PLAIN, Answer, Model, Stopwatch, serve
from helix import (
    EngineConfig,
    LLMEngine,
    ModelConfig,
    SamplingParams,
    SchedulerConfig,
    SpeculativeConfig,
)
from helix.config import Quantization, SpeculationMethod

_METHODS: dict[str, SpeculationMethod] = {PLAIN: "none", DRAFT: "draft", LOOKUP: "suffix", AUTO: "auto"}


class HelixBackend:
    """An engine; weights is a number format of the checkpoint, alone or of inputs too, or a quantization of Helix."""

    def __init__(self, model: Model) -> None:
        quantization: Quantization = "none"
        for name in get_args(Quantization):
            if name == model.weights:
                quantization = name
        self.engine = LLMEngine(
            EngineConfig(
                model=ModelConfig(
                    model=model.folder,
                    dtype="float32" if model.weights == "float32" else "auto",
                    quantization=quantization,
                    matmul_precision="bfloat16" if model.weights == "bfloat16 inputs" else "float32",
                    num_threads=model.num_threads,
                ),
                scheduler=SchedulerConfig(max_num_seqs=max(16, model.max_batch)),
                speculative=SpeculativeConfig(
                    draft_model=model.draft_folder,
                    draft_quantization="none" if model.draft_folder is None else quantization,
                    suffix_pool_tokens=0,  # no request may copy what another one answered
                ),
            )
        )
        self.modes = [PLAIN, LOOKUP, AUTO] if model.draft_folder is None else [PLAIN, DRAFT, LOOKUP, AUTO]
        self.batch_modes = [PLAIN, AUTO]

    @staticmethod
    def convert(model: Model) -> None:
        """Nothing is to be done."""

    @property
    def version(self) -> str:
        """Commit, torch and how linear layers are computed."""
        from benchmarks.report import commit

        return f"{commit()}, torch {torch.__version__}, {self.engine.info.linear_route}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together, none of them from the prefix cache."""
        params = SamplingParams(
            temperature=0, max_tokens=max_tokens, ignore_eos=True, speculation_method=_METHODS[mode]
        )
        clock = Stopwatch(len(prompts))
        requests = [self.engine.make_request(prompt, params, cache_salt=secrets.token_hex(8)) for prompt in prompts]
        places = {request.request_id: place for place, request in enumerate(requests)}
        for request in requests:
            self.engine.add_request(request)
        while self.engine.has_requests:
            new: list[list[int]] = [[] for _ in prompts]
            for output in self.engine.step():
                new[places[output.request_id]] += output.token_ids
            clock.note(new)
        return clock.answer(max_tokens)


if __name__ == "__main__":
    serve(HelixBackend)
