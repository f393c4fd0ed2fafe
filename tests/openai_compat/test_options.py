"""Flags are fields: name, type, default and help come from the dataclass."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import Any, Literal, get_type_hints

import pytest

from helix import EngineConfig
from openai_compat.config import ServerConfig
from openai_compat.options import add_options, field_docs, from_options


@dataclass(frozen=True, kw_only=True)
class OvenConfig:
    """How hot and how long."""

    heat_c: float = 180.0
    """Degrees; 100% means
    nothing here."""
    minutes: int | None = None
    """How long; None: until done."""
    mode: Literal["top", "fan"] = "fan"
    """Where heat comes from."""
    shelf: Literal[1, 2] | None = None
    """Counted from below."""
    light: bool = True
    """Whether one can look in."""
    dish: tuple[str, ...] = ()
    """What is in it."""


def parse(*argv: str) -> OvenConfig:
    parser = argparse.ArgumentParser()
    add_options(parser, OvenConfig)
    return from_options(OvenConfig, parser.parse_args(argv))


def test_no_flag_is_the_default() -> None:
    assert parse() == OvenConfig()


def test_each_flag_sets_its_field() -> None:
    argv = [
        "--heat-c",
        "200",
        "--minutes",
        "5",
        "--mode",
        "top",
        "--shelf",
        "2",
        "--no-light",
        "--dish",
        "a",
        "--dish",
        "b",
    ]
    assert parse(*argv) == OvenConfig(heat_c=200.0, minutes=5, mode="top", shelf=2, light=False, dish=("a", "b"))


@pytest.mark.parametrize("argv", [["--mode", "grill"], ["--shelf", "3"], ["--minutes", "x"], ["--unknown", "1"]])
def test_what_does_not_fit_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(*argv)
    assert argv[0] in capsys.readouterr().err


def test_help_is_the_literal_under_the_field() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, OvenConfig)
    text = " ".join(parser.format_help().split())
    assert "How hot and how long." in text
    assert "Degrees; 100% means nothing here. (default: 180.0)" in text
    assert "How long; default: until done." in text
    assert "Whether one can look in. (default: on)" in text
    assert "What is in it. May be given several times." in text


PARTS: list[type[Any]] = [ServerConfig, *get_type_hints(EngineConfig).values()]


@pytest.mark.parametrize("part", PARTS)
def test_every_setting_is_documented(part: type[Any]) -> None:
    assert set(field_docs(part)) == {field.name for field in fields(part)}


def test_no_two_settings_share_a_flag() -> None:
    names = [field.name for part in PARTS for field in fields(part)]
    assert len(names) == len(set(names))
