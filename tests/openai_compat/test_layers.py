"""The server's imports point one way: protocol objects, then translation, then delivery, then wiring."""

from __future__ import annotations

import ast
from pathlib import Path

import openai_compat

# A module may import from its own layer and those before it.
LAYERS = [
    {"schemas", "config", "engine", "held_back", "options", "version", "closed_schema", "direct_event", "direct_write"},
    {"errors", "tool_calls", "reasoning"},
    {"answer_format"},
    {
        "sse",
        "body",
        "auth",
        "metrics",
        "request_log",
        "request_record",
        "tracing",
        "request_ids",
        "served_models",
        "speculation",
        "prompts",
        "structured_output",
        "caller",
        "choice_outputs",
    },
    {"draining", "loading", "local_only", "http_protocol"},
    {"openapi"},
    {"params", "echo", "fill_in_the_middle", "generate"},
    {"responses"},
    {"responses_api"},
    {"service", "delivery"},
    {"routes"},
    {"app"},
    {"banner", "bounded_protocol", "server"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
ROOT = Path(openai_compat.__path__[0])


def layer_of(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


def test_imports_point_one_way() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        own = path.relative_to(ROOT).with_suffix("").parts[0]
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("openai_compat"):
                module = (node.module or "").split(".")
                names = [module[1]] if len(module) > 1 else [alias.name for alias in node.names]
                for imported in names:
                    assert layer_of(imported) <= layer_of(own), f"{path} imports {imported}"
