"""The outside baseline: transformers' own `generate` on the same weights and prompts, one request at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from benchmarks.workloads import Prompt


@dataclass(frozen=True, slots=True)
class Generation:
    """What generate did with all prompts."""

    name: str
    """Attention, number format, and the kind of assistance."""
    ttft_ms: float
    """Median."""
    stream_tokens_per_s: float
    """Between the first and the last token of an answer."""
    tokens_per_s: float
    """Prompts included."""
    outputs: list[tuple[int, ...]] = field(repr=False)


class TransformersBaseline:
    """A model and, maybe, its draft as transformers runs them without Helix.

    Args:
        folder: Where the model lies.
        draft_folder: Where its draft lies; None: no assisted generation with a draft.
        dtype: Number format; on a CPU without bfloat16 units float32 is the fast one.
        attention: transformers' attention implementation.
    """

    def __init__(self, folder: str, draft_folder: str | None, *, dtype: torch.dtype, attention: str) -> None:
        self.name = f"transformers {attention} {str(dtype).removeprefix('torch.')}"
        self.model = _load(folder, dtype, attention)
        self.draft = None if draft_folder is None else _load(draft_folder, dtype, attention)
        self.vocab_size = len(AutoTokenizer.from_pretrained(folder))

    def generate(
        self, prompts: Sequence[Prompt], *, max_tokens: int, assistance: str = "none", depth: int = 4
    ) -> Generation:
        """Answer prompts greedily; assistance is none, draft or prompt_lookup."""
        options: dict[str, Any] = {}
        if assistance == "draft":
            assert self.draft is not None, "assistance by a draft needs one"
            config = self.draft.generation_config
            config.num_assistant_tokens, config.num_assistant_tokens_schedule = depth, "constant"
            config.assistant_confidence_threshold = 0.0
            options["assistant_model"] = self.draft
        elif assistance == "prompt_lookup":
            options["prompt_lookup_num_tokens"] = depth
        self._answer(prompts[0], 4, options)
        outputs, ttfts_s = [], []
        num_later, later_s, total_s = 0, 0.0, 0.0
        label = self.name if assistance == "none" else f"{self.name}, {assistance} {depth}"
        for prompt in tqdm(prompts, desc=label, leave=False, disable=None):
            output, clock, elapsed_s = self._answer(prompt, max_tokens, options)
            outputs.append(output)
            ttfts_s.append(clock.times_s[0])
            num_later += len(output) - clock.num_tokens[0]
            later_s += clock.times_s[-1] - clock.times_s[0]
            total_s += elapsed_s
        return Generation(
            name=label,
            ttft_ms=1e3 * median(ttfts_s),
            stream_tokens_per_s=num_later / later_s,
            tokens_per_s=sum(map(len, outputs)) / total_s,
            outputs=outputs,
        )

    def _answer(
        self, prompt: Prompt, max_tokens: int, options: dict[str, Any]
    ) -> tuple[tuple[int, ...], _Clock, float]:
        input_ids = torch.tensor([prompt.token_ids])
        began_s = time.perf_counter()
        clock = _Clock(began_s)
        with torch.inference_mode():
            ids = self.model.generate(
                input_ids,
                attention_mask=torch.ones_like(input_ids),
                max_new_tokens=max_tokens,
                do_sample=False,
                streamer=clock,
                **options,
            )
        return tuple(ids[0, input_ids.shape[1] :].tolist()), clock, time.perf_counter() - began_s


class _Clock(BaseStreamer):  # type: ignore[misc]
    """Notes when tokens come; the prompt, which comes first, is passed over."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.times_s: list[float] = []
        """Since generate was called."""
        self.num_tokens: list[int] = []
        self._has_seen_prompt = False

    def put(self, value: Tensor) -> None:
        """Take the prompt, then one token or a run of accepted ones."""
        if self._has_seen_prompt:
            self.times_s.append(time.perf_counter() - self.began_s)
            self.num_tokens.append(value.numel())
        self._has_seen_prompt = True

    def end(self) -> None:
        """Nothing is left to do."""


def _load(folder: str, dtype: torch.dtype, attention: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention).eval()
