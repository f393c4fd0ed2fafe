"""Every field of every request: what comes of it, tried on a server, and the test that says how.

`python -m tests.openai_compat.test_compatibility > openai_compat/COMPATIBILITY.md` writes what people read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_compat.config import ServerConfig
from tests.compatibility import ROWS, SCHEMAS, SMALLEST, Row
from tests.fakes import FakeEngine, echo_reply
from tests.openai_compat.test_fill_in_the_middle import CoderTokenizer
from tests.servers import Server, running_server

ROOT = Path(__file__).parents[2]
PASSING = ("id", "item_id", "created", "created_at", "completed_at", "helix", "metrics")
"""Keys of what differs from one answer to the next."""
DOCUMENT = ROOT / "openai_compat" / "COMPATIBILITY.md"

CASES = [pytest.param(path, row, id=f"{path} {row.name}") for path, rows in ROWS.items() for row in rows]


@pytest.fixture(scope="module")
def coder() -> Iterator[Server[FakeEngine]]:
    """A server of a model that can do everything."""
    engine = FakeEngine(lambda prompt, params: "<think>Hm.</think>" + echo_reply(prompt, params))
    engine.tokenizer = CoderTokenizer()
    engine.tokenizer.chat_template = "<think> </think>"
    with running_server(engine, ServerConfig(port=0)) as running:
        yield running


def _seen(server: Server[FakeEngine], path: str, fields: dict[str, Any]) -> Any:
    """Return everything that a request changed: what the engine was asked, and the answer but for ids and times."""
    engine = server.engine
    engine.reset()
    response = server.http.post(path, json=fields)
    assert response.status_code == 200, response.text
    assert "x-helix-ignored-fields" not in response.headers
    kind = response.headers["content-type"]
    frames = [response.text] if "json" in kind else re.findall(r"data: (\{.*\})", response.text)
    return (engine.params, engine.prompts, engine.cache_salts), (
        kind,
        [_lasting(json.loads(frame)) for frame in frames],
    )


def _lasting(answer: Any) -> Any:
    """Return an answer without what differs each time."""
    if isinstance(answer, list):
        return [_lasting(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: _lasting(value) for name, value in answer.items() if name not in PASSING}


@pytest.mark.parametrize(("path", "row"), CASES)
def test_a_field_does_what_the_table_says(coder: Server[FakeEngine], path: str, row: Row) -> None:
    smallest = {name: value for name, value in (SMALLEST[path] | row.beside).items() if value is not None}
    without = {name: value for name, value in smallest.items() if name != row.name}
    if row.status in ("required", "refused"):
        response = coder.http.post(path, json=without if row.status == "required" else smallest | {row.name: row.value})
        assert response.status_code in (400, 404)
        assert response.json()["error"]["param"] == row.name
        return
    changed = _seen(coder, path, smallest | {row.name: row.value})
    unchanged = _seen(coder, path, smallest)
    assert (changed == unchanged) is (row.status == "accepted")
    assert changed[0] == unchanged[0] or row.status == "works"


@pytest.mark.parametrize("path", SCHEMAS)
def test_every_declared_field_is_in_the_table_once(path: str) -> None:
    names = [row.name for row in ROWS[path]]
    assert sorted(names) == sorted(SCHEMAS[path].__struct_encode_fields__)


@pytest.mark.parametrize("test", sorted({row.test for rows in ROWS.values() for row in rows}))
def test_the_test_that_a_row_names_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


def document() -> str:
    """Return the table in Markdown."""
    lines = [
        "# Which fields work",
        "",
        "Written by `python -m tests.openai_compat.test_compatibility`, a test that tries every row on a server.",
        "Works: the field does what OpenAI's or vLLM's documentation says. Accepted: it asks for nothing that a local",
        "server could do differently. Told: the same, and the answer repeats it. Refused: an error that names it, as",
        "does one that is missing where it is required. A field that is not in the table is ignored,",
        "and named in the response header `x-helix-ignored-fields`. Null is the default of every field but one.",
        "",
        "The events of a response made in the background can be asked for again (`stream` and `starting_after`), those",
        "of others not. `/v1/responses/compact` does not exist. Reasoning is told in the clear and taken back so:",
        "`reasoning.encrypted_content` may be included, and adds nothing.",
        "",
        "| Endpoint | Field | Status | Test |",
        "| --- | --- | --- | --- |",
    ]
    for path, rows in ROWS.items():
        for row in rows:
            status = row.status + (f" ({row.remark})" if row.remark else "")
            lines.append(f"| `{path}` | `{row.name}` | {status} | `{row.test}` |")
    return "\n".join(lines) + "\n"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


if __name__ == "__main__":
    print(document(), end="")
