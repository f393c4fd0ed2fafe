"""CTranslate2's generator; it has no speculation."""

from __future__ import annotations

import json
import shutil
from typing import Any

import ctranslate2  # type: ignore[import-not-found]

from benchmarks.peer_runners.protocol import PLAIN, Answer, Model, Stopwatch, serve


class CTranslate2Backend:
    """A converted model; weights is a quantization of its converter."""

    def __init__(self, model: Model) -> None:
        folder = model.converted()
        self.generator = ctranslate2.Generator(
            str(folder), device="cpu", compute_type=model.weights, inter_threads=1, intra_threads=model.num_threads
        )
        self.modes = [PLAIN]
        self.batch_modes = [PLAIN]
        self._words: list[str] = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))

    @staticmethod
    def convert(model: Model) -> None:
        """Use CTranslate2's own converter of transformers models."""
        from ctranslate2.converters import TransformersConverter  # type: ignore[import-not-found]

        target = model.converted()
        if (target / "model.bin").exists():
            return
        shutil.rmtree(target, ignore_errors=True)
        TransformersConverter(model.folder, low_cpu_mem_usage=True).convert(str(target), quantization=model.weights)
        path = target / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        words = json.loads((target / "vocabulary.json").read_text(encoding="utf-8"))
        for name, token in config.items():
            if name.endswith("_token") and token is None:
                config[name] = words[0]  # the loader refuses a tokenizer without that token; nothing here uses it
        path.write_text(json.dumps(config), encoding="utf-8")

    @property
    def version(self) -> str:
        """Version and the type it computes in."""
        return f"{ctranslate2.__version__}, {self.generator.compute_type}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together, which it takes as strings of its vocabulary."""
        assert mode == PLAIN, mode
        clock = Stopwatch(len(prompts))

        def note(step: Any) -> bool:
            new: list[list[int]] = [[] for _ in prompts]
            new[step.batch_id] = [step.token_id]
            clock.note(new)
            return False

        results = self.generator.generate_batch(
            [[self._words[token_id] for token_id in prompt] for prompt in prompts],
            max_length=max_tokens,
            min_length=max_tokens,
            include_prompt_in_result=False,
            callback=note,
        )
        answer = clock.answer(max_tokens)
        if answer.token_ids != [result.sequences_ids[0] for result in results]:
            raise RuntimeError("its steps do not add up to its result")
        return answer


if __name__ == "__main__":
    serve(CTranslate2Backend)
