"""Which Helix this is."""

from __future__ import annotations

from importlib import metadata


def package_version() -> str:
    """Return the installed package's version."""
    try:
        return metadata.version("helix-llm")
    except metadata.PackageNotFoundError:
        return "from source"
