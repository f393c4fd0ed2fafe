"""transformers' own continuous batching over a paged cache."""

from __future__ import annotations

import torch
import transformers
from transformers import ContinuousBatchingConfig

from benchmarks.peer_runners.protocol import PLAIN, Answer, Model, Stopwatch, serve
from benchmarks.peer_runners.transformers_generate import endless, load

_PAGE_SIZE = 32
_TIMEOUT_S = 600


class BatchingBackend:
    """A manager whose thread waits for requests; weights is a torch dtype."""

    def __init__(self, model: Model) -> None:
        torch.set_num_threads(model.num_threads)
        self.model = load(model.folder, model.weights)
        self.modes = [PLAIN]
        self.batch_modes = [PLAIN]
        num_pages = model.max_batch * (1 + 2048 // _PAGE_SIZE) + model.max_len // _PAGE_SIZE
        self.manager = self.model.init_continuous_batching(
            generation_config=endless(self.model),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=_PAGE_SIZE, num_blocks=num_pages, max_batch_tokens=512, allow_block_sharing=False
            ),
        )
        self.manager.start()

    @staticmethod
    def convert(model: Model) -> None:
        """Nothing is to be done."""

    @property
    def version(self) -> str:
        """Versions, attention and number format."""
        attention = self.model.config._attn_implementation
        return f"{transformers.__version__}, torch {torch.__version__}, {attention}, {self.model.dtype}"

    def generate(self, prompts: list[list[int]], max_tokens: int, mode: str) -> Answer:
        """Answer prompts together."""
        assert mode == PLAIN, mode
        clock = Stopwatch(len(prompts))
        places = {}
        for place, prompt in enumerate(prompts):
            places[self.manager.add_request(prompt, max_new_tokens=max_tokens, streaming=True)] = place
        num_running = len(prompts)
        while num_running:
            output = self.manager.get_result(timeout=_TIMEOUT_S)
            if output is None or output.error:
                raise RuntimeError(f"no result: {output and output.error}")
            if output.request_id not in places:
                continue
            place = places[output.request_id]
            new: list[list[int]] = [[] for _ in prompts]
            new[place] = list(output.generated_tokens[len(clock.token_ids[place]) :])
            clock.note(new)
            num_running -= output.is_finished()
        return clock.answer(max_tokens)


if __name__ == "__main__":
    serve(BatchingBackend)
