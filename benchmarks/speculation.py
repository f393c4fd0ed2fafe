"""Does speculation pay for one user, with which method and depth, and what should it pay?

Every mode answers the same prompts greedily on one engine, in turns with plain decoding; speed-ups are medians of the
rounds' ratios. Beside each stands the ceiling that measured costs and acceptance allow. Equality with the plain
tokens is counted, not assumed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import command_line
from benchmarks.costs import CostTable, measure_costs
from benchmarks.report import describe, headline, number, percent, print_json, table
from benchmarks.timing import PLAIN, Comparison, Mode, compare, interleave
from benchmarks.workloads import draw_prompts
from helix import LLMEngine


def modes(engine: LLMEngine, draft_depths: list[int], ngram_depths: list[int]) -> list[Mode]:
    """Return plain decoding, then each method at its depths."""
    result = [PLAIN]
    if engine.worker.draft is not None:
        result += [Mode("draft", depth) for depth in draft_depths]
    result += [Mode("ngram", depth) for depth in ngram_depths]
    if engine.worker.draft is not None:
        result.append(Mode("auto", engine.info.speculation_depth))
    return result


def predict(costs: CostTable, mode: Mode, comparison: Comparison) -> tuple[float | None, float | None]:
    """Return the ceiling of the geometric model, and what the measured mean accepted length should pay."""
    acceptance, length = comparison.token_acceptance, comparison.mean_accepted_length
    if mode.method not in ("draft", "ngram") or acceptance is None or length is None:
        return None, None
    is_free, share = mode.method == "ngram", comparison.drafted_share
    cost = share * costs.step_cost(mode.depth, is_free=is_free) + 1 - share
    return costs.ceiling(acceptance, mode.depth, is_free=is_free, drafted_share=share), length / cost


def print_costs(costs: CostTable) -> None:
    """Print the cost curve."""
    rows = [[m, number(1e3 * seconds, 2), number(costs.relative(m))] for m, seconds in costs.target_s.items()]
    print(f"\nOne target pass over m rows behind {costs.context_len} tokens of context")
    print(table(["m", "ms", "t(m)/t(1)"], rows))
    if costs.draft_s is not None:
        print(f"\nOne drafted token: {1e3 * costs.draft_s:.2f} ms, {costs.draft_cost:.3f} of a plain target pass")


def print_comparisons(workload: str, compared: list[tuple[Comparison, float | None, float | None]]) -> None:
    """Print one workload's table."""
    first = compared[0][0]
    print(f"\n{workload}: {first.num_prompts} prompts, {first.num_tokens} tokens, {first.num_right} right answers")
    headers = ["mode", "tokens/s", "speed-up", "rounds", "with prompt", "ceiling", "at length", "accepted"]
    headers += ["a", "length", "TTFT ms", "KV MiB", "equal"]
    rows = [
        [
            c.mode,
            number(c.stream_tokens_per_s, 1),
            number(c.stream_speedup),
            f"{c.stream_speedup_min:.2f} to {c.stream_speedup_max:.2f}",
            number(c.total_speedup),
            number(ceiling),
            number(at_length),
            percent(c.acceptance_rate),
            percent(c.token_acceptance),
            number(c.mean_accepted_length),
            number(c.ttft_ms, 0),
            number(c.peak_kv_bytes / 2**20, 1),
            f"{c.num_equal}/{c.num_prompts}",
        ]
        for c, ceiling, at_length in compared
    ]
    print(table(headers, rows))


def main() -> None:
    """Measure and print."""
    parser = command_line.parser("benchmarks.speculation", __doc__)
    parser.add_argument("--draft-depths", type=int, nargs="*", default=[2, 3, 4, 6, 8])
    parser.add_argument("--ngram-depths", type=int, nargs="*", default=[4, 8, 12])
    arguments = command_line.parse(parser)
    if arguments.quick:
        arguments.draft_depths, arguments.ngram_depths = arguments.draft_depths[:1], arguments.ngram_depths[:1]
    engine = command_line.load_engine(arguments)
    prompts = {name: draw_prompts(name, engine.tokenizer, arguments.prompts) for name in arguments.workloads}
    description = describe(engine, [prompt for part in prompts.values() for prompt in part], batch="1")
    print(headline(description))
    costs = measure_costs(engine)
    print_costs(costs)
    document: dict[str, Any] = {"benchmark": "speculation", **description, "costs": asdict(costs), "workloads": {}}
    all_modes = modes(engine, arguments.draft_depths, arguments.ngram_depths)
    for name, part in prompts.items():
        runs = interleave(
            engine,
            part,
            all_modes,
            rounds=arguments.rounds,
            concurrency=1,
            max_tokens=arguments.max_tokens,
            label=name,
        )
        compared = [
            (comparison, *predict(costs, mode, comparison))
            for mode, comparison in zip(all_modes, compare(engine, part, runs), strict=True)
        ]
        print_comparisons(name, compared)
        document["workloads"][name] = [
            asdict(comparison) | {"ceiling": ceiling, "speedup_at_length": at_length}
            for comparison, ceiling, at_length in compared
        ]
    print_json(document)


if __name__ == "__main__":
    main()
