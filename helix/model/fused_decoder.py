"""A decoder of Llama's kind computed by one operator instead of layer by layer in Python.

What a decoder is made of is read from its modules, and what they compute is tried before they are replaced: a family
that differs anywhere keeps its own code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helix.kernels.decoder import DecoderKernel, LayerParts, Rows, WeightLayout
from helix.model.attention import AttentionContext
from helix.model.families import LayerSpec
from helix.model.layout import Route
from helix.model.linear import PackedLinear

_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
_HEAD_NORMS = {"q_norm", "k_norm"}
_NUM_PARTS = len(LayerParts._fields)
_ROPES_THAT_CHANGE = {"dynamic", "longrope"}


class UnfusableError(Exception):
    """A decoder is not of the kind that the operator computes; says where it differs."""


class FusedDecoder:
    """The layers and the last norm of a decoder.

    Raises:
        UnfusableError: The decoder is of another kind, as far as its modules tell.
    """

    def __init__(self, decoder: nn.Module, specs: Sequence[LayerSpec], kernel: DecoderKernel) -> None:
        self._kernel = kernel
        model: Any = decoder
        _expect(_names(decoder) == {"embed_tokens", "layers", "norm", "rotary_emb"}, "its parts are others")
        _expect(not any(m._forward_hooks or m._forward_pre_hooks for m in decoder.modules()), "it has hooks")
        layers = list(model.layers)
        _expect(len(layers) == len(specs), "not all of its layers are computed")
        rope = getattr(model.config, "rope_parameters", None) or {}
        _expect(rope.get("rope_type", "default") not in _ROPES_THAT_CHANGE, "its positions depend on the context")
        self._rotary: nn.Module = model.rotary_emb
        kv = specs[0].kv
        _expect(all(spec.kv == kv for spec in specs) and kv.key_dim == kv.value_dim, "its heads differ")
        parts = [_parts(layer, kv.key_dim) for layer in layers]
        self._parts = [tensor for part in parts for tensor in part.as_list()]
        self._num_layers = len(parts)
        self._last_norm = _norm_weight(model.norm)
        first = layers[0]
        self._num_heads = first.self_attn.q_proj.out_features // kv.key_dim
        self._inner_size = first.mlp.gate_proj.out_features
        self._layout = _layout(decoder)
        self._scale = _one([layer.self_attn.scaling for layer in layers])
        self._epsilon = _one([_epsilon(module) for module in decoder.modules() if _is_norm(module)])
        self._angles = (torch.empty(0, kv.key_dim), torch.empty(0, kv.key_dim))

    def __call__(
        self,
        embeddings: Tensor,  # [num_query_tokens, hidden_size]
        context: AttentionContext,
        kept: Tensor | None = None,  # [num_kept] int64
    ) -> Tensor:  # [num_query_tokens, or as many as are kept, hidden_size]
        """Compute all layers and the last norm, writing keys and values into the context's pool.

        Args:
            embeddings: What the first layer reads.
            context: Where the rows stand.
            kept: Rows whose results are wanted, which saves the others most of the last layer; None: all.
        """
        return self._run(embeddings, context, slice(0, self._num_layers), self._last_norm, kept)

    def layer(
        self,
        index: int,
        x: Tensor,  # [num_query_tokens, hidden_size]
        context: AttentionContext,
    ) -> Tensor:  # [num_query_tokens, hidden_size]
        """Compute one layer, writing its keys and values."""
        return self._run(x, context, slice(index, index + 1), torch.empty(0))

    def _run(
        self, x: Tensor, context: AttentionContext, span: slice, last_norm: Tensor, kept: Tensor | None = None
    ) -> Tensor:
        batch, pool, specs = context.batch, context.pool, context.layers[span]
        rows = Rows(batch.slot_mapping, batch.positions, batch.owners, batch.block_tables)
        return self._kernel(
            x,
            self._parts[span.start * _NUM_PARTS : span.stop * _NUM_PARTS],
            last_norm,
            pool.keys[span],
            pool.values[span],
            self._angles_of(batch.max_seq_len, x),
            rows if kept is None else rows._replace(kept=kept),
            batch.block_size,
            windows=[spec.window or 0 for spec in specs],
            chunks=[spec.chunk or 0 for spec in specs],
            num_heads=self._num_heads,
            inner_size=self._inner_size,
            layout=self._layout,
            scale=self._scale,
            epsilon=self._epsilon,
        )

    def _angles_of(self, num_positions: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the first positions, as the model computes them; once for each, in growing tables."""
        known = len(self._angles[0])
        if num_positions > known:
            positions = torch.arange(max(num_positions, 2 * known, 256))[None]
            cos, sin = self._rotary(x[None], positions)
            self._angles = (cos[0].float().contiguous(), sin[0].float().contiguous())
        return self._angles


def _parts(layer: Any, head_dim: int) -> LayerParts:
    """Read a layer; raises UnfusableError if it has other parts than Llama's, or parts that do something else."""
    known = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
    _expect(_names(layer) == known, "its layers have other parts")
    attention, mlp = layer.self_attn, layer.mlp
    _expect(_names(attention) - _HEAD_NORMS == _ATTENTION, "its attention has other parts")
    _expect(_names(mlp) == {"gate_proj", "up_proj", "down_proj", "act_fn"}, "its feed-forward has other parts")
    linears = [getattr(attention, name) for name in sorted(_ATTENTION)] + [mlp.gate_proj, mlp.up_proj, mlp.down_proj]
    _expect(all(type(linear) is PackedLinear for linear in linears), "its linear layers are not packed")
    _expect(all(linear.bias is None for linear in linears[-3:]), "its feed-forward has biases")
    probe = torch.linspace(-9, 9, 181)
    _expect(torch.allclose(mlp.act_fn(probe), F.silu(probe), rtol=0, atol=1e-5), "its activation is not SiLU")
    q, k, v, o = (getattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj"))
    head_norms = [
        _norm_weight(module) if (module := getattr(attention, name, None)) else None for name in ("q_norm", "k_norm")
    ]
    _expect(all(norm is None or len(norm) == head_dim for norm in head_norms), "it normalises across heads")
    return LayerParts(
        input_norm=_norm_weight(layer.input_layernorm),
        query=q.packed,
        key=k.packed,
        value=v.packed,
        query_bias=q.bias,
        key_bias=k.bias,
        value_bias=v.bias,
        query_norm=head_norms[0],
        key_norm=head_norms[1],
        output=o.packed,
        output_bias=o.bias,
        inner_norm=_norm_weight(layer.post_attention_layernorm),
        gate=mlp.gate_proj.packed,
        up=mlp.up_proj.packed,
        down=mlp.down_proj.packed,
    )


def _norm_weight(norm: Any) -> Tensor:
    """Return the weight of an RMSNorm; raises UnfusableError if it is another norm."""
    _expect(_is_norm(norm), "its norms have no epsilon")
    weight: Tensor = norm.weight.detach()
    x = torch.linspace(-2, 3, weight.numel())[None] * torch.tensor([[1.0], [1e-3]])
    expected = x * (x.pow(2).mean(-1, keepdim=True) + _epsilon(norm)).rsqrt() * weight
    _expect(weight.dtype is torch.float32 and torch.allclose(norm(x), expected, rtol=1e-4, atol=1e-5), "another norm")
    return weight.contiguous()


def _is_norm(module: nn.Module) -> bool:
    return hasattr(module, "weight") and (hasattr(module, "variance_epsilon") or hasattr(module, "eps"))


def _epsilon(norm: Any) -> float:
    return float(getattr(norm, "variance_epsilon", None) or norm.eps)


def _layout(decoder: nn.Module) -> WeightLayout:
    linears = [module for module in decoder.modules() if isinstance(module, PackedLinear)]
    routes = {id(linear.route): linear.route for linear in linears}
    _expect(len(routes) == 1 and len({linear.packed.dtype for linear in linears}) == 1, "its number formats differ")
    route = linears[0].route
    _expect(route.name == "kernel" and route.activation_dtype is torch.float32, "Helix's own kernels do not serve it")
    if isinstance(route, Route):
        return "bf16" if route.matmul_precision == "bfloat16" else "plain"
    return route.kernel.weight_format.name


def _one(values: Sequence[float]) -> float:
    _expect(len(set(values)) == 1, "its layers scale differently")
    return values[0]


def _names(module: nn.Module) -> set[str]:
    return {name for name, _ in module.named_children()}


def _expect(is_true: bool, otherwise: str) -> None:
    if not is_true:
        raise UnfusableError(otherwise)
