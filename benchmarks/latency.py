"""How long does one user wait for the first token, and then from token to token?

Three questions: time to first token by prompt length, without and with the prompt in the prefix cache; tokens in
between for plain and speculative decoding; and the same prompts through transformers' `generate`, which knows neither
paged attention nor packed weights but has assisted generation of its own.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict
from statistics import median
from typing import Any

import torch

from benchmarks import command_line
from benchmarks.report import describe, headline, number, print_json, table
from benchmarks.timing import PLAIN, Mode, Run, compare, interleave
from benchmarks.transformers_generate import TransformersBaseline
from benchmarks.workloads import Prompt, draw_prompts, long_prompt
from helix import LLMEngine, SamplingParams
from helix.model.loader import model_path


def first_tokens(engine: LLMEngine, lens: list[int], repeats: int) -> list[dict[str, float]]:
    """Return the median time to first token of prompts of these lengths, cold and with all of it cached."""
    results = []
    for num_tokens in lens:
        token_ids = long_prompt(engine.tokenizer, num_tokens)
        cold_s, cached_s = [], []
        for _ in range(repeats):
            salt = secrets.token_hex(8)
            cold_s.append(_first_token_s(engine, token_ids, salt))
            cached_s.append(_first_token_s(engine, token_ids, salt))
        results.append({"prompt_len": num_tokens, "cold_ms": 1e3 * median(cold_s), "cached_ms": 1e3 * median(cached_s)})
    return results


def _first_token_s(engine: LLMEngine, token_ids: tuple[int, ...], salt: str) -> float:
    request = engine.make_request(token_ids, SamplingParams(temperature=0, max_tokens=1), cache_salt=salt)
    began_s = time.monotonic()
    engine.add_request(request)
    while not request.is_finished:
        engine.step()
    return time.monotonic() - began_s


def gaps(runs: list[Run]) -> dict[str, float]:
    """Return percentiles of the time between tokens in ms; tokens of one step share it evenly."""
    values = sorted(1e3 * gap for run in runs for metrics in run.metrics for gap in metrics.inter_token_s)
    return {f"p{p}": values[min(len(values) - 1, len(values) * p // 100)] for p in (50, 95, 99)}


def outside(
    arguments: Any,
    draft: str | None,
    prompts: dict[str, list[Prompt]],
    expected: dict[str, list[tuple[int, ...]]],
) -> list[dict[str, Any]]:
    """Return what transformers' generate does with the first prompts of each workload; expected is Helix's output."""
    rows = []
    for attention, dtype, assistances in (
        ("eager", "float32", ("none",)),
        ("sdpa", "float32", ("none", "draft", "prompt_lookup")),
        ("sdpa", "bfloat16", ("none",)),
    ):
        folder = model_path(arguments.model)
        baseline = TransformersBaseline(folder, draft, dtype=getattr(torch, dtype), attention=attention)
        for assistance in assistances:
            if assistance == "draft" and draft is None:
                continue
            depth = arguments.ngram_depth if assistance == "prompt_lookup" else arguments.draft_depth
            for name, part in prompts.items():
                some = part[: arguments.baseline_prompts]
                result = baseline.generate(some, max_tokens=arguments.max_tokens, assistance=assistance, depth=depth)
                num_equal = sum(a == b for a, b in zip(result.outputs, expected[name], strict=False))
                figures = {field: value for field, value in asdict(result).items() if field != "outputs"}
                rows.append({"workload": name, **figures, "num_equal": num_equal, "num_prompts": len(some)})
        del baseline
    return rows


def main() -> None:
    """Measure and print."""
    parser = command_line.parser("benchmarks.latency", __doc__)
    parser.add_argument("--prompt-lens", type=int, nargs="+", default=[32, 128, 512, 1024])
    parser.add_argument("--draft-depth", type=int, default=4)
    parser.add_argument("--ngram-depth", type=int, default=8)
    parser.add_argument("--baseline-prompts", type=int, default=4, help="prompts for transformers; 0 leaves it out")
    arguments = command_line.parse(parser)
    if arguments.quick:
        arguments.prompt_lens, arguments.baseline_prompts = arguments.prompt_lens[:2], 1
    engine = command_line.load_engine(arguments)
    prompts = {name: draw_prompts(name, engine.tokenizer, arguments.prompts) for name in arguments.workloads}
    description = describe(engine, [prompt for part in prompts.values() for prompt in part], batch="1")
    print(headline(description))
    document: dict[str, Any] = {"benchmark": "latency", **description}

    lens = [length for length in arguments.prompt_lens if length < engine.info.max_model_len]
    document["first_token"] = first_tokens(engine, lens, 1 if arguments.quick else 3)
    print("\nTime to first token, ms")
    rows = [[int(r["prompt_len"]), number(r["cold_ms"], 0), number(r["cached_ms"], 0)] for r in document["first_token"]]
    print(table(["prompt tokens", "cold", "cached"], rows))

    modes = [PLAIN, Mode("ngram", arguments.ngram_depth)]
    if engine.worker.draft is not None:
        modes[1:1] = [Mode("draft", arguments.draft_depth)]
    plain_outputs: dict[str, list[tuple[int, ...]]] = {}
    document["workloads"], rows = {}, []
    for name, part in prompts.items():
        runs = interleave(
            engine, part, modes, rounds=arguments.rounds, concurrency=1, max_tokens=arguments.max_tokens, label=name
        )
        plain_outputs[name] = [output for run in runs[PLAIN] for output in run.outputs]
        document["workloads"][name] = []
        for mode, c in zip(modes, compare(engine, part, runs), strict=True):
            between = gaps(runs[mode])
            document["workloads"][name].append(asdict(c) | {"inter_token_ms": between})
            row: list[object] = [name, c.mode, number(c.ttft_ms, 0), number(c.stream_tokens_per_s, 1)]
            row += [number(c.stream_speedup), *(number(value, 1) for value in between.values())]
            rows.append([*row, f"{c.num_equal}/{c.num_prompts}"])
    print("\nOne request at a time")
    print(table(["workload", "mode", "TTFT ms", "tokens/s", "speed-up", "ms p50", "p95", "p99", "equal"], rows))

    if arguments.baseline_prompts:
        draft = None if engine.info.draft_model is None else model_path(engine.info.draft_model)
        del engine
        document["transformers"] = outside(arguments, draft, prompts, plain_outputs)
        rows = [
            [
                result["workload"],
                result["name"],
                number(result["ttft_ms"], 0),
                number(result["stream_tokens_per_s"], 1),
                number(result["tokens_per_s"], 1),
                f"{result['num_equal']}/{result['num_prompts']}",
            ]
            for result in document["transformers"]
        ]
        print("\nThe same weights and prompts in transformers' generate")
        print(table(["workload", "how", "TTFT ms", "tokens/s", "with prompt", "equal"], rows))
    print_json(document)


if __name__ == "__main__":
    main()
