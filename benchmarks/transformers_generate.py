"""The outside baseline: transformers' own `generate` on the same weights and prompts, one request at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

from benchmarks.traces import Trace
from benchmarks.workloads import Prompt
from helix import Tokenizer

Dtype = torch.dtype | Literal["auto"]
DEFAULT_LOOKUP_DEPTH = 10
"""The library has no default of its own here; this is num_pred_tokens of the method's author (Saxena, 2023)."""


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
        dtype: Number format of weights and arithmetic; auto: the one that the weights are stored in.
        attention: transformers' attention implementation.
        device: Where both run.
    """

    def __init__(
        self, folder: str, draft_folder: str | None, *, dtype: Dtype, attention: str, device: str = "cpu"
    ) -> None:
        self.model = _load(folder, dtype, attention, device)
        self.name = f"transformers {attention} {str(self.model.dtype).removeprefix('torch.')}"
        self.draft = None if draft_folder is None else _load(draft_folder, dtype, attention, device)
        self._tokenizer = Tokenizer.from_pretrained(folder)

    def generate(
        self, prompts: Sequence[Prompt], *, max_tokens: int, assistance: str = "none", depth: int = 4
    ) -> Generation:
        """Answer prompts greedily; assistance is none, draft or prompt_lookup."""
        self.trace(prompts[0], max_tokens=4, assistance=assistance, depth=depth)
        outputs, ttfts_s = [], []
        num_later, later_s, total_s = 0, 0.0, 0.0
        label = self.name if assistance == "none" else f"{self.name}, {assistance} {depth}"
        for prompt in tqdm(prompts, desc=label, leave=False, disable=None):
            clock = _Clock()
            began_s = time.perf_counter()
            outputs.append(self._answer(prompt, clock, max_tokens, self._options(prompt, assistance, depth)))
            total_s += time.perf_counter() - began_s
            ttfts_s.append(clock.times_s[0] - began_s)
            num_later += clock.num_timed_tokens
            later_s += clock.elapsed_s
        return Generation(
            name=label,
            ttft_ms=1e3 * median(ttfts_s),
            stream_tokens_per_s=num_later / later_s,
            tokens_per_s=sum(map(len, outputs)) / total_s,
            outputs=[tuple(output) for output in outputs],
        )

    def trace(self, prompt: Prompt, *, max_tokens: int, assistance: str = "none", depth: int | None = None) -> Trace:
        """Answer one prompt; depth None leaves the number of draft tokens to the library where it has a default."""
        clock = _Clock()
        token_ids = self._answer(prompt, clock, max_tokens, self._options(prompt, assistance, depth))
        return Trace(token_ids, self._tokenizer.decode(token_ids), clock.elapsed_s, clock.num_timed_tokens)

    def _options(self, prompt: Prompt, assistance: str, depth: int | None) -> dict[str, Any]:
        """Return the keywords of generate for a kind of assistance and for how the prompt is sampled."""
        options: dict[str, Any] = {"do_sample": False}
        if assistance == "draft":
            assert self.draft is not None, "assistance by a draft needs one"
            config = self.draft.generation_config
            config.num_assistant_tokens = depth
            config.num_assistant_tokens_schedule = None if depth is None else "constant"
            config.assistant_confidence_threshold = None if depth is None else 0.0
            options["assistant_model"] = self.draft
        elif assistance == "prompt_lookup":
            options["prompt_lookup_num_tokens"] = DEFAULT_LOOKUP_DEPTH if depth is None else depth
        if prompt.sampling:
            law = LogitsProcessorList([_PromptLaw(prompt)])
            options |= {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "logits_processor": law}
            torch.manual_seed(prompt.sampling["seed"])
        return options

    def _answer(self, prompt: Prompt, clock: _Clock, max_tokens: int, options: dict[str, Any]) -> list[int]:
        input_ids = torch.tensor([prompt.token_ids], device=self.model.device)
        with torch.inference_mode():
            ids = self.model.generate(
                input_ids,
                attention_mask=torch.ones_like(input_ids),
                max_new_tokens=max_tokens,
                streamer=clock,
                **options,
            )
        token_ids: list[int] = ids[0, input_ids.shape[1] :].tolist()
        return token_ids


class _PromptLaw(LogitsProcessor):  # type: ignore[misc]
    """What a prompt's sampling parameters make of logits, as Helix does it: bias, frequency penalty, temperature."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt_len = len(prompt.token_ids)
        self.sampling = prompt.sampling

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return processed scores; both are of a batch of one."""
        scores = scores.clone()
        bias = self.sampling["logit_bias"]
        scores[:, list(bias)] += torch.tensor(list(bias.values())).to(scores)
        counts = input_ids[0, self.prompt_len :].bincount(minlength=scores.shape[-1])
        processed: Tensor = (scores - self.sampling["frequency_penalty"] * counts) / self.sampling["temperature"]
        return processed


class _Clock(BaseStreamer):  # type: ignore[misc]
    """Notes when tokens come; the prompt, which comes first, is passed over."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.num_tokens: list[int] = []
        self._has_seen_prompt = False

    @property
    def elapsed_s(self) -> float:
        """From the first token or run of them to the last."""
        return self.times_s[-1] - self.times_s[0]

    @property
    def num_timed_tokens(self) -> int:
        """Tokens that came in that time."""
        return sum(self.num_tokens[1:])

    def put(self, value: Tensor) -> None:
        """Take the prompt, then one token or a run of accepted ones."""
        if self._has_seen_prompt:
            self.times_s.append(time.perf_counter())
            self.num_tokens.append(value.numel())
        self._has_seen_prompt = True

    def end(self) -> None:
        """Nothing is left to do."""


def _load(folder: str, dtype: Dtype, attention: str, device: str) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)
    return model.to(device).eval()
