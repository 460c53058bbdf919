"""Structural OpenAPI schemas of the models, for CustomResourceDefinitions. Pure.

A schema refuses only what Go refuses to decode: a value of the wrong type. Unknown fields are kept at every level, since manifests
that work today carry them; ``null`` is allowed everywhere, as server-side apply would refuse it else. Descriptions come from the sources: the docstring
under a field, else that of the field's model.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import WithJsonSchema
from pydantic.fields import FieldInfo

from events.models.base import Spec

__all__ = ["KEEP_UNKNOWN", "Extra", "Schema", "descriptions", "schema_of"]

Schema = dict[str, Any]
Extra = Mapping[type[Spec], Mapping[str, Schema]]
"""By model: fields that it has beside its own. The kinds of sources and triggers are such fields."""

KEEP_UNKNOWN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
"""Any JSON value."""

_SCALARS: dict[Any, Schema] = {str: {"type": "string"}, bool: {"type": "boolean"}, float: {"type": "number"}}


def schema_of(model: type[Spec], extra: Extra | None = None, within: Sequence[type[Spec]] = ()) -> Schema:
    """The schema of a model. One that stands ``within`` itself ends there: its fields are kept, and not looked at."""
    if model in within:
        return {"description": _summary(model), "type": "object", **KEEP_UNKNOWN}
    inner = (*within, model)
    texts = descriptions(model)
    properties: dict[str, Schema] = {}
    for name, field in model.model_fields.items():
        value = _value(field.annotation, field.metadata, extra or {}, inner)
        if name in texts:
            value = {**value, "description": texts[name]}
        properties[field.alias or name] = _ordered(value)
    properties |= (extra or {}).get(model, {})
    ordered = {name: _nullable(value) for name, value in sorted(properties.items())}
    found: Schema = {"description": _summary(model), "type": "object", "properties": ordered}
    if model.rules:
        found["x-kubernetes-validations"] = [{"rule": rule, "message": message} for rule, message in model.rules]
    return found | KEEP_UNKNOWN


def _value(annotation: Any, metadata: Sequence[Any], extra: Extra, within: Sequence[type[Spec]]) -> Schema:
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        parts = [part for item in more for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
        return _value(annotation, parts, extra, within)
    for item in metadata:
        if isinstance(item, WithJsonSchema) and item.json_schema is not None:
            return dict(item.json_schema)
    if get_origin(annotation) in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not NoneType]
        return _value(inner[0], metadata, extra, within) if len(inner) == 1 else dict(KEEP_UNKNOWN)
    if get_origin(annotation) is list:
        return {"type": "array", "items": _item(annotation, extra, within)}
    if get_origin(annotation) is dict:
        item = _item(annotation, extra, within)
        return {"type": "object"} | (KEEP_UNKNOWN if item == KEEP_UNKNOWN else {"additionalProperties": item})
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return schema_of(annotation, extra, within)
    if annotation is int:
        return _integer(metadata)
    return dict(_SCALARS.get(annotation, KEEP_UNKNOWN))


def _item(annotation: Any, extra: Extra, within: Sequence[type[Spec]]) -> Schema:
    """What stands in a list or mapping. A ``null`` there is the empty value; among fields it is absence, here it counts."""
    return _ordered(_nullable(_value(get_args(annotation)[-1], (), extra, within)))


def _nullable(value: Schema) -> Schema:
    """The same or ``null``."""
    if "type" not in value and "x-kubernetes-int-or-string" not in value:
        return value
    return {**value, "nullable": True} | (
        {"enum": [*value["enum"], None]} if None not in value.get("enum", [None]) else {}
    )


def _integer(metadata: Sequence[Any]) -> Schema:
    """The bits of a number, by the bound that our type of it has."""
    bounds = {getattr(item, "lt", None) for item in metadata}
    if 2**31 in bounds:
        return {"type": "integer", "format": "int32"}
    if 2**64 in bounds:
        return {"type": "integer", "minimum": 0}
    return {"type": "integer", "format": "int64"}


def _ordered(value: Schema) -> Schema:
    """The description first, for who reads the file."""
    return {"description": value["description"], **value} if "description" in value else value


# -- Descriptions ----------------------------------------------------------------------------------------------------


@cache
def descriptions(model: type[Spec]) -> dict[str, str]:
    """The docstrings under the fields of a model and of those that it builds on, by the fields' names."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if isinstance(base, type) and issubclass(base, Spec) and base is not Spec:
            found |= _attribute_docstrings(base)
    return {name: text for name, text in found.items() if name in model.model_fields}


@cache
def _attribute_docstrings(model: type[Spec]) -> dict[str, str]:
    """Read from the source: nothing of them is left at run time, and nothing is lost by that at any other start."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as words)),
            ):
                found[name] = _plain(words)
    return found


def _summary(model: type[Spec]) -> str:
    return _plain(inspect.getdoc(model) or "")


_REFERENCE = re.compile(r"\s*\(spec[^)]*\)")


def _plain(docstring: str) -> str:
    """As text for users: without marks of code and references to the specification."""
    text = _REFERENCE.sub("", inspect.cleandoc(docstring)).replace("``", "`")
    return " ".join(text.split())
