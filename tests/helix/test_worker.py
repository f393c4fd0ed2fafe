"""What an engine runs on: the right pair, tested, checked against each other, in pools that fit."""

from __future__ import annotations

from helix.config import EngineConfig
from helix.worker import load_worker


def test_the_built_in_pair_goes_by_its_names() -> None:
    """A path would tell clients where the server is installed, and change the fingerprint with it."""
    config = EngineConfig()
    info = load_worker(config).info(config)
    assert (info.model, info.draft_model) == ("helix-demo", "helix-demo-draft")
