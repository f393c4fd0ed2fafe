"""llama.cpp by its C interface, as its own programs use it: plain, with a draft model, or by prompt lookup.

Speculation is that of its `speculative-simple`: the draft model guesses up to 16 tokens and stops where it gives its
best one less than three quarters.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llama_cpp as ll  # type: ignore[import-not-found]
import numpy as np
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding  # type: ignore[import-not-found]

from benchmarks.peer_runners.gguf_file import write_gguf
from benchmarks.peer_runners.protocol import DRAFT, LOOKUP, PLAIN, Answer, Model, Stopwatch, serve

_FILE_TYPES = {"Q8_0": 7, "Q4_0": 2, "Q4_K_M": 15}
"""llama_ftype of what is made from the BF16 file."""
_MAX_DRAFT, _MIN_PROBABILITY = 16, 0.75
_SHORT_LOOKUP = "lookup 2"
"""With the depth that llama-cpp-python recommends on a CPU; `lookup` has its default, 10."""
_MAX_ROWS = 512

Propose = Callable[[list[int]], list[int]]


class LlamaCppBackend:
    """A context for one sequence, one for several, and one for the draft model; weights is a type of llama.cpp."""

    def __init__(self, model: Model) -> None:
        ll.llama_backend_init()
        self._weights = _load(model.converted(".gguf"))
        threads = model.num_threads
        self._alone = Context(self._weights, 1, model.max_len, threads)
        self._together = Context(self._weights, model.max_batch, model.max_batch_len, threads)
        self._draft: Context | None = None
        if model.draft_folder is not None:
            self._draft_weights = _load(model.converted(".gguf", is_draft=True))
            self._draft = Context(self._draft_weights, 1, model.max_len, threads)
        drafting = [] if self._draft is None else [DRAFT]
        self.modes = [PLAIN, *drafting, LOOKUP, _SHORT_LOOKUP]
        self.batch_modes = [PLAIN]

    @staticmethod
    def convert(model: Model) -> None:
        """Write GGUF files; those of 8 and 4 bits by llama.cpp's own quantisation of the BF16 ones."""
        parts = [(model.folder, False)] + ([(model.draft_folder, True)] if model.draft_folder is not None else [])
        for folder, is_draft in parts:
            target = model.converted(".gguf", is_draft=is_draft)
            if target.exists():
                continue
            if model.weights not in _FILE_TYPES:
                write_gguf(Path(folder), target, model.weights)
                continue
            source = target.with_name("BF16.gguf")
            if not source.exists():
                write_gguf(Path(folder), source, "BF16")
            _quantize(source, target, _FILE_TYPES[model.weights])

    @property
    def version(self) -> str:
        """Version of llama-cpp-python and what the processor offers llama.cpp."""
        return f"{ll.__version__}, {ll.llama_print_system_info().decode().strip()}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together."""
        if mode == PLAIN:
            return self._plain(prompts, max_tokens)
        (prompt,) = prompts
        if mode == DRAFT:
            assert self._draft is not None, "the mode is offered with a draft model alone"
            return self._speculate(prompt, max_tokens, Drafter(self._draft))
        lookup = LlamaPromptLookupDecoding(num_pred_tokens=2) if mode == _SHORT_LOOKUP else LlamaPromptLookupDecoding()
        return self._speculate(prompt, max_tokens, lambda ids: lookup(np.array(ids, dtype=np.intc)).tolist())

    def _plain(self, prompts: list[list[int]], max_tokens: int) -> Answer:
        context = self._alone if len(prompts) == 1 else self._together
        clock = Stopwatch(len(prompts))
        context.clear()
        rows = [
            (token_id, position, number, position == len(prompt) - 1)
            for number, prompt in enumerate(prompts)
            for position, token_id in enumerate(prompt)
        ]
        choices = context.decode(rows)
        clock.note([[choice] for choice in choices])
        for step in range(max_tokens - 1):
            rows = [
                (choice, len(prompt) + step, number, True)
                for number, (choice, prompt) in enumerate(zip(choices, prompts, strict=True))
            ]
            choices = context.decode(rows)
            clock.note([[choice] for choice in choices])
        return clock.answer(max_tokens)

    def _speculate(self, prompt: list[int], max_tokens: int, propose: Propose) -> Answer:
        clock = Stopwatch(1)
        context = self._alone
        context.clear()
        token_ids = list(prompt)
        new = context.decode([(token_id, i, 0, i == len(prompt) - 1) for i, token_id in enumerate(prompt)])
        clock.note([new])
        token_ids += new
        while len(token_ids) < len(prompt) + max_tokens:
            room = len(prompt) + max_tokens - len(token_ids)
            drafts = propose(token_ids)[: room - 1]
            start = len(token_ids) - 1
            rows = [(token_id, start + i, 0, True) for i, token_id in enumerate([token_ids[-1], *drafts])]
            choices = context.decode(rows)
            num_accepted = 0
            while num_accepted < len(drafts) and drafts[num_accepted] == choices[num_accepted]:
                num_accepted += 1
            new = choices[: num_accepted + 1]
            clock.note([new])
            token_ids += new
            context.forget(len(token_ids) - 1)
        return clock.answer(max_tokens)


class Drafter:
    """Guesses by a smaller model, whose cache keeps what still holds."""

    def __init__(self, context: Context) -> None:
        context.clear()
        self._context = context
        self._cached: list[int] = []

    def __call__(self, token_ids: list[int]) -> list[int]:
        """Return the next tokens as far as it is sure of them."""
        num_kept = 0
        for one, other in zip(self._cached, token_ids[:-1], strict=False):
            if one != other:
                break
            num_kept += 1
        self._context.forget(num_kept)
        del self._cached[num_kept:]
        pending = token_ids[num_kept:]
        drafts: list[int] = []
        while len(drafts) < _MAX_DRAFT:
            start, last = len(self._cached), len(pending) - 1
            (choice,) = self._context.decode([(t, start + i, 0, i == last) for i, t in enumerate(pending)])
            self._cached += pending
            if self._context.last_probability() < _MIN_PROBABILITY:
                break
            drafts.append(choice)
            pending = [choice]
        return drafts


class Context:
    """A cache for sequences and the passes over them."""

    def __init__(self, weights: Any, num_sequences: int, max_len: int, num_threads: int) -> None:
        params = ll.llama_context_default_params()
        params.n_ctx = num_sequences * (-(-max_len // 256) * 256)
        params.n_batch = params.n_ubatch = _MAX_ROWS
        params.n_seq_max = num_sequences
        params.n_threads = params.n_threads_batch = num_threads
        self._context = ll.llama_init_from_model(weights, params)
        if not self._context:
            raise RuntimeError("llama.cpp made no context")
        self._memory = ll.llama_get_memory(self._context)
        self._batch = ll.llama_batch_init(_MAX_ROWS, 0, 1)
        self._vocab_size = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(weights))
        self._last: Any = None

    def clear(self) -> None:
        """Forget every sequence."""
        ll.llama_memory_clear(self._memory, False)

    def forget(self, num_kept: int) -> None:
        """Forget what lies behind the first tokens of the only sequence."""
        ll.llama_memory_seq_rm(self._memory, 0, num_kept, -1)

    def decode(self, rows: Sequence[tuple[int, int, int, bool]]) -> list[int]:
        """Compute rows of token, position, sequence, and whether its most likely next token is wanted."""
        choices = []
        for start in range(0, len(rows), _MAX_ROWS):
            part, batch = rows[start : start + _MAX_ROWS], self._batch
            batch.n_tokens = len(part)
            for i, (token_id, position, sequence, is_wanted) in enumerate(part):
                batch.token[i], batch.pos[i] = token_id, position
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
                batch.logits[i] = is_wanted
            if ll.llama_decode(self._context, batch):
                raise RuntimeError("llama_decode failed")
            for i, row in enumerate(part):
                if row[3]:
                    pointer = ll.llama_get_logits_ith(self._context, i)
                    self._last = np.ctypeslib.as_array(pointer, shape=(self._vocab_size,))
                    choices.append(int(self._last.argmax()))
        return choices

    def last_probability(self) -> float:
        """Return the probability of the last row's most likely token."""
        return float(1 / np.exp(self._last - self._last.max()).sum())


def _load(path: Path) -> Any:
    weights = ll.llama_model_load_from_file(str(path).encode(), ll.llama_model_default_params())
    if not weights:
        raise RuntimeError(f"llama.cpp cannot load {path.name}")
    return weights


def _quantize(source: Path, target: Path, file_type: int) -> None:
    params = ll.llama_model_quantize_default_params()
    params.ftype = file_type
    params.nthread = 1
    partial = target.with_name(target.name + ".partial")
    if ll.llama_model_quantize(str(source).encode(), str(partial).encode(), ctypes.byref(params)):
        raise RuntimeError(f"llama.cpp cannot quantise to {target.name}")
    partial.rename(target)


if __name__ == "__main__":
    serve(LlamaCppBackend)
