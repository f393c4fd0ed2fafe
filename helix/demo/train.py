"""Train the built-in models: `python -m helix.demo.train tokenizer`, then `target`, `draft`, `head`, `export`.

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
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tqdm import tqdm
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from helix.demo import DRAFT_DIR, TARGET_DIR, corpus
from helix.demo.example import Split
from helix.demo.head import HEAD_FILE, Head
from helix.demo.network import DRAFT, TARGET, Llama, Shape
from helix.demo.tokenizer import END_OF_TEXT, TURN_END, bare_forms, train_tokenizer, wrap
from helix.demo.trainer import HeadTrainer, ModelTrainer, Trainer

SHAPES = {"target": TARGET, "draft": DRAFT}
FOLDERS = {"target": TARGET_DIR, "draft": DRAFT_DIR}
WARMUP_STEPS = {"target": 60, "draft": 60, "head": 10}
NUM_FITTED_BATCHES = 6
"""Passes that a head's start is fitted to."""
MODEL_TOKENS = (6_000_000, 1_200_000)
"""To train a model on, and of them with a falling rate, unless asked otherwise."""
HEAD_TOKENS = (1_500_000, 600_000)
"""The same for a head."""
PRIVATE_KEYS = ("backend", "is_local", "local_files_only")
"""What transformers 5 writes about its own loading."""


def make_trainer(arguments: argparse.Namespace, tokenizer: PreTrainedTokenizerFast) -> Trainer:
    """Return what trains the network of a command, from its start."""
    lrs = (arguments.muon_lr, arguments.embedding_lr, arguments.norm_lr)
    if arguments.command == "head":
        target = load_model(arguments.teacher or arguments.runs / "target.pt")
        trainer = HeadTrainer(target, arguments.seed, lrs, arguments.depth)
        if not checkpoint(arguments).exists():
            sample = corpus.batches(corpus.stream(tokenizer, arguments.seed + 1), arguments.micro_batch_tokens)
            trainer.start_from_target(batch for _, batch in islice(sample, NUM_FITTED_BATCHES))
        return trainer
    shape = SHAPES[arguments.command]
    shape = replace(shape, num_layers=arguments.layers or shape.num_layers)
    teacher = load_model(arguments.teacher) if arguments.teacher else None
    return ModelTrainer(shape, bare_forms(tokenizer.get_vocab()), arguments.seed, lrs, teacher)


def checkpoint(arguments: argparse.Namespace) -> Path:
    """Return where the network of a command is kept."""
    path: Path = arguments.runs / f"{arguments.name or arguments.command}.pt"
    return path


def train(arguments: argparse.Namespace) -> None:
    """Train the target, the draft or the head until it has seen the tokens asked for."""
    name = arguments.command
    arguments.runs.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(arguments.threads)
    tokenizer = load_tokenizer(arguments.runs)
    trainer = make_trainer(arguments, tokenizer)
    path = checkpoint(arguments)
    if path.exists():
        trainer.load(path)
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
        lr_scale = min(1.0, (trainer.step + 1) / WARMUP_STEPS[name], left / max(1, arguments.decay_tokens))
        before = trainer.num_tokens
        losses.append(trainer.train_step(step_batches, lr_scale))
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
    """Write both models as Hugging Face folders, in bfloat16, and the head beside the target it was trained for.

    Readers never see half a folder. A target that is written again loses a head that there is no checkpoint of.
    """
    tokenizer = load_tokenizer(arguments.runs)
    for name, folder in FOLDERS.items():
        path = arguments.runs / f"{name}.pt"
        if path.exists():
            export_model(load_model(path), tokenizer, arguments.to / name if arguments.to else folder)
    if (path := arguments.runs / "head.pt").exists():
        export_head(load_head_checkpoint(path), arguments.to / "target" if arguments.to else TARGET_DIR)


def load_head_checkpoint(path: Path) -> Head:
    """Return the head of a checkpoint, for reading only."""
    state = torch.load(path, mmap=True)
    head = Head(Shape(**state["shape"])).requires_grad_(False)
    head.load_state_dict(state["model"])
    return head.eval()


def export_head(head: Head, folder: Path) -> None:
    """Write a head into the folder of its target, in bfloat16, replacing another one."""
    weights = {name: weight.to(torch.bfloat16).contiguous() for name, weight in head.exported_state().items()}
    part = folder / f"{HEAD_FILE}.part"
    save_file(weights, part, metadata={"format": "pt"})
    part.chmod(0o644)
    os.replace(part, folder / HEAD_FILE)


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
    for name in (*SHAPES, "head"):
        num_tokens = HEAD_TOKENS if name == "head" else MODEL_TOKENS
        command = commands.add_parser(name, help=f"train the {name}, or go on from its checkpoint")
        command.add_argument("--name", help="name of checkpoint and log, if not the model's")
        command.add_argument("--tokens", type=int, default=num_tokens[0], help="tokens to have seen at the end")
        command.add_argument("--decay-tokens", type=int, default=num_tokens[1], help="of them, with a falling rate")
        muon_lr, norm_lr = (0.015, 0.01) if name == "head" else (0.008, 0.004)
        command.add_argument("--muon-lr", type=float, default=muon_lr, help="of the hidden matrices")
        command.add_argument("--embedding-lr", type=float, default=0.05, help="of embeddings")
        command.add_argument("--norm-lr", type=float, default=norm_lr, help="of norms")
        command.add_argument("--micro-batch-tokens", type=int, default=2048, help="tokens of one pass")
        num_passes = 1 if name == "head" else 2
        command.add_argument("--micro-batches", type=int, default=num_passes, help="passes of one optimizer step")
        command.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
        command.add_argument("--threads", type=int, default=1, help="torch threads")
        if name == "head":
            command.add_argument("--teacher", type=Path, help="checkpoint of its target, if not target.pt of the runs")
            command.add_argument("--depth", type=int, default=3, help="passes on its own output, the first included")
        else:
            command.add_argument("--teacher", type=Path, help="checkpoint to learn the distribution of")
            command.add_argument("--layers", type=int, help="depth; a shallower checkpoint is grown to it")
    exporting = commands.add_parser("export", help="write the checkpoints as Hugging Face folders")
    exporting.add_argument("--to", type=Path, help="folder for target/ and draft/, if not the package")
    return parser.parse_args()


def main() -> None:
    """Run one command."""
    arguments = parse_arguments()
    actions = {"tokenizer": make_tokenizer, "target": train, "draft": train, "head": train, "export": export}
    with contextlib.suppress(BrokenPipeError):
        actions[arguments.command](arguments)


if __name__ == "__main__":
    main()
