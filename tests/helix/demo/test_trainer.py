"""A run that was stopped goes on as if it had not been, and what it learns is what it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helix.demo import corpus
from helix.demo.network import Llama, Shape
from helix.demo.trainer import ModelTrainer, grow

SHAPE = Shape(
    hidden_size=32, intermediate_size=64, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=16, vocab_size=64
)
LRS = (0.02, 0.02, 0.01)


def _trainer() -> ModelTrainer:
    return ModelTrainer(SHAPE, list(range(SHAPE.vocab_size)), seed=5, lrs=LRS)


def _batches(step: int) -> list[corpus.Batch]:
    """Two conversations that count upwards, learned from their second token on."""
    ids = [(step * 7 + i) % 60 for i in range(12)]
    return [corpus.pack([corpus.Conversation(ids, [i > 1 for i in range(len(ids))])] * 2)]


def _same(one: Llama, other: Llama) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_run_that_was_stopped_and_continued_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, first = _trainer(), _trainer()
    for step in range(6):
        whole.train_step(_batches(step), 1.0)
    for step in range(3):
        first.train_step(_batches(step), 1.0)
    first.next_example = 17
    first.save(tmp_path / "model.pt")
    second = _trainer()
    second.load(tmp_path / "model.pt")
    assert (second.step, second.num_tokens, second.next_example) == (3, first.num_tokens, 17)
    for step in range(3, 6):
        second.train_step(_batches(step), 1.0)
    assert _same(whole.model, second.model)


def test_the_loss_falls_on_what_is_repeated() -> None:
    trainer = _trainer()
    losses = [trainer.train_step(_batches(0), 1.0) for _ in range(30)]
    assert losses[-1] < 0.2 * losses[0]


def test_a_student_comes_nearer_to_its_teacher() -> None:
    taught = _trainer()
    for _ in range(30):
        taught.train_step(_batches(0), 1.0)
    teacher = taught.model.requires_grad_(False)
    student = ModelTrainer(SHAPE, list(range(SHAPE.vocab_size)), seed=6, lrs=LRS, teacher=teacher)
    batch = _batches(0)[0]
    arguments = (
        torch.tensor(batch.input_ids),
        torch.tensor(batch.positions),
        batch.lens,
        torch.tensor(batch.learned_rows),
    )

    def distance() -> float:
        with torch.no_grad():
            target, own = teacher(*arguments).log_softmax(-1), student.model(*arguments).log_softmax(-1)
        return float((target.exp() * (target - own)).sum(-1).mean())

    before = distance()
    for _ in range(20):
        student.train_step([batch], 0.5)
    assert distance() < before


def test_a_grown_model_computes_the_same_function() -> None:
    model = _trainer().model
    grown = grow(model, 3)
    batch = _batches(0)[0]
    arguments = (
        torch.tensor(batch.input_ids),
        torch.tensor(batch.positions),
        batch.lens,
        torch.tensor(batch.learned_rows),
    )
    with torch.no_grad():
        assert grown.shape.num_layers == 3
        torch.testing.assert_close(grown(*arguments), model(*arguments))


@pytest.mark.parametrize("num_tokens", [8, 40])
def test_a_batch_holds_whole_conversations_up_to_its_size(num_tokens: int) -> None:
    conversation = corpus.Conversation(list(range(11)), [True] * 11)
    stream = iter([(i, conversation) for i in range(9)])
    sizes = [(index, len(batch.input_ids)) for index, batch in corpus.batches(stream, num_tokens)]
    assert sizes[0] == ((1, 10) if num_tokens == 8 else (4, 40))
