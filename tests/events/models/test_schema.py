"""Schemas refuse a wrong type and nothing else, and say what each field means."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from events.models.base import Int32, Int32OrString, Int64, Json, Spec, Uint64, one_of
from events.models.schema import KEEP_UNKNOWN, schema_of


class Inner(Spec):
    """Something ``within`` (spec §1)."""

    name: str = ""


class Nested(Inner):
    """Builds on another."""

    again: Nested | None = None
    """The same once more."""
    inner: Inner | None = None
    other: Inner | None = None
    """Said of the field, not of its model."""


NULL = {"nullable": True}


class Fields(Spec):
    """All kinds of fields."""

    rules = (("has(self.text)", "text must be given"),)

    text: str = ""
    flag: bool = False
    ratio: float = 0.0
    small: Int32 = 0
    large: Int64 | None = None
    count: Uint64 = 0
    port: Int32OrString = 0
    choice: Annotated[str, one_of("a", "b")] = "a"
    anything: Json = None
    texts: list[str] = []
    numbers: dict[str, Int32] = {}
    free: dict[str, Any] = {}
    odd_name: str = ""


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("text", {"type": "string", **NULL}),
        ("flag", {"type": "boolean", **NULL}),
        ("ratio", {"type": "number", **NULL}),
        ("small", {"type": "integer", "format": "int32", **NULL}),
        ("large", {"type": "integer", "format": "int64", **NULL}),
        ("count", {"type": "integer", "minimum": 0, **NULL}),
        ("port", {"x-kubernetes-int-or-string": True, **NULL}),
        ("choice", {"type": "string", "enum": ["a", "b", None], **NULL}),
        ("anything", KEEP_UNKNOWN),
        ("texts", {"type": "array", "items": {"type": "string", **NULL}, **NULL}),
        (
            "numbers",
            {"type": "object", "additionalProperties": {"type": "integer", "format": "int32", **NULL}, **NULL},
        ),
        ("free", {"type": "object", **KEEP_UNKNOWN, **NULL}),
        ("oddName", {"type": "string", **NULL}),
    ],
)
def test_a_type_becomes_what_go_would_decode(field: str, schema: dict[str, Any]) -> None:
    assert schema_of(Fields)["properties"][field] == schema


def test_unknown_fields_are_kept_at_every_level() -> None:
    schema = schema_of(Nested)

    assert schema["x-kubernetes-preserve-unknown-fields"] is True
    assert schema["properties"]["inner"]["x-kubernetes-preserve-unknown-fields"] is True


def test_rules_become_validations() -> None:
    assert schema_of(Fields)["x-kubernetes-validations"] == [
        {"rule": "has(self.text)", "message": "text must be given"}
    ]


def test_a_model_within_itself_ends_there() -> None:
    again = schema_of(Nested)["properties"]["again"]

    assert again == {"description": "The same once more.", "type": "object", **KEEP_UNKNOWN, **NULL}


def test_a_field_is_described_by_its_docstring_or_by_its_model() -> None:
    properties = schema_of(Nested)["properties"]

    assert properties["other"]["description"] == "Said of the field, not of its model."
    assert properties["inner"]["description"] == "Something `within`."
    assert "description" not in properties["name"]
