"""OpenVINO GenAI's continuous batching pipeline: plain, with a draft model, or by prompt lookup."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-not-found]
import openvino_genai as genai  # type: ignore[import-not-found]

from benchmarks.peer_runners.protocol import DRAFT, LOOKUP, PLAIN, Answer, Model, Stopwatch, serve

_NUM_DRAFT_TOKENS = 5
"""The library's default for a static depth."""
_NUM_LOOKUP_TOKENS = 5
_MAX_NGRAM = 3
_KV_GIB = 1


class OpenVINOBackend:
    """One pipeline a mode, made when it is first asked for; only the last one is kept."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.modes = [PLAIN, LOOKUP] if model.draft_folder is None else [PLAIN, DRAFT, LOOKUP]
        self.batch_modes = [PLAIN]
        self._mode = ""
        self._pipeline: Any = None
        self._make(PLAIN)

    @staticmethod
    def convert(model: Model) -> None:
        """Export by optimum-intel, in 8 or 4 bits by NNCF as its command line has it."""
        folders = [(model.folder, model.converted())]
        if model.draft_folder is not None:
            folders.append((model.draft_folder, model.converted(is_draft=True)))
        for source, target in folders:
            if (target / "openvino_model.bin").exists():
                continue
            options = ["--weight-format", model.weights]
            if model.weights == "int4":
                options += ["--sym", "--group-size", "32", "--ratio", "1.0"]
            partial = target.with_name(target.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            command = [str(Path(sys.executable).with_name("optimum-cli")), "export", "openvino", "--model", source]
            command += ["--task", "text-generation-with-past", *options, str(partial)]
            subprocess.run(command, check=True, stdout=sys.stderr)
            partial.rename(target)

    @property
    def version(self) -> str:
        """Version of both parts."""
        return f"{genai.__version__}, OpenVINO {ov.__version__}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together."""
        self._make(mode)
        config = genai.GenerationConfig()
        config.max_new_tokens = max_tokens
        config.ignore_eos = True
        config.do_sample = False
        if mode == DRAFT:
            config.num_assistant_tokens = _NUM_DRAFT_TOKENS
        elif mode == LOOKUP:
            config.num_assistant_tokens = _NUM_LOOKUP_TOKENS
            config.max_ngram_size = _MAX_NGRAM
        clock = Stopwatch(len(prompts))
        handles = [
            self._pipeline.add_request(number, ov.Tensor(np.array([prompt], dtype=np.int64)), config)
            for number, prompt in enumerate(prompts)
        ]
        while self._pipeline.has_non_finished_requests():
            self._pipeline.step()
            clock.note([_read(handle) for handle in handles])
        return clock.answer(max_tokens)

    def _make(self, mode: str) -> None:
        if mode == self._mode:
            return
        self._pipeline = None
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = _KV_GIB
        scheduler.enable_prefix_caching = False
        scheduler.max_num_batched_tokens = 512
        options: dict[str, Any] = {"INFERENCE_NUM_THREADS": self._model.num_threads}
        if mode == DRAFT:
            options["draft_model"] = genai.draft_model(str(self._model.converted(is_draft=True)), "CPU")
        elif mode == LOOKUP:
            options["prompt_lookup"] = True
        self._pipeline = genai.ContinuousBatchingPipeline(str(self._model.converted()), scheduler, "CPU", options)
        self._mode = mode


def _read(handle: Any) -> list[int]:
    """Return what came of one request since the last look."""
    if not handle.can_read():
        return []
    new: list[int] = []
    for output in handle.read().values():
        new += output.generated_ids
    return new


if __name__ == "__main__":
    serve(OpenVINOBackend)
