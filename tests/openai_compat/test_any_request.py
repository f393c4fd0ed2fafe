"""Requests that nobody thought of: whatever the document allows, and what it does not, is answered as it says."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from openai_compat.openapi.operations import OPERATIONS
from tests.fakes import FakeEngine
from tests.servers import Server

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
NUM_EXAMPLES = 5
"""Few, as making them takes much longer than answering them: `schemathesis run URL/openapi.json` asks for hours."""
ALLOWED = [pytest.param(name, GenerationMode.POSITIVE, id=f"{name} allowed") for name in OPERATIONS]
FORBIDDEN = [
    pytest.param(name, GenerationMode.NEGATIVE, id=f"{name} forbidden")
    for name, described in OPERATIONS.items()
    if described.body or described.query  # a path takes any text
]


@pytest.fixture(scope="module")
def described(shared_server: Server[FakeEngine]) -> Any:
    return schemathesis.openapi.from_url(f"{shared_server.url}/openapi.json")


@pytest.mark.parametrize(("name", "mode"), [*ALLOWED, *FORBIDDEN])
def test_every_answer_is_one_that_the_document_foresees(
    described: Any, server: Server[FakeEngine], name: str, mode: GenerationMode
) -> None:
    operation = described.find_operation_by_id(name)

    @settings(
        max_examples=NUM_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
