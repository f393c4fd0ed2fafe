"""How many tokens per second do 1, 4 and 8 concurrent requests get, plain and speculative?

As many requests are in flight as the column says; a new one starts when one ends. Tokens per second count all
requests together, prompts included. Speculation and plain decoding take turns on one engine and the same prompts.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import command_line
from benchmarks.report import describe, headline, number, percent, print_json, table
from benchmarks.timing import PLAIN, Mode, compare, interleave
from benchmarks.workloads import draw_prompts
from helix import LLMEngine


def modes(engine: LLMEngine, draft_depth: int, ngram_depth: int) -> list[Mode]:
    """Return plain decoding, each method, and what the server does by itself."""
    result = [PLAIN, Mode("ngram", ngram_depth)]
    if engine.worker.draft is not None:
        result[1:1] = [Mode("draft", draft_depth)]
        result.append(Mode("auto", engine.info.speculation_depth))
    return result


def main() -> None:
    """Measure and print."""
    parser = command_line.parser("benchmarks.throughput", __doc__)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8], help="requests in flight")
    parser.add_argument("--draft-depth", type=int, default=4)
    parser.add_argument("--ngram-depth", type=int, default=8)
    arguments = command_line.parse(parser)
    engine = command_line.load_engine(arguments)
    prompts = {name: draw_prompts(name, engine.tokenizer, arguments.prompts) for name in arguments.workloads}
    batch = ", ".join(map(str, arguments.concurrency))
    description = describe(engine, [prompt for part in prompts.values() for prompt in part], batch=batch)
    print(headline(description))
    document: dict[str, Any] = {"benchmark": "throughput", **description, "results": []}
    headers = ["requests", "mode", "tokens/s", "speed-up", "stream tokens/s", "stream speed-up", "TTFT ms"]
    headers += ["accepted", "length", "KV MiB", "equal"]
    for name, part in prompts.items():
        rows = []
        for concurrency in arguments.concurrency:
            runs = interleave(
                engine,
                part,
                modes(engine, arguments.draft_depth, arguments.ngram_depth),
                rounds=arguments.rounds,
                concurrency=concurrency,
                max_tokens=arguments.max_tokens,
                label=f"{name} {concurrency}",
            )
            for c in compare(engine, part, runs):
                document["results"].append({"workload": name, "concurrency": concurrency, **asdict(c)})
                rows.append(
                    [
                        concurrency,
                        c.mode,
                        number(c.tokens_per_s, 1),
                        number(c.total_speedup),
                        number(c.stream_tokens_per_s, 1),
                        number(c.stream_speedup),
                        number(c.ttft_ms, 0),
                        percent(c.acceptance_rate),
                        number(c.mean_accepted_length),
                        number(c.peak_kv_bytes / 2**20, 1),
                        f"{c.num_equal}/{c.num_prompts}",
                    ]
                )
        print(f"\n{name}: {len(part)} prompts")
        print(table(headers, rows))
    print_json(document)


if __name__ == "__main__":
    main()
