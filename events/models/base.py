"""What every model of a manifest shares: camelCase on the wire, frozen, strict types, unknown fields kept and reported.

The reference decodes with Go's encoding/json: a JSON ``null`` leaves a field unset, an unknown field is ignored, a number where
a string belongs is an error. We do the same, but name the unknown fields (spec §0.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from events.errors import SpecError
from events.registry import did_you_mean

__all__ = ["Finding", "Json", "Spec", "join_path", "parse", "unknown_fields"]

Json = Any
"""A JSON value: it really can be anything."""

S = TypeVar("S", bound="Spec")


class Spec(BaseModel):
    """Base of all models. ``null`` counts as absent; a field is named as in the manifest, in camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        frozen=True,
        strict=True,
        arbitrary_types_allowed=True,
    )

    free_form: ClassVar[bool] = False
    """True where any field is welcome (kinds by name, Kubernetes objects): nothing is reported as unknown."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, raw: Any) -> Any:
        if isinstance(raw, dict):
            return {key: value for key, value in raw.items() if value is not None}
        return raw

    @classmethod
    def wire_names(cls) -> list[str]:
        """The fields as they are written in a manifest."""
        return [f.alias or name for name, f in cls.model_fields.items()]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell about a manifest: where (a path such as ``spec.triggers[0].template``) and what, in a sentence."""

    severity: Literal["error", "warning"]
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def join_path(prefix: str, loc: tuple[str | int, ...]) -> str:
    """``("triggers", 0, "template")`` → ``spec.triggers[0].template`` for the prefix ``spec``."""
    path = prefix
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def parse(model: type[S], raw: Json, path: str = "") -> S:
    """Decode ``raw``; raises SpecError with the field and what was expected of it."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = join_path(path, tuple(p for p in first["loc"] if not str(p).startswith(("function-", "is-instance"))))
        raise SpecError(_in_words(dict(first)), path=where, reason="InvalidField") from None


_EXPECTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "mapping_type": "a mapping",
}


def describe(value: Json) -> str:
    """A value as it is named in a message: its JSON type and, when short, itself."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string '{value}'" if len(value) <= 40 else "a long string"
    return "a list" if isinstance(value, list) else "a mapping"


def _in_words(error: dict[str, Any]) -> str:
    kind = error["type"]
    if kind == "missing":
        return "must be given"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {describe(error['input'])}"
    if kind == "literal_error":
        return f"must be one of {error['ctx']['expected']}, not {describe(error['input'])}"
    text = str(error["msg"])
    return text.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def unknown_fields(value: Any, path: str = "") -> Iterator[Finding]:
    """A warning for each field below ``value`` that its model does not know."""
    if isinstance(value, Spec):
        if not value.free_form:
            for name in value.model_extra or {}:
                hint = did_you_mean(name, value.wire_names())
                yield Finding("warning", join_path(path, (name,)), "unknown field, ignored as in the reference", hint)
        for name, field in type(value).model_fields.items():
            yield from unknown_fields(getattr(value, name), join_path(path, (field.alias or name,)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknown_fields(item, join_path(path, (str(key),)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from unknown_fields(item, join_path(path, (index,)))
