"""One network in training, for one slow CPU core: its steps, its checkpoint, and how far it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.demo import corpus
from helix.demo.head import Head, states_before
from helix.demo.network import Llama, Shape
from helix.demo.optimizer import Muon

LearningRates = tuple[float, float, float]
"""Of matrices, embeddings and norms."""


class Trainer:
    """Weights, optimizers and progress; a subclass says what is learned."""

    model: Llama | Head

    def __init__(self, model: Llama | Head, seed: int, lrs: LearningRates) -> None:
        """Start with a network as it was made; the seed is that of the corpus."""
        self.model = model
        self.seed, self.lrs = seed, lrs
        self.step = self.num_tokens = self.next_example = 0
        self._make_optimizers()

    def losses(self, batch: corpus.Batch) -> tuple[Tensor, float]:
        """Return what is to become small and what to show of it, each summed over the learned tokens."""
        raise NotImplementedError

    def _make_optimizers(self) -> None:
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed_tokens" not in n]
        embeddings = [p for n, p in self.model.named_parameters() if "embed_tokens" in n]
        norms = [p for n, p in self.model.named_parameters() if p.ndim == 1 and "embed_tokens" not in n]
        optimizers: list[torch.optim.Optimizer] = [Muon(matrices, lr=self.lrs[0], weight_decay=0.1)]
        if embeddings:
            optimizers.append(torch.optim.Adam(embeddings, lr=self.lrs[1], betas=(0.9, 0.98), eps=1e-10))
        optimizers.append(torch.optim.Adam(norms, lr=self.lrs[2], betas=(0.9, 0.98), eps=1e-10))
        self.optimizers = optimizers

    def save(self, path: Path) -> None:
        """Write the checkpoint, atomically."""
        state = {
            "shape": asdict(self.model.shape),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": (self.step, self.num_tokens, self.next_example),
            "seed": self.seed,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path)
        self.model = type(self.model)(Shape(**state["shape"]))
        self.model.load_state_dict(state["model"])
        self._make_optimizers()
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            lr = optimizer.param_groups[0]["lr"]
            optimizer.load_state_dict(saved)
            optimizer.param_groups[0]["lr"] = lr
        self.step, self.num_tokens, self.next_example = state["progress"]
        self.seed = state["seed"]

    def train_step(self, batches: Sequence[corpus.Batch], lr_scale: float) -> float:
        """Take one optimizer step over the batches and return the mean loss to show per learned token."""
        num_learned = sum(len(batch.labels) for batch in batches)
        total = 0.0
        for batch in batches:
            loss, shown = self.losses(batch)
            total += shown
            torch.autograd.backward(loss / num_learned)
        rates = [self.lrs[0], self.lrs[1], self.lrs[2]] if len(self.optimizers) == 3 else [self.lrs[0], self.lrs[2]]
        for optimizer, lr in zip(self.optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = lr * lr_scale
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self.num_tokens += sum(len(batch.input_ids) for batch in batches)
        return total / num_learned


class ModelTrainer(Trainer):
    """A model that learns the corpus, or the distribution of a teacher."""

    model: Llama

    def __init__(
        self, shape: Shape, bare_forms: list[int], seed: int, lrs: LearningRates, teacher: Llama | None = None
    ) -> None:
        """Start from random weights."""
        torch.manual_seed(seed)
        super().__init__(Llama(shape, bare_forms), seed, lrs)
        self.teacher = teacher

    def load(self, path: Path) -> None:
        """Go on from a checkpoint; its model may have fewer layers than asked for, and is grown then."""
        num_layers = self.model.shape.num_layers
        super().load(path)
        if num_layers > self.model.shape.num_layers:
            self.model = grow(self.model, num_layers)
            self._make_optimizers()

    def losses(self, batch: corpus.Batch) -> tuple[Tensor, float]:
        """With a teacher, four fifths of the loss are the divergence from its distribution instead of the label."""
        arguments = (torch.tensor(batch.input_ids), torch.tensor(batch.positions), batch.lens)
        keep, labels = torch.tensor(batch.learned_rows), torch.tensor(batch.labels)
        logits = self.model(*arguments, keep)
        loss = F.cross_entropy(logits, labels, reduction="sum")
        shown = loss.item()
        if self.teacher is not None:
            with torch.no_grad():
                target_probs = self.teacher(*arguments, keep).softmax(-1)
            loss = 0.2 * loss + 0.8 * F.cross_entropy(logits, target_probs, reduction="sum")
        return loss, shown


class HeadTrainer(Trainer):
    """A head that learns what the target will say next, on its own output as deep as it is trained."""

    model: Head

    def __init__(self, target: Llama, seed: int, lrs: LearningRates, depth: int) -> None:
        """Start from random weights, behind a target that does not change."""
        torch.manual_seed(seed)
        super().__init__(Head(target.shape), seed, lrs)
        self.target, self.depth = target, depth

    @torch.no_grad()
    def start_from_target(self, batches: Iterable[corpus.Batch]) -> None:
        """Start as the target's last layer, behind the projection that comes nearest to what that layer reads.

        Least squares over some batches: the loss starts at a few percent of that of random weights.
        """
        head, target = self.model, self.target
        head.layers[0].load_state_dict(target.layers[-1].state_dict())
        head.norm.load_state_dict(target.norm.state_dict())
        size = target.shape.hidden_size
        gram, moments = torch.eye(2 * size), torch.zeros(2 * size, size)
        for batch in batches:
            input_ids, positions = torch.tensor(batch.input_ids), torch.tensor(batch.positions)
            wanted = target.last_layer_input(input_ids, positions, batch.lens)
            states = target.last_layer(wanted, positions, batch.lens)
            both = head.both(F.embedding(input_ids, target.embed_tokens()), states_before(states, positions))
            gram, moments = gram + both.T @ both, moments + both.T @ wanted
        head.fc.weight.copy_(torch.linalg.solve(gram, moments).T)

    def losses(self, batch: corpus.Batch) -> tuple[Tensor, float]:
        """Divergence from the target's distribution at every depth, less at deeper ones; shown is that of the first."""
        input_ids, positions = torch.tensor(batch.input_ids), torch.tensor(batch.positions)
        rows = torch.tensor(batch.learned_rows)
        with torch.no_grad():
            embeddings = F.embedding(input_ids, self.target.embed_tokens())
            states = self.target.hidden_states(input_ids, positions, batch.lens)
            logprobs = self.target.logits(states[rows]).log_softmax(-1)
            probs = logprobs.exp()
        divergences = []
        for reached, found in self.model(embeddings, states, positions, batch.lens, rows, self.depth):
            guessed = self.target.logits(found).log_softmax(-1)
            divergences.append((probs[reached] * (logprobs[reached] - guessed)).sum())
        loss = sum(DEEPER**i * divergence for i, divergence in enumerate(divergences))
        assert isinstance(loss, Tensor), "there is at least one depth"
        return loss, divergences[0].item()


DEEPER = 0.8
"""Weight of a depth's loss in that of the one before: it counts only where that one was right."""


def grow(model: Llama, num_layers: int) -> Llama:
    """Return a deeper model that computes the same function.

    Layers from the last to the first are followed by a copy of themselves that adds nothing yet.
    """
    num_new = num_layers - model.shape.num_layers
    sources = list(range(model.shape.num_layers))
    order = sorted(sources + sources[-num_new:])
    grown = Llama(replace(model.shape, num_layers=num_layers))
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("layers.")}
    for i, source in enumerate(order):
        is_copy = i > 0 and order[i - 1] == source
        for name, value in model.layers[source].state_dict().items():
            adds = name in ("self_attn.o_proj.weight", "mlp.down_proj.weight")
            state[f"layers.{i}.{name}"] = torch.zeros_like(value) if is_copy and adds else value.clone()
    grown.load_state_dict(state)
    return grown
