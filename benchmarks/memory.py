"""How much KV memory is wasted, and how many requests fit: blocks against a contiguous cache of the same size.

    python -m benchmarks.memory [--json FILE] [--out FOLDER] [--bookkeeping]

Waste is the share of the slots that requests hold in which there is no token, as in section 6 of the PagedAttention
paper (Kwon et al., arXiv 2309.06180), over all steps of a workload that always has more requests waiting. The figures
come from the scheduler and the block manager that serve, driven without a model: what they hold does not depend on what
is computed. The baselines are the paper's: a contiguous cache that reserves the longest sequence (max), the prompt and
the next power of two of the answer (pow2), or exactly what will be needed, which nobody knows (oracle).

Lengths are log-normal with the means of the paper's two datasets in turn, ShareGPT (161 tokens in, 338 out) and Alpaca
(19 in, 58 out). Time to first token is that of the built-in model, in pairs of a fresh prompt and the same one again.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import commit, hardware, number, print_json, table
from helix import CacheConfig, EngineConfig, LLMEngine, SamplingParams, SchedulerConfig
from helix.config import KVCacheDtype
from helix.kv_cache.block_manager import BlockManager
from helix.request import Request
from helix.scheduler import Scheduler

MAX_MODEL_LEN = 2048
NUM_SLOTS = 8 * MAX_MODEL_LEN
"""Tokens for which there is memory, in blocks or in one piece."""
NUM_STEPS = 1000
NUM_STEPS_BEFORE = 200
"""Not counted: all requests are young there."""
_MEANS = ((161.31, 337.99), (19.31, 58.45))
_SIGMA = 1.0
_SEED = 2026
BLOCK_SIZES = (4, 8, 16, 32, 64)
PREFIX_LEN = 1000
FORMATS: tuple[KVCacheDtype, ...] = ("auto", "int8")


@dataclass(frozen=True, slots=True)
class Use:
    """What a cache held over a run."""

    name: str
    waste: float
    """Held and unused slots over held slots."""
    mean_running: float
    """Requests at once."""
    num_preemptions: int = 0


def draw_lengths(seed: int = _SEED) -> Iterator[tuple[int, int]]:
    """Yield lengths of prompt and answer without an end; together they fit the longest sequence."""
    rng = random.Random(seed)
    for number_of_request in count():
        means = _MEANS[number_of_request % len(_MEANS)]
        drawn = [max(1, round(rng.lognormvariate(math.log(mean) - _SIGMA**2 / 2, _SIGMA))) for mean in means]
        prompt_len = min(drawn[0], MAX_MODEL_LEN // 2)
        yield prompt_len, min(drawn[1], MAX_MODEL_LEN - prompt_len)


def run_paged(
    block_size: int, *, num_steps: int = NUM_STEPS, num_slots: int = NUM_SLOTS, prefix: Sequence[int] = (), n: int = 1
) -> Use:
    """Serve the workload from blocks; prefix begins every prompt, and each prompt is asked n times."""
    manager = BlockManager(num_slots // block_size, block_size)
    scheduler = Scheduler(
        SchedulerConfig(max_num_seqs=512, max_num_batched_tokens=4096, max_num_prefill_tokens_beside_decode=4096),
        manager,
    )
    requests = _requests(prefix, n)
    held = unused = num_running = 0
    for step in range(-NUM_STEPS_BEFORE, num_steps):
        while len(scheduler.waiting) < 2 * n:
            scheduler.add(next(requests))
        output = scheduler.schedule()
        for item in output.scheduled:
            if item.catches_up:
                item.request.commit_token(0)
            scheduler.update(item, 0)
        if step < 0:
            continue
        step_held, step_used = slots_of(scheduler.running, block_size)
        held += step_held
        unused += step_held - step_used
        num_running += len(scheduler.running)
    return Use(f"blocks of {block_size}", unused / held, num_running / num_steps, scheduler.num_preemptions)


def slots_of(requests: Sequence[Request], block_size: int) -> tuple[int, int]:
    """Return how many slots requests hold and in how many there is a token; shared blocks count once."""
    filled: dict[int, int] = {}
    for request in requests:
        for index, block_id in enumerate(request.block_table):
            num_tokens = min(block_size, max(0, request.num_computed_tokens - index * block_size))
            filled[block_id] = max(filled.get(block_id, 0), num_tokens)
    return len(filled) * block_size, sum(filled.values())


def _requests(prefix: Sequence[int], n: int) -> Iterator[Request]:
    token_ids = count(1)  # no two prompts have more in common than prefix
    for number_of_prompt, (prompt_len, output_len) in enumerate(draw_lengths()):
        prompt = [*prefix, *(next(token_ids) for _ in range(prompt_len))][: MAX_MODEL_LEN - 1]
        for choice in range(n):
            max_tokens = min(output_len, MAX_MODEL_LEN - len(prompt))
            yield Request(f"{number_of_prompt}-{choice}", prompt, SamplingParams(), seed=0, max_tokens=max_tokens)


RESERVATIONS: dict[str, Callable[[int, int], int]] = {
    "contiguous, max": lambda prompt_len, output_len: MAX_MODEL_LEN,
    "contiguous, pow2": lambda prompt_len, output_len: min(
        MAX_MODEL_LEN, prompt_len + 2 ** math.ceil(math.log2(output_len))
    ),
    "contiguous, oracle": lambda prompt_len, output_len: prompt_len + output_len,
}


def run_contiguous(name: str, *, num_steps: int = NUM_STEPS, num_slots: int = NUM_SLOTS) -> Use:
    """Serve the workload from one piece of memory for each request; holes between pieces are not even counted."""
    reserve, lengths = RESERVATIONS[name], draw_lengths()
    waiting = next(lengths)
    running: list[list[int]] = []  # reserved, stored, tokens to come
    held = used = num_running = 0
    for step in range(-NUM_STEPS_BEFORE, num_steps):
        while sum(one[0] for one in running) + reserve(*waiting) <= num_slots:
            running.append([reserve(*waiting), waiting[0], waiting[1]])
            waiting = next(lengths)
        if step >= 0:
            held += sum(one[0] for one in running)
            used += sum(one[1] for one in running)
            num_running += len(running)
        for one in running:
            one[1], one[2] = one[1] + 1, one[2] - 1
        running = [one for one in running if one[2] > 0]
    return Use(name, 1 - used / held, num_running / num_steps)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one number format of the KV cache holds in the same bytes."""

    kv_cache_dtype: str
    bytes_per_token: float
    num_tokens: int
    mean_running: float
    """Requests of the workload at once."""


def compare_formats(bytes_per_token: Mapping[str, float], *, num_steps: int = NUM_STEPS) -> list[Capacity]:
    """Serve the workload in the bytes of NUM_SLOTS tokens of the first format, in blocks of 16 tokens."""
    num_bytes = NUM_SLOTS * next(iter(bytes_per_token.values()))
    rows = []
    for name, size in bytes_per_token.items():
        num_tokens = int(num_bytes // size)
        use = run_paged(16, num_steps=num_steps, num_slots=num_tokens)
        rows.append(Capacity(name, size, num_tokens, use.mean_running))
    return rows


@dataclass(frozen=True, slots=True)
class FirstToken:
    """What a long prompt costs when it comes first, and when its beginning is there already."""

    num_prompt_tokens: int
    num_cached_tokens: int
    cold_s: float
    warm_s: float


def measure_ttft(engine: LLMEngine, prefix_len: int = PREFIX_LEN, *, num_pairs: int = 5) -> FirstToken:
    """Ask prompts with a fresh prefix, and then another question behind the same one."""
    rng = random.Random(_SEED)
    engine.generate([[5] * 8], SamplingParams(max_tokens=2))
    cold: list[float] = []
    warm: list[float] = []
    num_cached: list[int] = []
    for _ in range(num_pairs):
        prefix = [rng.randrange(10, 4000) for _ in range(prefix_len)]
        for times in (cold, warm):
            question = [rng.randrange(10, 4000) for _ in range(16)]
            (answer,) = engine.generate([prefix + question], SamplingParams(max_tokens=1, ignore_eos=True))
            assert answer.metrics.ttft_s is not None
            times.append(answer.metrics.ttft_s)
            if times is warm:
                num_cached.append(answer.metrics.num_cached_tokens)
    return FirstToken(prefix_len + 16, min(num_cached), median(cold), median(warm))


def print_uses(uses: Sequence[Use], base: Use) -> None:
    """Print one table of caches, with how many times more requests than base they hold at once."""
    rows = [
        [one.name, f"{one.waste:.1%}", number(one.mean_running, 1), number(one.mean_running / base.mean_running, 1)]
        for one in uses
    ]
    print(table(["cache", "wasted", "requests at once", f"times {base.name}"], rows))


def draw(uses: Sequence[Use], path: Path) -> None:
    """Write a bar for each cache: what is stored in it and what is wasted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    names = [one.name for one in uses]
    axes.barh(names, [100 * (1 - one.waste) for one in uses], color="#0072B2", label="tokens")
    wasted, stored = [100 * one.waste for one in uses], [100 * (1 - one.waste) for one in uses]
    axes.barh(names, wasted, left=stored, color="#E69F00", label="wasted")
    axes.invert_yaxis()
    axes.set_xlabel(f"% of the slots that requests hold (memory for {NUM_SLOTS:,} tokens, all of it asked for)")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, help="folder for the plot")
    parser.add_argument("--bookkeeping", action="store_true", help="leave out what needs a model")
    arguments = parser.parse_args()
    contiguous = [run_contiguous(name) for name in RESERVATIONS]
    paged = [run_paged(block_size) for block_size in BLOCK_SIZES]
    prefix = range(-PREFIX_LEN, 0)
    shared = {"n = 4 choices": run_paged(16, n=4), "common system prompt": run_paged(16, prefix=prefix)}
    document: dict[str, Any] = {"contiguous": [*map(asdict, contiguous)], "paged": [*map(asdict, paged)]}
    document |= {"shared": {name: asdict(use) for name, use in shared.items()}, "commit": commit()}
    print(f"Memory for {NUM_SLOTS:,} tokens, sequences of at most {MAX_MODEL_LEN:,}, {NUM_STEPS:,} steps\n")
    print_uses([*contiguous, *paged], contiguous[0])
    print(f"\nWith shared beginnings, blocks of 16 (system prompt of {PREFIX_LEN:,} tokens)\n")
    print_uses([Use(name, use.waste, use.mean_running) for name, use in shared.items()], contiguous[0])
    if not arguments.bookkeeping:
        engines = {name: LLMEngine(EngineConfig(cache=CacheConfig(kv_cache_dtype=name))) for name in FORMATS}
        sizes = {
            engine.info.kv_cache_dtype: engine.info.kv_cache_bytes / engine.info.num_blocks / engine.info.block_size
            for engine in engines.values()
        }
        formats = compare_formats(sizes)
        document |= {"formats": [*map(asdict, formats)]}
        print("\nThe same bytes, keys and values of the built-in model and its draft in two formats\n")
        headers = ["KV cache", "bytes a token", "tokens", "requests at once", "times float32"]
        base = formats[0].mean_running
        rows = [[one.kv_cache_dtype, number(one.bytes_per_token, 0), f"{one.num_tokens:,}"] for one in formats]
        rows = [
            [*row, number(one.mean_running, 1), number(one.mean_running / base, 2)]
            for row, one in zip(rows, formats, strict=True)
        ]
        print(table(headers, rows))
        first = measure_ttft(engines["auto"])
        document |= {"ttft": asdict(first), "hardware": hardware()}
        cells = [first.num_prompt_tokens, first.num_cached_tokens, number(1e3 * first.cold_s, 1)]
        cells += [number(1e3 * first.warm_s, 1), number(first.cold_s / first.warm_s, 1)]
        print(f"\nTime to first token, {document['hardware']}\n")
        print(table(["prompt", "of it cached", "cold ms", "warm ms", "cold / warm"], [cells]))
    if arguments.out is not None:
        draw([*contiguous, *paged], arguments.out / "kv_memory.png")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print_json(document)


if __name__ == "__main__":
    main()
