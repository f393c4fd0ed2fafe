"""What is promised about security names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PROMISES = (TESTS.parent / ".github" / "SECURITY.md").read_text(encoding="utf-8")


def test_every_promise_names_its_tests() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) > 8
    for row in rows:
        *_, tests, _ = row.split("|")
        names = re.findall(r"`([\w/]+(?:\.py|/))`", tests)
        assert names, row
        for name in names:
            assert [*TESTS.rglob(name.rstrip("/"))], name
