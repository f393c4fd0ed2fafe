"""Imports point one way, so that numbers, tensors and protocol stay three kinds of code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A module may import from its own layer and those before it.
HELIX_LAYERS = [
    ["helix.errors", "helix.finishing_rate"],
    ["helix.structured.lark_text", "helix.structured.terminal_size"],
    ["helix.structured.escaped_regex"],
    ["helix.structured.escaped"],
    ["helix.config", "helix.structured.grammar"],
    ["helix.sampling_params", "helix.outputs", "helix.structured.state"],
    ["helix.request", "helix.stats", "helix.generation_config", "helix.output_stream"],
    ["helix.kv_cache.swap_space"],
    ["helix.kv_cache.block_manager", "helix.text", "helix.waiting_queue", "helix.step_budget", "helix.suspects"],
    ["helix.scheduler", "helix.structured.compiler"],
    ["helix.snapshot", "helix.spec_decode.proposer", "helix.spec_decode.suffix_index"],
    [
        "helix.spec_decode.costs",
        "helix.spec_decode.experience",
        "helix.spec_decode.choice",
        "helix.spec_decode.guard",
        "helix.spec_decode.suffix_pool",
        "helix.decode_step",
    ],
    ["helix.spec_decode.depth", "helix.spec_decode.suffix"],
    ["helix.spec_decode.selection"],
    ["helix.spec_decode.chain"],
    [
        "helix.spec_decode.acceptance",
        "helix.sampling.noise",
        "helix.sampling.logits_processors",
        "helix.sampling.logprobs",
        "helix.sampling.rows",
        "helix.kv_cache.int8",
        "helix.kv_cache.pages",
        "helix.kv_cache.pool",
        "helix.kernels",
        "helix.recovery",
        "helix.model.stand_in",
        "helix.model.layout",
        "helix.model.quantization",
        "helix.model.linear",
        "helix.model.loading_bar",
        "helix.model.mapped_files",
        "helix.model.siblings",
        "helix.model.narrow_head",
    ],
    [
        "helix.sampling.sampler",
        "helix.model.batch",
        "helix.model.pooling",
        "helix.sampling.prompt_logprobs",
        "helix.spec_decode.ngram",
        "helix.spec_decode.predicted_output",
        "helix.spec_decode.forced_tokens",
    ],
    ["helix.model.families", "helix.model.attention", "helix.spec_decode.growing_draft", "helix.text_stream"],
    ["helix.model.fused_decoder"],
    ["helix.model.fusion"],
    ["helix.demo"],
    ["helix.model.loader", "helix.model.local", "helix.memory_advice"],
    ["helix.model.runner", "helix.model.draft", "helix.machine"],
    ["helix.model.mtp"],
    [
        "helix.model.mtp_loader",
        "helix.spec_decode.draft_model",
        "helix.spec_decode.mtp",
        "helix.spec_decode.translated_draft",
    ],
    ["helix.worker", "helix.admission", "helix.computed_step", "helix.generation", "helix.measured_costs"],
    ["helix.engine"],
    ["helix.async_engine", "helix.bench"],
    ["helix.__main__"],
]
FIRST_WITH_TORCH = "helix.spec_decode.acceptance"


def _modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _layer(module: str) -> int | None:
    for number, layer in enumerate(HELIX_LAYERS):
        if any(module == name or module.startswith(name + ".") for name in layer):
            return number
    return None


MODULES = dict(_modules("helix"))


@pytest.mark.parametrize("module", [name for name in MODULES if _layer(name) is not None])
def test_a_module_imports_only_from_its_layer_and_those_below(module: str) -> None:
    own = _layer(module)
    assert own is not None
    for imported in _imports(MODULES[module]):
        other = _layer(imported)
        assert other is None or other <= own, f"{module} imports {imported} from a layer above"


def test_every_module_has_a_layer() -> None:
    packages = {"helix", "helix.kv_cache", "helix.model", "helix.sampling", "helix.spec_decode", "helix.structured"}
    assert [name for name in MODULES if _layer(name) is None and name not in packages] == []


def test_bookkeeping_has_no_tensors() -> None:
    limit = _layer(FIRST_WITH_TORCH)
    assert limit is not None
    for module, tree in MODULES.items():
        layer = _layer(module)
        if layer is not None and layer < limit:
            run = [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node))]
            names = _imports(ast.Module(run, []))
            assert not [name for name in names if name == "torch" or name.startswith("torch.")], module


def test_the_engine_knows_no_protocol() -> None:
    for module, tree in MODULES.items():
        for imported in _imports(tree):
            assert imported.split(".")[0] not in {"msgspec", "litestar", "uvicorn", "openai_compat"}, module


def test_the_server_sees_the_engine_only_through_its_public_surface() -> None:
    for module, tree in _modules("openai_compat"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                assert not node.module.startswith("helix."), f"{module} imports {node.module}"
            if isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith("helix.")], module
