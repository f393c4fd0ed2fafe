"""The built-in model pair: a small target, a much smaller draft, and everything that made them."""

from pathlib import Path

TARGET_DIR = Path(__file__).parent / "target"
"""Folder of the target in Hugging Face format."""
DRAFT_DIR = Path(__file__).parent / "draft"
"""Folder of the draft in Hugging Face format; same tokenizer as the target."""
