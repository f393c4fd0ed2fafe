"""Schemas say what msgspec reads."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from openai_compat.openapi.schemas import parameters_of, schemas_of
from openai_compat.schemas import responses, tools
from openai_compat.schemas.generate import GenerateQuery


class Dough(Struct, kw_only=True):
    """Flour and water."""

    hydration: Annotated[float, Meta(ge=0, le=1)] | None = None
    starter_g: int = field(name="starter.g")


def test_a_schema_has_limits_names_and_what_is_required() -> None:
    schemas, components = schemas_of([Dough])
    assert schemas == {Dough: {"$ref": "#/components/schemas/Dough"}}
    dough = components["Dough"]
    assert dough["required"] == ["starter.g"]
    assert dough["description"] == "Flour and water."
    number, null = dough["properties"]["hydration"]["anyOf"]
    assert (number, null) == ({"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"})


def test_two_structs_of_one_name_are_told_apart_and_both_described() -> None:
    _, components = schemas_of([responses.TextFormat, tools.TextFormat])
    assert len(components) == 2
    assert {component["description"] for component in components.values()} == {
        "Any text.",
        "What the text must look like; everything but type belongs to json_schema.",
    }


def test_a_query_cannot_say_null() -> None:
    parameters = {parameter["name"]: parameter for parameter in parameters_of(GenerateQuery)}
    assert parameters["prompt"]["required"] and parameters["prompt"]["schema"] == {"type": "string"}
    assert parameters["temperature"]["schema"] == {"type": "number", "minimum": 0, "maximum": 2}
    stop = {"type": "string", "maxLength": 1024}
    assert parameters["stop"]["schema"]["anyOf"] == [stop, {"type": "array", "items": stop, "maxItems": 64}]
    assert parameters["stop"]["description"] == "May be given several times."
