"""Builds a large Llama that computes the same function as a small one: `python -m benchmarks.upscale --out DIR`.

So speculation is measured at the cost of a real model and with the acceptance of a trained pair, without a download.
The small model's weights lie in a corner of each large matrix:

    residual    the added coordinates are zero: embeddings and whatever writes to the residual leave them so
    norms       the mean square over more coordinates is smaller, so weights and epsilon are rescaled
    heads       keep their size, so that rotary positions stay; o_proj ignores the added ones
    MLP         down_proj ignores the added rows of gate_proj and up_proj
    layers      o_proj and down_proj of the added ones are zero: they compute everything and add nothing
    vocabulary  an added row is the mean of real ones, so its logit never exceeds the largest real one

Everything else is random, so that what the large model computes is as dense as in any other.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
from transformers.initialization import no_init_weights

from helix.demo import DRAFT_DIR, TARGET_DIR

VOCAB_SIZE = 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a Llama; head size and vocabulary are given elsewhere."""

    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    intermediate_size: int


TARGET = Shape(hidden_size=2048, num_layers=22, num_heads=32, num_kv_heads=4, intermediate_size=5632)
"""TinyLlama-1.1B."""
DRAFT = Shape(hidden_size=768, num_layers=2, num_heads=12, num_kv_heads=12, intermediate_size=3072)
"""Llama-68M of SpecInfer (arXiv 2305.09781), the usual draft of models with this vocabulary."""
DEEP_DRAFT = Shape(hidden_size=768, num_layers=8, num_heads=12, num_kv_heads=4, intermediate_size=2048)
"""A draft of 100 million parameters, for comparison."""
SMALL_TARGET = Shape(hidden_size=576, num_layers=30, num_heads=9, num_kv_heads=3, intermediate_size=1536)
"""SmolLM-135M."""
SMALL_DRAFT = Shape(hidden_size=128, num_layers=2, num_heads=2, num_kv_heads=1, intermediate_size=384)
"""A draft for it, as small as the built-in one but for the vocabulary."""
SHAPES = {
    "target": TARGET,
    "draft": DRAFT,
    "deep-draft": DEEP_DRAFT,
    "small-target": SMALL_TARGET,
    "small-draft": SMALL_DRAFT,
}

_NUM_MIXED_ROWS = 8
"""Real vocabulary rows whose mean makes an added one; enough of them are never equally likely."""


def upscale(
    model: LlamaForCausalLM,
    *,
    hidden_size: int,
    num_layers: int,
    num_heads: int,
    num_kv_heads: int,
    intermediate_size: int,
    vocab_size: int | None = None,
    max_len: int | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
) -> LlamaForCausalLM:
    """Return a larger Llama whose logits are those of model, added vocabulary aside.

    Exact but for rounding. In bfloat16 the rescaled norm weights are rounded once more, unless the hidden size grows
    by a power of 4.

    Args:
        model: A Llama without biases.
        hidden_size: Width of the result's residual.
        num_layers: Its layers.
        num_heads: Its query heads, each as large as those of model.
        num_kv_heads: Its key and value heads.
        intermediate_size: Width inside its MLPs.
        vocab_size: Rows of its embeddings; None: as many as model has.
        max_len: Longest sequence that it claims to be made for; None: that of model. Behind that of model it means
            nothing, but costs what it costs.
        dtype: Number format of the result; None: that of model.
        seed: Of the weights that do not matter.

    Raises:
        ValueError: model does not fit into these sizes.
    """
    config = copy.deepcopy(model.config)
    config.update(
        {
            "hidden_size": hidden_size,
            "num_hidden_layers": num_layers,
            "num_attention_heads": num_heads,
            "num_key_value_heads": num_kv_heads,
            "intermediate_size": intermediate_size,
            "vocab_size": vocab_size or config.vocab_size,
            "max_position_embeddings": max_len or config.max_position_embeddings,
            "rms_norm_eps": config.rms_norm_eps * config.hidden_size / hidden_size,
            "head_dim": _head_dim(config),
            "tie_word_embeddings": False,
        }
    )
    _check(model.config, config)
    dtype = dtype or model.dtype
    with no_init_weights():
        large = AutoModelForCausalLM.from_config(config, dtype=dtype).eval().requires_grad_(False)
    large.generation_config = copy.deepcopy(model.generation_config)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        _fill(large, model)
    return large


def _fill(large: LlamaForCausalLM, model: LlamaForCausalLM) -> None:
    """Write every weight of large, layer after layer."""
    source, config = model.config, large.config
    norm_scale = math.sqrt(source.hidden_size / config.hidden_size)
    places = {i * config.num_hidden_layers // source.num_hidden_layers: i for i in range(source.num_hidden_layers)}
    heads = _HeadPlaces(source, config)
    for i, layer in enumerate(tqdm(large.model.layers, desc="upscale", leave=False, disable=None)):
        small = model.model.layers[places.get(i, 0)]
        for name in ("input_layernorm", "post_attention_layernorm"):
            _widen_norm(getattr(layer, name).weight, getattr(small, name).weight, norm_scale)
        for name in ("q_proj", "k_proj", "v_proj"):
            place, origin = (heads.q, None) if name == "q_proj" else (heads.kv, heads.kv_origin)
            weight = getattr(small.self_attn, name).weight
            _widen_reader(getattr(layer.self_attn, name).weight, weight if origin is None else weight[origin], place)
        _widen_reader(layer.mlp.gate_proj.weight, small.mlp.gate_proj.weight)
        _widen_reader(layer.mlp.up_proj.weight, small.mlp.up_proj.weight)
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        if i in places:
            width = source.hidden_size
            layer.self_attn.o_proj.weight[:width, heads.q] = small.self_attn.o_proj.weight.to(large.dtype)
            layer.mlp.down_proj.weight[:width, : source.intermediate_size] = small.mlp.down_proj.weight.to(large.dtype)
    _widen_norm(large.model.norm.weight, model.model.norm.weight, norm_scale)
    mixed = torch.randint(source.vocab_size, (config.vocab_size - source.vocab_size, _NUM_MIXED_ROWS))
    embeddings, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    large.get_input_embeddings().weight.zero_()
    large.get_input_embeddings().weight[:, : source.hidden_size] = _with_mixed_rows(embeddings, mixed).to(large.dtype)
    _widen_reader(large.get_output_embeddings().weight, _with_mixed_rows(head, mixed))


class _HeadPlaces:
    """Where each head of the small model goes.

    Query heads stay with their key and value head. A group larger than the large model's is split, and its key and
    value head repeated.
    """

    def __init__(self, source: Any, config: Any) -> None:
        share = source.num_attention_heads // source.num_key_value_heads
        large_share = config.num_attention_heads // config.num_key_value_heads
        q_places: list[int] = []
        kv_origin: list[int] = []
        for kv_head in range(source.num_key_value_heads):
            for start in range(0, share, large_share):
                size = min(large_share, share - start)
                q_places += range(len(kv_origin) * large_share, len(kv_origin) * large_share + size)
                kv_origin.append(kv_head)
        if len(kv_origin) > config.num_key_value_heads:
            raise ValueError(f"{len(kv_origin)} groups of query heads do not fit {config.num_key_value_heads} KV heads")
        head_dim = _head_dim(source)
        self.q = _rows_of(q_places, head_dim)
        """Rows of the large q_proj for each row of the small one, [num_heads * head_dim]."""
        self.kv = _rows_of(list(range(len(kv_origin))), head_dim)
        """Rows of the large k_proj and v_proj that are not random."""
        self.kv_origin = _rows_of(kv_origin, head_dim)
        """Row of the small k_proj and v_proj for each of them."""


def _rows_of(heads: list[int], head_dim: int) -> Tensor:
    return (torch.tensor(heads)[:, None] * head_dim + torch.arange(head_dim)).flatten()


def _widen_reader(
    weight: Tensor,  # [large_out, large_in]
    small: Tensor,  # [out, in]
    rows: Tensor | None = None,  # [out] int64; None: the first ones
) -> None:
    """Fill a matrix that reads the residual: what meets zeros, or is ignored later, is random."""
    num_rows, num_columns = small.shape
    weight.normal_(0.0, float(small.float().std()))
    if rows is None:
        rows = torch.arange(num_rows)
    weight[rows, :num_columns] = small.to(weight.dtype)


def _widen_norm(weight: Tensor, small: Tensor, scale: float) -> None:
    weight.fill_(scale)
    weight[: small.numel()] = (small.double() * scale).to(weight.dtype)


def _with_mixed_rows(
    weight: Tensor,  # [vocab_size, hidden_size]
    mixed: Tensor,  # [num_added, _NUM_MIXED_ROWS] int64
) -> Tensor:
    """Return weight with the mean of each row of indices appended; float32."""
    weight = weight.float()
    return torch.cat([weight, weight[mixed].mean(dim=1)])


def _head_dim(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _check(source: Any, config: Any) -> None:
    for name in (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "vocab_size",
    ):
        if getattr(config, name) < getattr(source, name):
            raise ValueError(f"{name} cannot shrink from {getattr(source, name)} to {getattr(config, name)}")
    if config.num_attention_heads % config.num_key_value_heads:
        raise ValueError(f"{config.num_attention_heads} heads cannot share {config.num_key_value_heads} KV heads")
    if source.model_type != "llama" or source.attention_bias or source.mlp_bias:
        raise ValueError("only a Llama without biases can be made larger")


def main() -> None:
    """Write the upscaled built-in pair to a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.upscale", description="Build a 1.1B model and its draft from the built-in pair."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for target/ and draft/; about 2.4 GB")
    parser.add_argument("--target", type=Path, default=TARGET_DIR, help="folder of the small target")
    parser.add_argument("--draft", type=Path, default=DRAFT_DIR, help="folder of the small draft")
    parser.add_argument("--dtype", choices=("bfloat16", "float16", "float32"), default="bfloat16")
    parser.add_argument("--only", nargs="+", choices=tuple(SHAPES), default=["target", "draft"], help="what to build")
    parser.add_argument("--max-len", type=int, help="longest sequence; default: that of the built-in pair")
    arguments = parser.parse_args()
    written = {}
    for name in arguments.only:
        folder = arguments.target if name.endswith("target") else arguments.draft
        small = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
        dtype = getattr(torch, arguments.dtype)
        large = upscale(small, **asdict(SHAPES[name]), vocab_size=VOCAB_SIZE, max_len=arguments.max_len, dtype=dtype)
        large.save_pretrained(arguments.out / name)
        AutoTokenizer.from_pretrained(folder).save_pretrained(arguments.out / name)
        written[name] = {"folder": str(arguments.out / name), "num_parameters": large.num_parameters()}
        print(f"{arguments.out / name}: {large.num_parameters() / 1e6:,.0f} million parameters, {arguments.dtype}")
    print(json.dumps(written))


if __name__ == "__main__":
    main()
