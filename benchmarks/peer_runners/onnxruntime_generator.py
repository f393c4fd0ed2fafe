"""ONNX Runtime GenAI's generator, without speculation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime_genai as og  # type: ignore[import-not-found]

from benchmarks.peer_runners.protocol import PLAIN, Answer, Model, Stopwatch, serve

_QUANTIZED = ["accuracy_level=4", "block_size=32"]
"""Activations in 8 bits, a scale for each 32 weights."""


class ONNXRuntimeBackend:
    """A model that its builder has made; weights is a precision of the builder."""

    def __init__(self, model: Model) -> None:
        folder = model.converted()
        config = og.Config(str(folder))
        options = {"intra_op_num_threads": model.num_threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self.model = og.Model(config)
        details = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
        self._pad: int = details["model"]["pad_token_id"]
        self.modes = [PLAIN]
        self.batch_modes = [PLAIN]

    @staticmethod
    def convert(model: Model) -> None:
        """Use the library's own builder."""
        target = model.converted()
        if (target / "genai_config.json").exists():
            return
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", model.folder, "-o", str(partial)]
        command += ["-p", model.weights, "-e", "cpu", "-c", str(partial.with_name("cache"))]
        if model.weights.startswith("int"):
            command += ["--extra_options", *_QUANTIZED]
        subprocess.run(command, check=True, stdout=sys.stderr)
        partial.rename(target)

    @property
    def version(self) -> str:
        """Version of the library."""
        return str(og.__version__)

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together, padded on the left."""
        assert mode == PLAIN, mode
        longest = max(map(len, prompts))
        padded = np.array([[self._pad] * (longest - len(prompt)) + prompt for prompt in prompts], dtype=np.int32)
        num_tokens = longest + max_tokens
        params = og.GeneratorParams(self.model)
        params.set_search_options(
            batch_size=len(prompts), do_sample=False, max_length=num_tokens, min_length=num_tokens
        )
        clock = Stopwatch(len(prompts))
        generator = og.Generator(self.model, params)
        generator.append_tokens(padded)
        for _ in range(max_tokens):
            generator.generate_next_token()
            clock.note([[int(token_id)] for token_id in generator.get_next_tokens()])
        return clock.answer(max_tokens)


if __name__ == "__main__":
    serve(ONNXRuntimeBackend)
