"""What every model of a manifest shares: camelCase on the wire, frozen, strict types, unknown fields kept and reported.

The reference decodes with Go's encoding/json: a JSON ``null`` leaves a field unset (in a list or mapping it is the empty value),
upper and lower case in a field's name are the same, an unknown field is ignored, a number where a string belongs is an error.
We do the same, but name the unknown fields (spec §0.1). https://pkg.go.dev/encoding/json#Unmarshal
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from events.errors import SpecError
from events.registry import did_you_mean

__all__ = [
    "Finding",
    "Int32",
    "Int32OrString",
    "Int64",
    "Int64OrString",
    "Json",
    "Spec",
    "Uint64",
    "decode",
    "describe",
    "join_path",
    "one_of",
    "parse",
    "required",
    "unknown_fields",
    "walk",
]

Json = Any
"""A JSON value: it really can be anything."""

Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Uint64 = Annotated[int, Field(ge=0, lt=2**64)]


def _int_or_string(bits: int) -> AfterValidator:
    def check(value: Json) -> Json:
        if isinstance(value, str) or (type(value) is int and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)):
            return value
        raise ValueError(f"must be a string or a whole number, not {describe(value)}")

    return AfterValidator(check)


_NUMBER_OR_TEXT = WithJsonSchema({"x-kubernetes-int-or-string": True})

Int32OrString = Annotated[Json, _int_or_string(32), _NUMBER_OR_TEXT]
Int64OrString = Annotated[Json, _int_or_string(64), _NUMBER_OR_TEXT]


def one_of(*values: str) -> WithJsonSchema:
    """Annotation of a text whose values are known. It is for the schema alone: what it means is judged with better words."""
    return WithJsonSchema({"type": "string", "enum": list(values)})


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

    rules: ClassVar[tuple[tuple[str, str], ...]] = ()
    """What an API server checks beyond types: an expression in CEL that must be true, and what to say when it isn't. Only what can
    never run, here and in the reference. CEL sees a field only in its right case, so that absence proves nothing.
    """

    @model_validator(mode="before")
    @classmethod
    def _as_go_decodes(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        shape = _shape(cls)
        decoded = {}
        for key, value in raw.items():
            if value is None:
                continue
            name = key
            if key not in shape.fields:
                name = shape.by_fold.get(key.casefold(), key)
                if name != key:
                    decoded[key] = value  # kept, so that unknown_fields can tell of the odd spelling
            empty = shape.empty_items.get(name)
            decoded[name] = value if empty is None else _fill(value, empty)
        return decoded

    @classmethod
    def wire_names(cls) -> list[str]:
        """The fields as they are written in a manifest."""
        return [f.alias or name for name, f in cls.model_fields.items()]


@dataclass(frozen=True, slots=True)
class _Shape:
    """What ``_as_go_decodes`` must know of a model: all names of its fields, the names by folded case, and for lists and
    mappings the value that stands for a ``null`` in them.
    """

    fields: frozenset[str]
    by_fold: dict[str, str]
    empty_items: dict[str, Any]


@cache
def _shape(model: type[Spec]) -> _Shape:
    names, by_fold, empty = set(), {}, {}
    for name, field in model.model_fields.items():
        wire = field.alias or name
        names |= {name, wire}
        by_fold[wire.casefold()] = wire
        value = _empty_item(field.annotation)
        if value is not None:
            empty[wire] = empty[name] = value
    return _Shape(frozenset(names), by_fold, empty)


_EMPTY: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}


def _empty_item(annotation: Any) -> Any:
    """The empty value of the items of ``list[X]`` or ``dict[str, X]``; None for all else, and where an item may be absent."""
    if get_origin(annotation) in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not NoneType]
        return _empty_item(inner[0]) if len(inner) == 1 else None
    if get_origin(annotation) not in (list, dict):
        return None
    item = get_args(annotation)[-1]
    if get_origin(item) is Annotated:
        item = get_args(item)[0]
    if isinstance(item, type) and issubclass(item, Spec):
        return {}
    return _EMPTY.get(item)


def _fill(value: Any, empty: Any) -> Any:
    if isinstance(value, list):
        return [empty if item is None else item for item in value]
    if isinstance(value, dict):
        return {key: empty if item is None else item for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to tell about a manifest: where (a path such as ``spec.triggers[0].template``) and what, in a sentence."""

    severity: Literal["error", "warning", "note"]
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def join_path(prefix: str, loc: tuple[str | int, ...]) -> str:
    """``("triggers", 0, "template")`` → ``spec.triggers[0].template`` for the prefix ``spec``. Dots in names are escaped."""
    path = prefix
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            name = part.replace(".", "\\.")
            path += f".{name}" if path else name
    return path


def required(path: str, /, **fields: object) -> list[Finding]:
    """An error for each of these fields, named as in the manifest, that is empty."""
    return [Finding("error", join_path(path, (name,)), "must be given") for name, value in fields.items() if not value]


def parse(model: type[S], raw: Json, path: str = "") -> S:
    """Decode ``raw``; raises SpecError with the field and what was expected of it. ``null`` is an empty mapping."""
    value, findings = decode(model, raw, path)
    if value is None:
        raise SpecError(findings[0].message, path=findings[0].path, reason="InvalidField")
    return value


def decode(model: type[S], raw: Json, path: str = "") -> tuple[S | None, list[Finding]]:
    """Decode ``raw``, or give an error for each field that is of the wrong type."""
    try:
        return model.model_validate({} if raw is None else raw, by_alias=True, by_name=False), []
    except ValidationError as error:
        return None, [
            Finding("error", join_path(path, tuple(_plain(e["loc"]))), _in_words(dict(e)))
            for e in error.errors(include_url=False)
        ]


def _plain(loc: tuple[str | int, ...]) -> Iterator[str | int]:
    """A place without pydantic's words for the members of a union and for keys."""
    for part in loc:
        if not str(part).startswith(("function-", "is-instance")):
            yield part


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
    if kind in ("greater_than_equal", "less_than", "int_parsing_size"):
        return f"{error['input']} is out of range"
    if kind.startswith("recursion_"):
        return "is nested too deeply"
    if kind == "literal_error":
        return f"must be one of {error['ctx']['expected']}, not {describe(error['input'])}"
    text = str(error["msg"])
    return text.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def walk(value: Any, path: str = "") -> Iterator[tuple[Spec, str]]:
    """``value``, if it is a model, and all models within it, each with its path.

    Models stand in fields, and in the lists and mappings that are fields; deeper there is only JSON.
    """
    if not isinstance(value, Spec):
        return
    yield value, path
    for name, field in type(value).model_fields.items():
        inner, where = getattr(value, name), join_path(path, (field.alias or name,))
        if isinstance(inner, Mapping):
            within: Iterable[tuple[str | int, Any]] = inner.items()
        elif isinstance(inner, list):
            within = enumerate(inner)
        else:
            yield from walk(inner, where)
            continue
        for key, item in within:
            yield from walk(item, join_path(where, (key,)))


def unknown_fields(value: Any, path: str = "") -> Iterator[Finding]:
    """A warning for each field of a model, and of the models within, that is not known."""
    for model, where in walk(value, path):
        if model.free_form:
            continue
        wire = model.wire_names()
        by_fold = {name.casefold(): name for name in wire}
        for name in model.model_extra or {}:
            if right := by_fold.get(name.casefold()):
                text, hint = f"is written '{right}'", "a cluster's controller drops a field in the wrong case"
            else:
                text, hint = "unknown field, ignored as in the reference", did_you_mean(name, wire)
            yield Finding("warning", join_path(where, (name,)), text, hint)
