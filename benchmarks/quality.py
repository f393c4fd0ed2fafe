"""What does quantisation cost in quality?

    python -m benchmarks.quality [--conversations 200] [--prompts 20] [--dtype auto]

The built-in model reads held-out conversations of its corpus and writes answers to held-out prompts, with weights as in
the checkpoint and in 8 and 4 bits, with inputs of linear layers in bfloat16, and with a KV cache of 8 bits. Perplexity
is that of the assistant's words. Everything else compares with the model as it is: `same first choice` counts words
whose likeliest token is the same, `divergence` is the mean Kullback-Leibler divergence in nats, `same answers` counts
greedy answers that are the same to the last token, and `right` those that the corpus generator's own check accepts.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import torch
from torch import Tensor
from transformers import AutoTokenizer

from benchmarks.report import describe, headline, number, percent, print_json, table
from benchmarks.workloads import SEED, WORKLOADS, Prompt, draw_prompts
from helix import EngineConfig, LLMEngine, ModelConfig, SamplingParams
from helix.config import (
    CacheConfig,
    KVCacheDtype,
    MatmulPrecision,
    OutputQuantization,
    Quantization,
    QuantizationConfig,
    SpeculativeConfig,
)
from helix.demo import TARGET_DIR, corpus
from helix.demo.corpus import Conversation
from helix.demo.example import Split
from helix.errors import ConfigError
from helix.model.batch import Span

MAX_ANSWER_LEN = 128
ARMS: dict[str, tuple[Quantization, KVCacheDtype, QuantizationConfig, MatmulPrecision]] = {
    "none": ("none", "auto", QuantizationConfig(), "float32"),
    "none, inputs bfloat16": ("none", "auto", QuantizationConfig(), "bfloat16"),
    "int8": ("int8", "auto", QuantizationConfig(), "float32"),
    **{
        f"int4, groups of {size}{', zero points' if has_zero_points else ''}{', all' if output == 'int4' else ''}": (
            "int4",
            "auto",
            QuantizationConfig(
                quantization_group_size=size,
                quantization_zero_points=has_zero_points,
                quantization_output_layer=output,
            ),
            "float32",
        )
        for output in get_args(OutputQuantization)
        for size in (32, 64)
        for has_zero_points in (False, True)
    },
    "kv int8": ("none", "int8", QuantizationConfig(), "float32"),
    "int8, kv int8": ("int8", "int8", QuantizationConfig(), "float32"),
}
"""Bits of the weights and of the KV cache, the form of 4 bits, and what inputs of linear layers are rounded to; `all`
have the output layer in 4 bits too. The first is what the others are compared with."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one quantisation reads and writes."""

    num_words: int
    perplexity: float
    divergence: float
    same_first_choice: float
    same_answers: float
    right: float


def held_out(num_conversations: int) -> list[Conversation]:
    """Return conversations that training never shows, mixed as it mixes them."""
    tokenizer = AutoTokenizer.from_pretrained(TARGET_DIR)
    examples = (corpus.generate(SEED, Split.HELD_OUT, index) for index in range(num_conversations))
    return [corpus.render(tokenizer, example) for example in examples]


def read(
    engine: LLMEngine, conversations: Sequence[Conversation]
) -> tuple[Tensor, Tensor]:  # [num_words, vocab_size] float32, [num_words] int64
    """Return the log probabilities of all that the assistant could have said at each word, and what it said."""
    logprobs, said = [], []
    runner = engine.worker.target
    for conversation in conversations:
        ids = conversation.token_ids
        blocks = range(-(-len(ids) // runner.pool.block_size))
        logits = runner.forward([Span(blocks, 0, ids, len(ids))])
        is_said = torch.tensor(conversation.is_learned[1:])
        logprobs.append(logits[:-1][is_said].float().log_softmax(-1))
        said.append(torch.tensor(ids[1:])[is_said])
    return torch.cat(logprobs), torch.cat(said)


def compare(
    logprobs: Tensor,  # [num_words, vocab_size]
    said: Tensor,  # [num_words] int64
    expected: Tensor,  # [num_words, vocab_size], of the weights as they are
) -> dict[str, float]:
    """Return perplexity, divergence from what is expected, and the share of equal first choices."""
    return {
        "perplexity": math.exp(-logprobs.gather(1, said[:, None]).mean().item()),
        "divergence": (expected.exp() * (expected - logprobs)).sum(-1).mean().item(),
        "same_first_choice": (logprobs.argmax(-1) == expected.argmax(-1)).float().mean().item(),
    }


def write(engine: LLMEngine, prompts: Sequence[Prompt]) -> tuple[list[tuple[int, ...]], float]:
    """Return greedy answers and the share of right ones."""
    params = SamplingParams(temperature=0, max_tokens=MAX_ANSWER_LEN)
    answers = engine.generate([prompt.token_ids for prompt in prompts], params)
    num_right = sum(prompt.is_correct(answer.text) for prompt, answer in zip(prompts, answers, strict=True))
    return [answer.token_ids for answer in answers], num_right / len(prompts)


def make_engine(
    quantization: Quantization,
    dtype: Any,
    kv_cache_dtype: KVCacheDtype = "auto",
    settings: QuantizationConfig | None = None,
    matmul_precision: MatmulPrecision = "float32",
) -> LLMEngine:
    """Return the built-in model alone.

    Raises:
        ConfigError: It cannot run so on this machine, or with this dtype.
    """
    return LLMEngine(
        EngineConfig(
            model=ModelConfig(quantization=quantization, dtype=dtype, device="cpu", matmul_precision=matmul_precision),
            cache=CacheConfig(kv_cache_dtype=kv_cache_dtype),
            speculative=SpeculativeConfig(speculation_method="none"),
            quantization=settings or QuantizationConfig(),
        )
    )


def main() -> None:
    """Print the table and the JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--prompts", type=int, default=20, help="of each workload")
    parser.add_argument("--dtype", default="auto", help="number format of the weights as they are")
    arguments = parser.parse_args()
    conversations = held_out(arguments.conversations)
    results: dict[str, Quality] = {}
    for name, (quantization, kv_cache_dtype, settings, precision) in ARMS.items():
        try:
            engine = make_engine(quantization, arguments.dtype, kv_cache_dtype, settings, precision)
        except ConfigError as error:
            print(f"{name}: {error}")
            continue
        prompts = [p for kind in WORKLOADS for p in draw_prompts(kind, engine.tokenizer, arguments.prompts)]
        logprobs, said = read(engine, conversations)
        answers, right = write(engine, prompts)
        if not results:
            description = describe(engine, prompts, batch="up to 16")
            expected, expected_answers = logprobs, answers
        same = sum(a == b for a, b in zip(answers, expected_answers, strict=True)) / len(answers)
        results[name] = Quality(
            num_words=len(said), same_answers=same, right=right, **compare(logprobs, said, expected)
        )
    print(headline(description))
    print(f"{len(conversations)} conversations with {results['none'].num_words} tokens, {len(prompts)} prompts\n")
    headers = ["weights", "perplexity", "divergence", "same first choice", "same answers", "right"]
    rows = [
        [name, number(q.perplexity, 3), number(q.divergence, 4)]
        + [percent(share) for share in (q.same_first_choice, q.same_answers, q.right)]
        for name, q in results.items()
    ]
    print(table(headers, rows))
    print_json({"benchmark": "quality", **description, "results": {name: asdict(q) for name, q in results.items()}})


if __name__ == "__main__":
    main()
