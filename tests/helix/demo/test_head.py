"""The head that is trained is the head that Helix runs, at every depth, and a step of training makes it better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from helix.demo import TARGET_DIR
from helix.demo.corpus import Batch
from helix.demo.head import HEAD_FILE, Head, load_head
from helix.demo.network import TARGET, Llama, Shape
from helix.demo.train import export_head, to_transformers
from helix.demo.trainer import HeadTrainer
from helix.kv_cache.pool import HiddenStatePool, KVCachePool
from helix.model.batch import Span
from helix.model.loader import prepare
from helix.model.mtp import MTPRunner
from helix.model.mtp_loader import build_mtp
from helix.model.runner import ModelRunner

SHAPE = Shape(
    hidden_size=32, intermediate_size=48, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=8, vocab_size=64
)
CPU = torch.device("cpu")
LENS = [9, 14]
IDS = torch.randint(0, 64, (23,), generator=torch.Generator().manual_seed(0))
POSITIONS = torch.cat([torch.arange(length) for length in LENS])
ROWS = torch.tensor([2, 3, 4, 7, 8, 12, 13, 14, 15, 16, 22])
DEPTH = 3


def _disturbed(network: Any) -> Any:
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)), alpha=0.1)
    return network


def _networks() -> tuple[Llama, Head]:
    torch.manual_seed(0)
    return _disturbed(Llama(SHAPE)), _disturbed(Head(SHAPE))


def _runners(target: Llama, head: Head) -> tuple[ModelRunner, MTPRunner]:
    settings: dict[str, Any] = {"num_blocks": 16, "block_size": 4, "dtype": torch.float32, "device": CPU}
    loaded = prepare(to_transformers(target, 1, 2), "tiny", CPU)
    built = build_mtp({name.removeprefix("mtp."): w for name, w in head.exported_state().items()}, loaded)
    assert built.module is not None and built.layer is not None
    pool = KVCachePool([layer.kv for layer in loaded.layers], **settings)
    runner = ModelRunner(loaded, pool, HiddenStatePool(32, **settings))
    return runner, MTPRunner(built.module, built.layer, runner, KVCachePool([built.layer.kv], **settings))


@torch.inference_mode()
def _drafted(runners: tuple[ModelRunner, MTPRunner], ids: list[int], position: int) -> list[Tensor]:
    """Return the logits that Helix finds at the last of ids when it drafts from some positions before, by depth."""
    target, heads = runners
    found = []
    for depth in range(DEPTH):
        first = position - depth
        if first < 0:
            break
        target.forward([Span([3, 1, 7, 5], 0, ids[: position + 1], 0)])
        logits, states = heads.forward([Span([3, 1, 7, 5], 0, ids[: first + 1], 1)])
        for step in range(1, depth + 1):
            logits, states = heads.forward([Span([3, 1, 7, 5], first + step, [ids[first + step]], 1)], states)
        found.append(logits[0])
    return found


def test_every_depth_of_the_trainer_is_what_helix_finds_when_it_drafts() -> None:
    """Trained on other keys than those it drafts with, a head would be accepted less than it was trained for."""
    target, head = _networks()
    with torch.no_grad():
        embeddings = target.embed_tokens()[IDS]
        states = target.hidden_states(IDS, POSITIONS, LENS)
        results = head(embeddings, states, POSITIONS, LENS, ROWS, DEPTH)
    runners = _runners(target, head)
    num_compared = 0
    for depth, (reached, found) in enumerate(results):
        logits = target.logits(found)
        for index, row in enumerate(ROWS[reached].tolist()):
            start = 0 if row < LENS[0] else LENS[0]
            expected = _drafted(runners, IDS[start : start + LENS[row >= LENS[0]]].tolist(), row - start)[depth]
            assert torch.allclose(logits[index], expected, atol=1e-3), (depth, row)
            num_compared += 1
    assert num_compared == 11 + 7 + 4


def test_a_depth_reaches_the_rows_behind_as_many_others() -> None:
    target, head = _networks()
    with torch.no_grad():
        states = target.hidden_states(IDS, POSITIONS, LENS)
        results = head(target.embed_tokens()[IDS], states, POSITIONS, LENS, ROWS, DEPTH)
    assert [ROWS[reached].tolist() for reached, _ in results[1:]] == [[3, 4, 8, 13, 14, 15, 16], [4, 14, 15, 16]]


def _batch() -> Batch:
    rows = ROWS.tolist()
    return Batch(IDS.tolist(), POSITIONS.tolist(), LENS, rows, [0] * len(rows))


def test_training_brings_the_head_nearer_to_the_target_and_leaves_the_target_alone(tmp_path: Path) -> None:
    target, _ = _networks()
    target.requires_grad_(False)
    target.output.weight.mul_(10)  # a target that is sure of itself
    before = {name: weight.clone() for name, weight in target.state_dict().items()}
    trainer = HeadTrainer(target, 0, (0.01, 0.0, 0.01), DEPTH)
    losses = [trainer.train_step([_batch()], 1.0) for _ in range(12)]
    assert losses[-1] < losses[0] / 2
    assert all(torch.equal(weight, before[name]) for name, weight in target.state_dict().items())
    trainer.save(tmp_path / "head.pt")
    again = HeadTrainer(target, 1, (0.01, 0.0, 0.01), DEPTH)
    again.load(tmp_path / "head.pt")
    assert (again.step, again.seed) == (12, 0)
    assert again.train_step([_batch()], 1.0) == pytest.approx(trainer.train_step([_batch()], 1.0))


def test_a_head_starts_nearer_to_the_target_than_random_weights() -> None:
    target, _ = _networks()
    target.requires_grad_(False)
    target.output.weight.mul_(10)
    trainer = HeadTrainer(target, 0, (0.01, 0.0, 0.01), 1)
    random_loss = trainer.losses(_batch())[1]
    trainer.start_from_target([_batch()])
    assert trainer.losses(_batch())[1] < random_loss / 10


def test_an_exported_head_is_read_back(tmp_path: Path) -> None:
    _, head = _networks()
    assert load_head(tmp_path, SHAPE) is None
    export_head(head, tmp_path)
    weights = load_file(tmp_path / HEAD_FILE)
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    read = load_head(tmp_path, SHAPE)
    assert read is not None
    assert torch.equal(read.fc.weight, head.fc.weight.to(torch.bfloat16).float())
    assert [path.name for path in tmp_path.iterdir()] == [HEAD_FILE], "nothing half written is left"


def test_the_built_in_head_is_small_fits_its_target_and_transformers_loads_the_target_without_remarks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert (TARGET_DIR / HEAD_FILE).stat().st_size <= 4_000_000
    assert load_head(TARGET_DIR, TARGET) is not None
    _, report = AutoModelForCausalLM.from_pretrained(TARGET_DIR, output_loading_info=True)
    assert not any(report.values()), report
    assert not caplog.records
