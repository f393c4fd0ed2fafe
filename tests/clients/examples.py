"""The programs in the docstrings of this folder, which are there to be copied."""

from __future__ import annotations

import ast
from pathlib import Path

URL = "http://127.0.0.1:8000"
"""Of the server in all of them."""


def example(file: Path, url: str) -> str:
    """Return what follows the first paragraph of a module's docstring, as a program for the server at url."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n\n")[2].replace(URL, url)
