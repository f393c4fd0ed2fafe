"""transformers' own `generate`: plain, assisted by a draft model, or by prompt lookup."""

from __future__ import annotations

import copy
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.generation.streamers import BaseStreamer

from benchmarks.peer_runners.protocol import DRAFT, LOOKUP, PLAIN, Answer, Model, Stopwatch, by_difference, serve

_NUM_LOOKUP_TOKENS = 10
"""The library has no default; this is that of the method's author (Saxena, 2023)."""


class TransformersBackend:
    """Two models as transformers loads them; weights is a torch dtype."""

    def __init__(self, model: Model) -> None:
        torch.set_num_threads(model.num_threads)
        self.model = load(model.folder, model.weights)
        self.draft = None if model.draft_folder is None else load(model.draft_folder, model.weights)
        self.modes = [PLAIN, LOOKUP] if self.draft is None else [PLAIN, DRAFT, LOOKUP]
        self.batch_modes = [PLAIN]
        self._config = endless(self.model)

    @staticmethod
    def convert(model: Model) -> None:
        """Nothing is to be done."""

    @property
    def version(self) -> str:
        """Versions, attention and number format."""
        return f"{transformers.__version__}, torch {torch.__version__}, sdpa, {self.model.dtype}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together, padded on the left."""
        longest = max(map(len, prompts))
        input_ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        options: dict[str, Any] = {}
        if mode == DRAFT:
            options["assistant_model"] = self.draft
        elif mode == LOOKUP:
            options["prompt_lookup_num_tokens"] = _NUM_LOOKUP_TOKENS

        def call(num_tokens: int, streamer: BaseStreamer | None = None) -> list[list[int]]:
            config = copy.deepcopy(self._config)
            config.max_new_tokens = num_tokens
            with torch.inference_mode():
                ids = self.model.generate(
                    input_ids, attention_mask=mask, generation_config=config, streamer=streamer, **options
                )
            answers: list[list[int]] = ids[:, longest:].tolist()
            return answers

        if len(prompts) > 1:
            return by_difference(call, max_tokens)
        clock = Stopwatch(1)
        call(max_tokens, _Streamer(clock))
        return clock.answer(max_tokens)


class _Streamer(BaseStreamer):  # type: ignore[misc]
    """Notes tokens of one answer; the prompt, which comes first, is passed over."""

    def __init__(self, clock: Stopwatch) -> None:
        self._clock = clock
        self._has_seen_prompt = False

    def put(self, value: Tensor) -> None:
        """Take the prompt, then one token or a run of accepted ones."""
        if self._has_seen_prompt:
            self._clock.note([value.flatten().tolist()])
        self._has_seen_prompt = True

    def end(self) -> None:
        """Nothing is left to do."""


def load(folder: str, weights: str, attention: str = "sdpa") -> Any:
    """Load a model for the CPU."""
    dtype = getattr(torch, weights)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention).eval()


def endless(model: Any) -> Any:
    """Return a greedy generation config that no token ends."""
    config = copy.deepcopy(model.generation_config)
    config.update(do_sample=False, eos_token_id=None, pad_token_id=0, temperature=None, top_p=None, top_k=None)
    model.generation_config = copy.deepcopy(config)
    return config


if __name__ == "__main__":
    serve(TransformersBackend)
