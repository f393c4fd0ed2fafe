"""Tables that do not line up are not read."""

from __future__ import annotations

import json

import pytest

from benchmarks.report import number, percent, print_json, read_bandwidth, table


def test_a_table_is_markdown_with_equal_lines() -> None:
    lines = table(["mode", "tokens/s"], [["plain", number(14.25, 1)], ["draft 4", number(1234.5, 1)]]).splitlines()
    assert lines == [
        "| mode    | tokens/s |",
        "| ------- | -------: |",
        "| plain   |     14.2 |",
        "| draft 4 |  1,234.5 |",
    ]


def test_what_was_not_measured_is_a_dash() -> None:
    assert (number(None), percent(None)) == ("-", "-")
    assert percent(0.721) == "72%"


def test_the_document_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"benchmark": "x", "results": [1, 2]})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"benchmark": "x", "results": [1, 2]}


def test_bandwidth_is_measured() -> None:
    assert read_bandwidth() > 1e8
