"""`helix models`: what can be served without a download, which pairs fit together, and fetching a model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helix import LocalModel, Pair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    purpose, usage = "fetch a model from the Hugging Face hub", "helix models download NAME [--revision TEXT]"
    download = actions.add_parser("download", help=purpose, usage=usage, allow_abbrev=False)
    download.add_argument("name", metavar="NAME", help="Name on the hub, such as Qwen/Qwen3-0.6B.")
    download.add_argument("--revision", metavar="TEXT", help="Branch, tag or commit.")
    download.set_defaults(download=True)


def run(options: argparse.Namespace) -> int:
    """Print the list, or fetch and say what can be done next."""
    if getattr(options, "download", False):
        from helix import download_model

        path = download_model(options.name, revision=options.revision)
        print(f"{options.name} is in {path}\nServe it:\n\n  helix serve {options.name} --draft-model auto")
        return 0
    from helix import fitting_pairs, list_local_models

    models = list_local_models()
    print(table(models))
    print()
    print(pairs_text(fitting_pairs(models)))
    return 0


def table(models: list[LocalModel]) -> str:
    """Return one line per model."""
    rows = [("MODEL", "ARCHITECTURE", "PARAMETERS", "WEIGHTS", "ON DISK")]
    for model in models:
        size = f"{model.num_parameters / 1e6:,.1f} M"
        rows.append((model.name, model.architecture, size, model.dtype, f"{model.num_bytes / 2**20:,.0f} MiB"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = ([text.ljust(width) for text, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in padded)


def pairs_text(pairs: list[Pair]) -> str:
    """Say which model can draft for which."""
    if not pairs:
        return "No two fit as target and draft: a draft has the target's tokenizer and at most a third of its size."
    lines = [f"  helix serve {pair.target.name} --draft-model {pair.draft.name}" for pair in pairs]
    return "\n".join(["Pairs with the same tokenizer, the draft small enough to pay:", *lines])
