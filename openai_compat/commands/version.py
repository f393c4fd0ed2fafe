"""Which Helix this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def helix_version() -> str:
    """Return the installed version, or where the code comes from instead."""
    try:
        return version("helix-llm")
    except PackageNotFoundError:
        return "from source"
