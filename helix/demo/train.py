"""Train the built-in models: `python -m helix.demo.train tokenizer`, then `target`, `draft`, `export`.

A run is reproducible and can be stopped at any step: the checkpoint holds weights, optimizers and the number of the
next example. The learning rate warms up, stays, and falls to zero over the last tokens, so a run can be continued
for longer by giving more tokens before the fall begins.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections import deque
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from helix.demo import DRAFT_DIR, TARGET_DIR, corpus
from helix.demo.example import Split
from helix.demo.network import DRAFT, TARGET, Llama, Shape
from helix.demo.optimizer import Muon
from helix.demo.tokenizer import END_OF_TEXT, TURN_END, bare_forms, train_tokenizer, wrap

SHAPES = {"target": TARGET, "draft": DRAFT}
FOLDERS = {"target": TARGET_DIR, "draft": DRAFT_DIR}
WARMUP_STEPS = 60
PRIVATE_KEYS = ("backend", "is_local", "local_files_only")
"""What transformers 5 writes about its own loading."""


class Trainer:
    """One model in training: weights, optimizers and how far it is."""

    def __init__(self, shape: Shape, bare_forms: list[int], seed: int, lrs: tuple[float, float, float]) -> None:
        """Start from random weights; lrs are those of matrices, embeddings and norms."""
        torch.manual_seed(seed)
        self.model = Llama(shape, bare_forms)
        self.seed, self.lrs = seed, lrs
        self.step = self.num_tokens = self.next_example = 0
        self._make_optimizers()

    def _make_optimizers(self) -> None:
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        embeddings = [p for n, p in self.model.named_parameters() if "embed" in n]
        norms = [p for n, p in self.model.named_parameters() if p.ndim == 1 and "embed" not in n]
        self.optimizers = (
            Muon(matrices, lr=self.lrs[0], weight_decay=0.1),
            torch.optim.Adam(embeddings, lr=self.lrs[1], betas=(0.9, 0.98), eps=1e-10),
            torch.optim.Adam(norms, lr=self.lrs[2], betas=(0.9, 0.98), eps=1e-10),
        )

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
        """Go on from a checkpoint; its model may have fewer layers than asked for, and is grown then."""
        state = torch.load(path)
        wanted = self.model.shape
        self.model = Llama(Shape(**state["shape"]))
        self.model.load_state_dict(state["model"])
        self._make_optimizers()
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            lr = optimizer.param_groups[0]["lr"]
            optimizer.load_state_dict(saved)
            optimizer.param_groups[0]["lr"] = lr
        self.step, self.num_tokens, self.next_example = state["progress"]
        self.seed = state["seed"]
        if wanted.num_layers > self.model.shape.num_layers:
            self.model = grow(self.model, wanted.num_layers)
            self._make_optimizers()

    def train_step(self, batches: list[corpus.Batch], lr_scale: float, teacher: Llama | None = None) -> float:
        """Take one optimizer step over the batches and return the mean loss per learned token.

        With a teacher, four fifths of the loss are the divergence from the teacher's distribution instead of the label.
        """
        num_learned = sum(len(batch.labels) for batch in batches)
        total = 0.0
        for batch in batches:
            arguments = (torch.tensor(batch.input_ids), torch.tensor(batch.positions), batch.lens)
            keep, labels = torch.tensor(batch.learned_rows), torch.tensor(batch.labels)
            logits = self.model(*arguments, keep)
            loss = F.cross_entropy(logits, labels, reduction="sum")
            total += loss.item()
            if teacher is not None:
                with torch.no_grad():
                    target_probs = teacher(*arguments, keep).softmax(-1)
                loss = 0.2 * loss + 0.8 * F.cross_entropy(logits, target_probs, reduction="sum")
            torch.autograd.backward(loss / num_learned)
        for optimizer, lr in zip(self.optimizers, self.lrs, strict=True):
            optimizer.param_groups[0]["lr"] = lr * lr_scale
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        self.num_tokens += sum(len(batch.input_ids) for batch in batches)
        return total / num_learned


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


def train(arguments: argparse.Namespace) -> None:
    """Train the target or the draft until it has seen the tokens asked for."""
    name = arguments.command
    arguments.runs.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads)
    tokenizer = load_tokenizer(arguments.runs)
    shape = replace(SHAPES[name], num_layers=arguments.layers or SHAPES[name].num_layers)
    lrs = (arguments.muon_lr, arguments.embedding_lr, arguments.norm_lr)
    trainer = Trainer(shape, bare_forms(tokenizer.get_vocab()), arguments.seed, lrs)
    path = arguments.runs / f"{arguments.name or name}.pt"
    if path.exists():
        trainer.load(path)
    teacher = None
    if arguments.teacher:
        teacher = load_model(arguments.teacher)
    stopped: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: stopped.append(number))
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    batches = corpus.batches(corpus.stream(tokenizer, trainer.seed, trainer.next_example), arguments.micro_batch_tokens)
    losses: deque[float] = deque(maxlen=50)
    bar = tqdm(total=arguments.tokens, initial=trainer.num_tokens, unit="tok", unit_scale=True, desc=name)
    log = (arguments.runs / f"{arguments.name or name}.log").open("a")
    while trainer.num_tokens < arguments.tokens and not stopped:
        step_batches = []
        for next_example, batch in islice(batches, arguments.micro_batches):
            trainer.next_example = next_example
            step_batches.append(batch)
        left = arguments.tokens - trainer.num_tokens
        lr_scale = min(1.0, (trainer.step + 1) / WARMUP_STEPS, left / max(1, arguments.decay_tokens))
        before = trainer.num_tokens
        losses.append(trainer.train_step(step_batches, lr_scale, teacher))
        bar.update(trainer.num_tokens - before)
        bar.set_postfix(step=trainer.step, loss=f"{sum(losses) / len(losses):.4f}", lr=f"{lr_scale:.2f}")
        print(trainer.step, trainer.num_tokens, f"{losses[-1]:.4f}", f"{lr_scale:.3f}", file=log, flush=True)
        if trainer.step % arguments.save_every == 0:
            trainer.save(path)
    bar.close()
    trainer.save(path)


def load_model(path: Path) -> Llama:
    """Return the model of a checkpoint, for reading only."""
    state = torch.load(path, mmap=True)
    model = Llama(Shape(**state["shape"])).requires_grad_(False)
    model.load_state_dict(state["model"])
    return model.eval()


def load_tokenizer(runs: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer that `tokenizer` trained, or else the exported one."""
    trained = runs / "tokenizer"
    return AutoTokenizer.from_pretrained(trained if trained.exists() else TARGET_DIR)


def make_tokenizer(arguments: argparse.Namespace) -> None:
    """Train the tokenizer on a sample of the training split, rendered as plain text."""

    def texts() -> Any:
        for index in tqdm(range(arguments.examples), desc="tokenizer"):
            example = corpus.generate(arguments.seed + 1, Split.TRAIN, index)
            yield from ("user", "assistant", "system")
            for tool in example.tools or []:
                yield json.dumps(tool["function"], ensure_ascii=False)
            for message in example.messages:
                yield message.get("content") or ""
                for call in message.get("tool_calls") or []:
                    yield json.dumps(call["function"], ensure_ascii=False)

    wrap(train_tokenizer(list(texts())), TARGET.max_position_embeddings).save_pretrained(arguments.runs / "tokenizer")


def export(arguments: argparse.Namespace) -> None:
    """Write both models as Hugging Face folders, in bfloat16; readers never see half a folder."""
    tokenizer = load_tokenizer(arguments.runs)
    for name, folder in FOLDERS.items():
        checkpoint = arguments.runs / f"{name}.pt"
        if checkpoint.exists():
            export_model(load_model(checkpoint), tokenizer, arguments.to / name if arguments.to else folder)


def to_transformers(model: Llama, turn_end: int, end_of_text: int) -> LlamaForCausalLM:
    """Return the model as transformers computes it, in float32."""
    shape = model.shape
    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.max_position_embeddings,
        rms_norm_eps=shape.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=turn_end,
        pad_token_id=end_of_text,
    )
    exported = LlamaForCausalLM(config)
    exported.load_state_dict(model.exported_state())
    exported.generation_config = GenerationConfig(
        eos_token_id=[turn_end, end_of_text], pad_token_id=end_of_text, do_sample=True, temperature=0.3, top_p=0.9
    )
    return exported


def export_model(model: Llama, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write one model and the tokenizer to a folder, replacing it."""
    exported = to_transformers(model, *tokenizer.convert_tokens_to_ids([TURN_END, END_OF_TEXT]))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        exported.to(torch.bfloat16).save_pretrained(temporary)
        save_tokenizer(tokenizer, Path(temporary))
        shutil.copytree(temporary, folder.with_suffix(".part"), copy_function=shutil.copyfile)
        folder.with_suffix(".part").chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(folder.with_suffix(".part"), folder)


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the tokenizer so that transformers 4 can read it too."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in PRIVATE_KEYS}
    config |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(config, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m helix.demo.train", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/demo"), help="folder of checkpoints and logs")
    parser.add_argument("--seed", type=int, default=0, help="of weights and corpus")
    commands = parser.add_subparsers(dest="command", required=True)
    tokenizer = commands.add_parser("tokenizer", help="train the tokenizer on a sample of the corpus")
    tokenizer.add_argument("--examples", type=int, default=40_000, help="size of the sample")
    for name in SHAPES:
        command = commands.add_parser(name, help=f"train the {name}, or go on from its checkpoint")
        command.add_argument("--name", help="name of checkpoint and log, if not the model's")
        command.add_argument("--tokens", type=int, default=6_000_000, help="tokens to have seen at the end")
        command.add_argument("--decay-tokens", type=int, default=1_200_000, help="of them, with a falling rate")
        command.add_argument("--layers", type=int, help="depth; a shallower checkpoint is grown to it")
        command.add_argument("--muon-lr", type=float, default=0.008, help="of the hidden matrices")
        command.add_argument("--embedding-lr", type=float, default=0.05, help="of embeddings")
        command.add_argument("--norm-lr", type=float, default=0.004, help="of norms")
        command.add_argument("--micro-batch-tokens", type=int, default=2048, help="tokens of one pass")
        command.add_argument("--micro-batches", type=int, default=2, help="passes of one optimizer step")
        command.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
        command.add_argument("--threads", type=int, default=1, help="torch threads")
        command.add_argument("--teacher", type=Path, help="checkpoint to learn the distribution of")
    exporting = commands.add_parser("export", help="write the checkpoints as Hugging Face folders")
    exporting.add_argument("--to", type=Path, help="folder for target/ and draft/, if not the package")
    return parser.parse_args()


def main() -> None:
    """Run one command."""
    arguments = parse_arguments()
    actions = {"tokenizer": make_tokenizer, "target": train, "draft": train, "export": export}
    with contextlib.suppress(BrokenPipeError):
        actions[arguments.command](arguments)


if __name__ == "__main__":
    main()
