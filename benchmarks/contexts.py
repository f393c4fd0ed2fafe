"""What does a step cost by its context? Passes of the whole model over 1 row and over some, behind longer contexts.

    python -m benchmarks.upscale --out DIR --max-len 8448
    python -m benchmarks.contexts --model DIR/target [--contexts 128,512,2048,8192] [--rows 1,5] [--samples 7]

The cache holds noise instead of a prompt that would take minutes to compute: arithmetic takes as long. All cases take
turns; `x` is the median over turns of the ratio to the first case, a plain step behind the shortest context. Drafting,
scheduling and sampling are left out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.command_line import model_parser
from benchmarks.linear import measure
from benchmarks.report import commit, hardware, print_json, table
from helix import ModelConfig
from helix.kv_cache.pool import KVCachePool
from helix.model.batch import Span
from helix.model.loader import NUM_LOADING_STAGES, load_model
from helix.model.loading_bar import LoadingBar
from helix.model.runner import ModelRunner

BLOCK_SIZE = 16


def noisy_runner(config: ModelConfig, max_context: int) -> ModelRunner:
    """Return a model over a cache of noise, with room for one sequence."""
    with LoadingBar(NUM_LOADING_STAGES) as bar:
        loaded = load_model(config, bar)
    num_blocks = -(-max_context // BLOCK_SIZE)
    kv = [layer.kv for layer in loaded.layers]
    pool = KVCachePool(kv, num_blocks=num_blocks, block_size=BLOCK_SIZE, dtype=loaded.dtype, device=loaded.device)
    for tensor in (*pool.keys, *pool.values):
        tensor.normal_()
    return ModelRunner(loaded, pool)


def cases(runner: ModelRunner, contexts: list[int], rows: list[int]) -> dict[str, Callable[[], Tensor]]:
    """Return a pass over the last rows of a sequence with scattered blocks, for each context and number of rows."""
    block_table = torch.randperm(runner.pool.num_blocks).tolist()
    return {
        f"{context} {num_rows}": partial(
            runner.forward, [Span(block_table, context - num_rows, list(range(1, 1 + num_rows)), num_rows)]
        )
        for context, num_rows in itertools.product(contexts, rows)
    }


def main() -> None:
    """Print the table and the JSON document."""
    parser = model_parser("benchmarks.contexts", __doc__)
    parser.add_argument("--contexts", default="128,512,2048,8192", help="rows included")
    parser.add_argument("--rows", default="1,5")
    parser.add_argument("--samples", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    contexts, rows = ([int(number) for number in text.split(",")] for text in (arguments.contexts, arguments.rows))
    runner = noisy_runner(ModelConfig(model=arguments.model, dtype=arguments.dtype), max(contexts))
    functions = cases(runner, contexts, rows)
    print(f"{hardware()}; {torch.get_num_threads()} threads; commit {commit()}")
    figures = measure(functions, 2 if arguments.quick else arguments.samples, time.perf_counter)
    lines = []
    for name, figure in figures.items():
        context, num_rows = name.split()
        lines.append([context, num_rows, f"{figure['ms']:.1f}", f"{figure['ratio']:.2f}", f"{1e3 / figure['ms']:.1f}"])
    print(table(["context", "rows", "ms", "x", "passes/s"], lines))
    print_json({"benchmark": "contexts", "model": arguments.model, "cases": figures})


if __name__ == "__main__":
    main()
