"""The version that the command and the document tell."""

from __future__ import annotations

from importlib import metadata

import pytest

from openai_compat.app import create_app
from openai_compat.version import package_version
from tests.fakes import FakeEngine


def test_the_document_carries_the_package_version() -> None:
    assert create_app(FakeEngine()).openapi_schema.info.version == package_version()


def test_a_copy_that_nobody_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert package_version() == "from source"
