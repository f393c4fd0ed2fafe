"""Options that the benchmarks share, and the engine they describe."""

from __future__ import annotations

import argparse
from typing import get_args

from benchmarks.workloads import WORKLOADS
from helix import DEMO_MODEL, EngineConfig, LLMEngine, ModelConfig, SchedulerConfig, SpeculativeConfig
from helix.config import DraftQuantization, MatmulPrecision, Quantization


def model_parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that say what is measured."""
    result = argparse.ArgumentParser(prog=f"python -m {module}", description=(doc or "").split("\n")[0])
    result.add_argument(
        "--model", default=DEMO_MODEL, help="helix-demo, a folder (see benchmarks.upscale) or a hub name"
    )
    result.add_argument("--draft-model", help="folder or name; the built-in draft for helix-demo")
    result.add_argument(
        "--draft-quantization", choices=get_args(DraftQuantization), default="auto", help="of the draft"
    )
    result.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    result.add_argument("--quantization", choices=get_args(Quantization), default="none", help="bits of the weights")
    result.add_argument(
        "--matmul-precision", choices=get_args(MatmulPrecision), default="float32", help="of inputs of linear layers"
    )
    result.add_argument("--threads", type=int, help="threads for CPU arithmetic; default: PyTorch's")
    result.add_argument("--ngram-min", type=int, default=SpeculativeConfig().ngram_min, help="shortest n-gram to match")
    result.add_argument("--quick", action="store_true", help="a few short runs, to see that everything runs")
    return result


def parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of the benchmarks that answer prompts in rounds."""
    result = model_parser(module, doc)
    result.add_argument("--workloads", nargs="+", choices=tuple(WORKLOADS), default=list(WORKLOADS))
    result.add_argument("--prompts", type=int, default=12, help="prompts of each workload, all rounds together")
    result.add_argument("--rounds", type=int, default=3, help="rounds; ratios are medians over them")
    result.add_argument("--max-tokens", type=int, default=128, help="longest answer")
    return result


def parse(result: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line; --quick overrides sizes."""
    arguments = result.parse_args()
    if arguments.quick:
        arguments.prompts, arguments.rounds, arguments.max_tokens = 4, 2, 32
    if arguments.prompts < arguments.rounds:
        result.error("every round needs a prompt: --prompts must be at least --rounds")
    return arguments


def load_engine(arguments: argparse.Namespace) -> LLMEngine:
    """Load what the command line names, otherwise as Helix serves it, but without a pool of earlier answers.

    Every arm answers the same prompts: none may copy what another one answered.
    """
    return LLMEngine(
        EngineConfig(
            model=ModelConfig(
                model=arguments.model,
                dtype=arguments.dtype,
                quantization=arguments.quantization,
                matmul_precision=arguments.matmul_precision,
                num_threads=arguments.threads,
            ),
            scheduler=SchedulerConfig(),
            speculative=SpeculativeConfig(
                draft_model=arguments.draft_model,
                draft_quantization=arguments.draft_quantization,
                ngram_min=arguments.ngram_min,
                suffix_pool_tokens=0,
            ),
        )
    )
