from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from helix.config import Quantization
from helix.errors import ConfigError, ModelLoadError
from helix.kernels.build import KernelBuildError
from helix.model import layout, linear
from helix.model.layout import Route, check_matmul_precision, choose_route
from helix.model.linear import PackedLinear, automatic_quantization, pack

SIZES = {
    "vocab_size": 101,
    "hidden_size": 48,
    "intermediate_size": 72,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "pad_token_id": 0,
}
IDS = torch.tensor([[5, 17, 99, 3, 3, 42]])
QUANTIZATIONS: tuple[Quantization, ...] = ("none", "int8", "int4")


def llama(**changes: object) -> nn.Module:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**(SIZES | changes))).eval()  # type: ignore[no-any-return]


def qwen2() -> nn.Module:
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True)).eval()  # type: ignore[no-any-return]


def gemma2() -> nn.Module:
    torch.manual_seed(0)
    return Gemma2ForCausalLM(Gemma2Config(**SIZES)).eval()  # type: ignore[no-any-return]


@torch.inference_mode()
def logits(model: nn.Module) -> Tensor:
    out: Tensor = model(IDS).logits
    return out


@pytest.fixture(params=["kernel", "torch"])
def route_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pack runs once with whatever is best here and once with what is left without compiler and oneDNN."""
    if request.param == "torch":
        monkeypatch.setattr(layout, "load_linear_kernel", refuse)
        monkeypatch.setattr(layout, "_computes_correctly", lambda route: False)
    return str(request.param)


def refuse() -> None:
    raise KernelBuildError("no C++ compiler found")


@pytest.mark.parametrize("make", [llama, qwen2, gemma2, lambda: llama(tie_word_embeddings=True, attention_bias=True)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_packed_model_answers_as_before(make: Callable[[], nn.Module], dtype: torch.dtype, route_name: str) -> None:
    model = make().to(dtype)
    wide = copy.deepcopy(model).float()
    report = pack(model)
    assert not any(type(module) is nn.Linear for module in model.modules())
    assert report.num_layers == 2 * 7 + 1
    # bfloat16 left as it is rounds every activation; all other routes compute in float32.
    tolerance = 1e-4 if report.activation_dtype is torch.float32 else 5e-2
    torch.testing.assert_close(logits(model).float(), logits(wide), rtol=0, atol=tolerance)


def test_activations_are_float32_and_weights_stay_narrow() -> None:
    model = llama().bfloat16()
    report = pack(model)
    if report.route != "kernel":
        pytest.skip(report.reason)
    assert logits(model).dtype is torch.float32
    assert report.activation_dtype is torch.float32
    assert report.weight_dtype is torch.bfloat16
    # Outputs are padded to whole blocks of 16: 24 to 32, 72 to 80, 101 to 112.
    weights = 2 * (48 * 48 * 2 + 48 * 32 * 2 + 2 * 48 * 80 + 72 * 48) + 48 * 112
    assert report.weight_bytes == 2 * weights
    assert all(parameter.dtype is torch.float32 for parameter in model.parameters())


def test_rows_do_not_depend_on_their_neighbours() -> None:
    model = llama().bfloat16()
    if not pack(model).is_row_invariant:
        pytest.skip("needs a C++ compiler")
    layer = model.get_submodule("model.layers.0.mlp.down_proj")
    x = torch.randn(40, 72)
    alone = torch.cat([layer(row[None]) for row in x])
    assert all(torch.equal(layer(x[:num_rows]), alone[:num_rows]) for num_rows in range(1, 41))


def test_a_tied_table_is_stored_once() -> None:
    model = qwen2().bfloat16()
    table = weakref.ref(model.get_input_embeddings().weight)  # type: ignore[operator]
    report = pack(model)
    if report.route != "kernel":
        pytest.skip(report.reason)
    gc.collect()
    assert table() is None
    assert isinstance(model.lm_head, PackedLinear)
    assert model.get_input_embeddings().weight is model.lm_head.weight  # type: ignore[operator]


def test_originals_are_freed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = llama().bfloat16()
    originals = [weakref.ref(module.weight) for module in model.modules() if type(module) is nn.Linear]
    alive = []
    pack_weight = Route.pack

    def counting(self: Route, weight: Tensor) -> Tensor:
        alive.append(sum(original() is not None for original in originals))
        return pack_weight(self, weight)

    monkeypatch.setattr(Route, "pack", counting)
    pack(model)
    # The layer just replaced may still be held by the loop.
    assert all(left <= len(originals) - i + 1 for i, left in enumerate(alive))
    assert alive[-1] <= 2


def test_a_weight_can_still_be_asked_about(route_name: str) -> None:
    weight, bias = torch.randn(30, 20).bfloat16(), torch.randn(30)
    model = nn.Sequential(nn.Linear(20, 30))
    model[0].weight, model[0].bias = nn.Parameter(weight), nn.Parameter(bias.bfloat16())
    pack(model)
    layer = model[0]
    assert isinstance(layer, PackedLinear)
    assert (layer.in_features, layer.out_features) == (20, 30)
    assert layer.weight.shape == (30, 20)
    assert layer.weight.device.type == "cpu"
    assert layer.weight.dtype is layer.route.activation_dtype
    x = torch.randn(3, 20).to(layer.weight.dtype)
    assert torch.equal((layer.weight * 1).float(), weight.float())
    torch.testing.assert_close(F.linear(x, layer.weight, layer.bias.to(x.dtype)), layer(x), rtol=2e-2, atol=2e-2)  # type: ignore[union-attr]
    assert not list(model.parameters())


def test_a_layer_held_twice_is_packed_once() -> None:
    shared = nn.Linear(8, 8)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert pack(model).num_layers == 1
    assert model[0] is model[2]


def test_a_subclass_of_linear_is_left_alone() -> None:
    class Scaled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    model = nn.Sequential(Scaled(8, 8), nn.Linear(8, 8)).bfloat16()
    assert pack(model).num_layers == 1
    assert isinstance(model[0], Scaled)


def test_a_float32_layer_in_a_narrow_model_keeps_its_precision() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 8).float()).eval()
    model[0].bfloat16()
    exact = copy.deepcopy(model).double()
    x = torch.randn(2, 64)
    if pack(model).activation_dtype is not torch.float32:
        pytest.skip("activations are narrow here")
    torch.testing.assert_close(model(x).double(), exact(x.double()), rtol=0, atol=1e-5)


class Experts(nn.Module):
    """Most parameters in one tensor that is no linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.Parameter(torch.randn(4, 32, 32, dtype=torch.bfloat16))
        self.gate = nn.Linear(32, 32, dtype=torch.bfloat16)


def test_expert_tensors_are_not_widened() -> None:
    model = Experts()
    report = pack(model)
    assert report.activation_dtype is torch.bfloat16
    assert model.experts.dtype is torch.bfloat16
    x = torch.randn(3, 32).bfloat16()
    assert model.gate(x).dtype is torch.bfloat16
    assert pack(Experts(), activation_dtype=torch.float32).activation_dtype is torch.float32


def test_without_a_compiler_the_libraries_serve_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "load_linear_kernel", refuse)
    model = llama()
    wide = copy.deepcopy(model)
    report = pack(model)
    assert report.route in ("onednn", "torch")
    assert not report.is_row_invariant
    assert "no C++ compiler found" in str(report)
    assert "15 linear layers" in str(report)
    torch.testing.assert_close(logits(model), logits(wide), rtol=0, atol=1e-4)


def test_kernels_can_be_switched_off() -> None:
    route = choose_route(torch.float32, torch.float32, use_kernels=False)
    assert route.kernel is None
    assert "switched off" in route.reason


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_route_that_is_chosen_multiplies_and_unpacks(dtype: torch.dtype) -> None:
    weight = torch.randn(83, 37).to(dtype)
    for use_kernels in (True, False):
        route = choose_route(dtype, torch.float32, use_kernels=use_kernels)
        packed = route.pack(weight)
        assert torch.equal(route.unpack(packed, 83, 37).float(), weight.float())
        x = torch.randn(3, 37).to(route.activation_dtype)
        torch.testing.assert_close(
            route.multiply(x, packed, None, 83).float(), x.float() @ weight.float().T, rtol=2e-2, atol=5e-2
        )


def test_refuses_what_it_cannot_pack() -> None:
    with pytest.raises(ModelLoadError, match="float64"):
        pack(nn.Sequential(nn.Linear(4, 4)).double())
    with pytest.raises(ModelLoadError, match="meta"):
        pack(nn.Sequential(nn.Linear(4, 4, device="meta")))


@pytest.mark.parametrize("make", [llama, qwen2, gemma2, lambda: llama(tie_word_embeddings=True, attention_bias=True)])
def test_a_quantised_model_answers_much_as_before(make: Callable[[], nn.Module]) -> None:
    """Tied tables, biases and a bias of a norm included; a random model forgives less than a trained one."""
    expected = logits(make())
    errors = {}
    for quantization in QUANTIZATIONS[1:]:
        model = make().bfloat16()
        report = pack(model, quantization=quantization)
        assert report.num_layers == 2 * 7 + 1
        assert report.is_row_invariant
        assert report.activation_dtype is torch.float32
        assert f" MiB {quantization}" in str(report)
        errors[quantization] = float((logits(model) - expected).norm() / expected.norm())
    assert errors["int8"] < 0.05
    assert errors["int8"] < errors["int4"] < 0.4


def test_the_output_layer_of_four_bits_has_eight_and_lends_them_to_a_tied_table() -> None:
    model = qwen2().bfloat16()
    table = weakref.ref(model.get_input_embeddings().weight)  # type: ignore[operator]
    wide = model.lm_head.weight.detach().float()  # type: ignore[operator, union-attr]
    report = pack(model, quantization="int4")
    gc.collect()
    assert table() is None
    assert model.get_input_embeddings().weight is model.lm_head.weight  # type: ignore[operator, union-attr]
    rows = model.get_input_embeddings()(IDS)  # type: ignore[operator]
    assert rows.dtype is torch.float32
    torch.testing.assert_close(rows, wide[IDS], rtol=0, atol=float(wide.abs().max()) / 127)
    formats = {
        name.rpartition(".")[2]: module.route.kernel.weight_format.name  # type: ignore[union-attr]
        for name, module in model.named_modules()
        if isinstance(module, PackedLinear)
    }
    assert formats.pop("lm_head") == "int8"
    assert set(formats.values()) == {"int4_g32"}
    assert "int4_g32 (output layer int8)" in str(report)


def test_quantised_weights_are_as_small_as_they_say() -> None:
    sizes = {q: pack(llama(hidden_size=256).bfloat16(), quantization=q).weight_bytes for q in QUANTIZATIONS}
    assert sizes["int8"] < 0.55 * sizes["none"]
    assert sizes["int4"] < 0.7 * sizes["int8"]


def test_inputs_are_rounded_where_weights_are_bfloat16_and_nowhere_else() -> None:
    """A router in float32 keeps its precision."""
    try:
        check_matmul_precision("bfloat16", torch.device("cpu"))
    except ConfigError as error:
        pytest.skip(str(error))
    model = llama().bfloat16()
    model.lm_head.float()
    expected = logits(llama())
    report = pack(model, matmul_precision="bfloat16")
    assert report.num_layers == 2 * 7 + 1
    assert report.is_row_invariant
    assert report.activation_dtype is torch.float32
    assert "inputs in bfloat16" in str(report)
    precisions = {
        name.rpartition(".")[2]: module.route.matmul_precision  # type: ignore[union-attr]
        for name, module in model.named_modules()
        if isinstance(module, PackedLinear)
    }
    assert precisions.pop("lm_head") == "float32"
    assert set(precisions.values()) == {"bfloat16"}
    assert 0 < (logits(model) - expected).norm() < 0.02 * expected.norm()


def test_inputs_are_not_rounded_for_weights_of_other_formats() -> None:
    for dtype in (torch.float32, torch.float16):
        with pytest.raises(ConfigError, match=f"for weights in bfloat16, and this model's are {str(dtype)[6:]}"):
            pack(llama().to(dtype), matmul_precision="bfloat16")
    with pytest.raises(ConfigError, match="for weights as they are, not int8"):
        pack(llama().bfloat16(), quantization="int8", matmul_precision="bfloat16")


class Scales(nn.Module):
    """Most parameters in one tensor that is no linear layer, all of them in float32."""

    def __init__(self, in_features: int = 8) -> None:
        super().__init__()
        self.experts = nn.Parameter(torch.randn(40, 40))
        self.gate = nn.Linear(in_features, 8)


def test_a_model_that_would_mostly_stay_as_it_is_is_not_quantised() -> None:
    with pytest.raises(ModelLoadError, match=r"quantization int8 would reach only 4% of the weights that Scales"):
        pack(Scales(), quantization="int8")
    with pytest.raises(ModelLoadError, match=r"sums of 131072 products at most; gate of Scales has 131073"):
        pack(Scales(2**17 + 1), quantization="int4")


def test_bits_are_chosen_where_a_model_can_be_quantised() -> None:
    cpu = torch.device("cpu")
    assert automatic_quantization(llama(), cpu) == "int8"
    assert automatic_quantization(Scales(), cpu) == "none", "most of it would stay as it is"
    assert automatic_quantization(llama(), torch.device("meta")) == "none", "the kernels are for the CPU"


def test_report_is_a_sentence() -> None:
    report = linear.PackReport("kernel", 3, torch.bfloat16, torch.float32, 2**21, 0.25, True, "own avx2 kernel")
    assert str(report) == (
        "own avx2 kernel: 3 linear layers, 2 MiB bfloat16, activations float32, packed in 0.2 s; "
        "rows are bitwise independent"
    )
