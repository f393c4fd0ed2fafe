"""Writes a Llama of transformers as a GGUF file for llama.cpp, without its vocabulary: only token ids go in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf  # type: ignore[import-not-found]
import numpy as np

_BLOCK_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write_gguf(folder: Path, target: Path, matrices: str) -> None:
    """Write all weights of a folder; matrices as BF16 or F16, norms as F32.

    Raises:
        ValueError: It is not a Llama in bfloat16 as transformers stores it.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] != "llama" or config.get("attention_bias") or config.get("mlp_bias"):
        raise ValueError("only a Llama without biases can be written")
    partial = target.with_name(target.name + ".partial")
    writer = gguf.GGUFWriter(str(partial), "llama")
    _write_header(writer, config)
    for name, words in read_bfloat16(folder):
        _write_tensor(writer, name, words, config, matrices)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def _write_header(writer: Any, config: dict[str, Any]) -> None:
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")


def _write_tensor(writer: Any, name: str, words: Any, config: dict[str, Any], matrices: str) -> None:
    parts = name.removesuffix(".weight").split(".")
    if parts[:2] == ["model", "layers"]:
        kind = ".".join(parts[3:])
        name = f"blk.{parts[2]}.{_BLOCK_NAMES[kind]}.weight"
        if kind == "self_attn.q_proj":
            words = interleave(words, config["num_attention_heads"])
        elif kind == "self_attn.k_proj":
            words = interleave(words, config["num_key_value_heads"])
    else:
        name = f"{_NAMES['.'.join(parts)]}.weight"
    if words.ndim == 1:
        writer.add_tensor(name, to_float32(words))
    elif matrices == "F16":
        writer.add_tensor(name, to_float32(words).astype(np.float16))
    else:
        raw = np.ascontiguousarray(words).view(np.uint8)
        writer.add_tensor(name, raw, raw_shape=raw.shape, raw_dtype=gguf.GGMLQuantizationType.BF16)


def interleave(
    words: Any,  # [num_heads * head_dim, in_features]
    num_heads: int,
) -> Any:
    """Return the rows in the order that llama.cpp rotates: neighbours make a pair, not the halves of a head."""
    rows, columns = words.shape
    return words.reshape(num_heads, 2, rows // num_heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def to_float32(words: Any) -> Any:
    """Return bfloat16 numbers, given as 16-bit words, as float32."""
    return (words.astype(np.uint32) << 16).view(np.float32)


def read_bfloat16(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name and the 16-bit words of each tensor of the safetensors files of a folder.

    Raises:
        ValueError: A tensor has another number format.
    """
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header_len = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(header_len))
        data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_len)
        for name, entry in header.items():
            if name == "__metadata__" or name.startswith("mtp."):  # heads that Helix alone runs
                continue
            if entry["dtype"] != "BF16":
                raise ValueError(f"{name} is {entry['dtype']}, not BF16")
            start, end = entry["data_offsets"]
            yield name, data[start:end].view(np.uint16).reshape(entry["shape"])
