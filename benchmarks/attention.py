"""What does paging cost attention? Helix's kernel through shuffled block tables beside contiguous ones, and torch.

    python -m benchmarks.attention [--contexts 128,512,2048,8192] [--rows 1,5] [--heads 32x4x64] [--threads 2]

    paged        the kernel, blocks of the context in random order
    contiguous   the same kernel on the same pool, blocks in order: one contiguous buffer
    torch sdpa   scaled_dot_product_attention on contiguous keys and values, heads of one KV head in one product

Rows are the last ones of one sequence: 1 decodes, 5 verify four drafts. The arms take turns sample by sample and are
compared within each turn, because a shared machine changes from minute to minute; `x` is the median over turns of the
ratio to contiguous. Several layers' keys and values are used in turn, so that they come from memory as they do in a
model. Results of paged and contiguous are compared bit for bit. The table is for people; the last line is one JSON
document.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.linear import measure
from benchmarks.report import hardware, print_json, table
from helix.kernels.attention import AttentionKernel, load_attention_kernel

BLOCK_SIZE = 16
_COLD_BYTES = 96 * 2**20
"""Keys and values of one arm together: more than a cache holds."""


Layer = tuple[Tensor, Tensor]
"""Keys and values."""


class Case:
    """Random keys and values of some layers, and the last rows of one sequence."""

    def __init__(self, context: int, num_rows: int, num_heads: int, num_kv_heads: int, head_dim: int) -> None:
        num_layers = 2 + _COLD_BYTES // (8 * context * num_kv_heads * head_dim)
        self.num_rows, self.num_heads, self.num_kv_heads = num_rows, num_heads, num_kv_heads
        num_blocks = -(-context // BLOCK_SIZE)
        shape = (num_blocks * BLOCK_SIZE, num_kv_heads, head_dim)
        self.layers = [(torch.randn(shape), torch.randn(shape)) for _ in range(num_layers)]
        self.positions = torch.arange(context - num_rows, context)
        self.query = torch.randn(num_heads, num_rows, head_dim)
        self.new = torch.randn(2, num_kv_heads, num_rows, head_dim)
        self.in_order = torch.arange(num_blocks)
        self.shuffled = torch.randperm(num_blocks)
        self.scale = head_dim**-0.5

    def kernel_call(
        self, kernel: AttentionKernel, block_table: Tensor, layers: Sequence[Layer]
    ) -> Callable[[], Tensor]:
        """Return a call that attends to the next layer through a block table."""
        turns = itertools.cycle(layers)
        slots = block_table[self.positions // BLOCK_SIZE] * BLOCK_SIZE + self.positions % BLOCK_SIZE
        owners = torch.zeros_like(self.positions)

        def call() -> Tensor:
            keys, values = next(turns)
            return kernel(
                self.query, self.new[0], self.new[1], keys, values, slots, self.positions, owners, block_table[None],
                BLOCK_SIZE, window=None, chunk=None, scale=self.scale,
            )  # fmt: skip

        return call

    def torch_call(self) -> Callable[[], Tensor]:
        """Return a call of torch's attention on contiguous heads."""
        context = int(self.positions[-1]) + 1
        turns = itertools.cycle(
            [[pool[:context].transpose(0, 1)[None].contiguous() for pool in layer] for layer in self.layers]
        )
        share = self.num_heads // self.num_kv_heads
        query = self.query.view(1, self.num_kv_heads, share * self.num_rows, -1)
        mask = (torch.arange(context) <= self.positions[:, None]).repeat(share, 1)

        def call() -> Tensor:
            keys, values = next(turns)
            return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=self.scale)

        return call

    def is_bitwise_equal(self, kernel: AttentionKernel) -> bool:
        """Compare the two block tables on one sequence."""
        keys, values = self.layers[0]
        blocks = (self.shuffled[:, None] * BLOCK_SIZE + torch.arange(BLOCK_SIZE)).flatten()
        scattered = (
            torch.empty_like(keys).index_copy_(0, blocks, keys),
            torch.empty_like(values).index_copy_(0, blocks, values),
        )
        in_order = self.kernel_call(kernel, self.in_order, [(keys, values)])()
        return torch.equal(in_order, self.kernel_call(kernel, self.shuffled, [scattered])())


def run(case: Case, kernel: AttentionKernel, num_samples: int) -> dict[str, Any]:
    """Return figures of all arms, and whether paged equals contiguous."""
    half = len(case.layers) // 2  # paged must not find in the cache what contiguous has just read
    functions = {
        "contiguous": case.kernel_call(kernel, case.in_order, case.layers),
        "paged": case.kernel_call(kernel, case.shuffled, case.layers[half:] + case.layers[:half]),
        "torch sdpa": case.torch_call(),
    }
    arms = measure(functions, num_samples, time.perf_counter)
    return {"arms": arms, "is_equal": case.is_bitwise_equal(kernel)}


def main() -> None:
    """Print the table and the JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", default="128,512,2048,8192")
    parser.add_argument("--rows", default="1,5")
    parser.add_argument("--heads", default="32x4x64", help="query heads x KV heads x head size")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    kernel = load_attention_kernel()
    print(hardware())
    records, lines = [], []
    with torch.inference_mode():
        for context, num_rows in itertools.product(
            *(map(int, text.split(",")) for text in (arguments.contexts, arguments.rows))
        ):
            case = Case(context, num_rows, *map(int, arguments.heads.split("x")))
            record = run(case, kernel, arguments.samples)
            records.append({"context": context, "rows": num_rows, **record})
            cells = [f"{arm['ms']:.3f} ms x{arm['ratio']:.2f}" for arm in record["arms"].values()]
            lines.append([context, num_rows, *cells, "yes" if record["is_equal"] else "NO"])
    print(table(["context", "rows", *records[0]["arms"], "same bits"], lines))
    print_json({"benchmark": "attention", "threads": arguments.threads, "heads": arguments.heads, "records": records})


if __name__ == "__main__":
    main()
