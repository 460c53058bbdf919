"""Static types: what a compiler of Go values knows of an expression before it runs.

``GoType`` is a type of the reference's host language, as far as expressions meet it; ``Nature`` is what is known of one node:
a type, or that it is nil, or nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = [
    "ANY",
    "ANYS",
    "ANY_MAP",
    "BOOL",
    "BYTES",
    "DURATION",
    "FLOAT",
    "GROUPS",
    "INT",
    "INT64",
    "INT_SET",
    "LOCATION",
    "MAP",
    "MONTH",
    "NIL",
    "PAIR",
    "PAIRS",
    "STRING",
    "STRINGS",
    "STRING_SET",
    "TIME",
    "UINT8",
    "UNKNOWN",
    "WEEKDAY",
    "FuncType",
    "GoType",
    "Nature",
    "func",
    "known",
    "slice_of",
]


class GoType:
    """A type: its printed name, its kind, and element and key types where it has them. Identity is type identity."""

    __slots__ = ("elem", "key", "kind", "methods", "name", "named")

    def __init__(
        self, name: str, kind: str, *, elem: GoType | None = None, key: GoType | None = None, named: bool = False
    ) -> None:
        self.name = name
        self.kind = kind
        self.elem = elem
        self.key = key
        self.named = named
        self.methods: dict[str, FuncType] = {}

    def __repr__(self) -> str:
        return self.name

    def assignable_to(self, other: GoType) -> bool:
        """Whether a value of this type may stand where ``other`` is asked for."""
        return self is other or other.kind == "interface"


class FuncType(GoType):
    """A function type; ``method`` when it was found on a value (the receiver is not among ``ins``)."""

    __slots__ = ("ins", "outs", "variadic")

    def __init__(self, ins: tuple[GoType, ...], outs: tuple[GoType, ...], variadic: bool = False) -> None:
        names = [t.name for t in ins]
        if variadic:
            names[-1] = "..." + names[-1]
        result = outs[0].name if len(outs) == 1 else f"({', '.join(t.name for t in outs)})"
        super().__init__(f"func({', '.join(names)}) {result}", "func")
        self.ins = ins
        self.outs = outs
        self.variadic = variadic

    def parameter(self, index: int) -> GoType:
        """The type of argument ``index``."""
        return self.ins[-1] if self.variadic and index >= len(self.ins) - 1 else self.ins[index]


def func(*ins: GoType, out: GoType | tuple[GoType, ...], variadic: bool = False) -> FuncType:
    """A function type; with ``variadic`` the last parameter stands for any number of arguments."""
    return FuncType(ins, out if isinstance(out, tuple) else (out,), variadic)


ANY = GoType("interface {}", "interface")
BOOL = GoType("bool", "bool")
INT = GoType("int", "int")
INT64 = GoType("int64", "int64")
UINT8 = GoType("uint8", "uint8")
FLOAT = GoType("float64", "float64")
STRING = GoType("string", "string")
ERROR = GoType("error", "interface")
STRUCT = GoType("struct {}", "struct")
BYTES = GoType("[]uint8", "slice", elem=UINT8)
ANYS = GoType("[]interface {}", "slice", elem=ANY)
STRINGS = GoType("[]string", "slice", elem=STRING)
INTS = GoType("[]int", "slice", elem=INT)
PAIR = GoType("[2]interface {}", "array", elem=ANY)
PAIRS = GoType("[][2]interface {}", "slice", elem=PAIR)
MAP = GoType("map[string]interface {}", "map", elem=ANY, key=STRING)
ANY_MAP = GoType("map[interface {}]interface {}", "map", elem=ANY, key=ANY)
GROUPS = GoType("map[interface {}][]interface {}", "map", elem=ANYS, key=ANY)
INT_SET = GoType("map[int]struct {}", "map", elem=STRUCT, key=INT)
STRING_SET = GoType("map[string]struct {}", "map", elem=STRUCT, key=STRING)
TIME = GoType("time.Time", "struct", named=True)
DURATION = GoType("time.Duration", "int64", named=True)
MONTH = GoType("time.Month", "int", named=True)
WEEKDAY = GoType("time.Weekday", "int", named=True)
LOCATION = GoType("*time.Location", "ptr")

_SLICES = {t.elem: t for t in (BYTES, ANYS, STRINGS, INTS, PAIRS)}


@cache
def slice_of(elem: GoType) -> GoType:
    """The type of lists of ``elem``."""
    return _SLICES.get(elem) or GoType(f"[]{elem.name}", "slice", elem=elem)


def _install(target: GoType, table: dict[str, FuncType]) -> None:
    target.methods.update(table)


_TO_INT = func(out=INT)
_TO_INT64 = func(out=INT64)
_TO_FLOAT = func(out=FLOAT)
_TO_STRING = func(out=STRING)
_TO_BOOL = func(out=BOOL)
_TO_TIME = func(out=TIME)
_COMPARES = func(TIME, out=BOOL)
_ENCODES = func(out=(BYTES, ERROR))

_install(
    TIME,
    {
        **dict.fromkeys(("Year", "YearDay", "Day", "Hour", "Minute", "Second", "Nanosecond"), _TO_INT),
        **dict.fromkeys(("Unix", "UnixMilli", "UnixMicro", "UnixNano"), _TO_INT64),
        **dict.fromkeys(("After", "Before", "Equal"), _COMPARES),
        **dict.fromkeys(("IsZero", "IsDST"), _TO_BOOL),
        **dict.fromkeys(("UTC", "Local"), _TO_TIME),
        **dict.fromkeys(("Clock", "Date"), func(out=(INT, INT, INT))),
        **dict.fromkeys(("String", "GoString"), _TO_STRING),
        **dict.fromkeys(("Round", "Truncate", "Add"), func(DURATION, out=TIME)),
        **dict.fromkeys(("MarshalJSON", "MarshalText"), _ENCODES),
        "AddDate": func(INT, INT, INT, out=TIME),
        "Compare": func(TIME, out=INT),
        "Format": func(STRING, out=STRING),
        "ISOWeek": func(out=(INT, INT)),
        "In": func(LOCATION, out=TIME),
        "Location": func(out=LOCATION),
        "Month": func(out=MONTH),
        "Sub": func(TIME, out=DURATION),
        "Weekday": func(out=WEEKDAY),
        "Zone": func(out=(STRING, INT)),
    },
)
_install(
    DURATION,
    {
        **dict.fromkeys(("Hours", "Minutes", "Seconds"), _TO_FLOAT),
        **dict.fromkeys(("Milliseconds", "Microseconds", "Nanoseconds"), _TO_INT64),
        **dict.fromkeys(("Round", "Truncate"), func(DURATION, out=DURATION)),
        "Abs": func(out=DURATION),
        "String": _TO_STRING,
    },
)
for _type in (MONTH, WEEKDAY, LOCATION):
    _install(_type, {"String": _TO_STRING})

_INTEGERS = frozenset({"int", "int64", "uint8"})


class Nature:
    """What is known of a value: its ``type`` (None: nothing, unless ``nil``), and more for some.

    ``elem`` is the nature of a list's elements where the type alone says less; ``result`` is the nature of a predicate's body;
    ``fields`` are the known entries of the environment; ``builtin`` is the function that a name stands for.
    """

    __slots__ = ("builtin", "elem", "nil", "result", "type")

    def __init__(
        self,
        type: GoType | None = None,
        *,
        nil: bool = False,
        elem: Nature | None = None,
        result: Nature | None = None,
        builtin: Any = None,
    ) -> None:
        self.type = type
        self.nil = nil
        self.elem = elem
        self.result = result
        self.builtin = builtin

    def __str__(self) -> str:
        return self.type.name if self.type is not None else "unknown"

    @property
    def declared(self) -> GoType:
        """The type, ``interface {}`` where nothing is known."""
        return self.type if self.type is not None else ANY

    @property
    def kind(self) -> str:
        """The kind of the type, ``invalid`` where there is none."""
        return self.type.kind if self.type is not None else "invalid"

    @property
    def unknown(self) -> bool:
        """Whether nothing is known."""
        return self.type is ANY or (self.type is None and not self.nil)

    @property
    def is_bool(self) -> bool:
        """Whether it is a truth value."""
        return self.type is BOOL

    @property
    def is_string(self) -> bool:
        """Whether it is a text."""
        return self.type is STRING

    @property
    def is_integer(self) -> bool:
        """Whether it is of an integer type without a name."""
        return self.type is not None and self.type.kind in _INTEGERS and not self.type.named

    @property
    def is_float(self) -> bool:
        """Whether it is a float."""
        return self.type is FLOAT

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.is_integer or self.is_float

    @property
    def is_array(self) -> bool:
        """Whether it is a list."""
        return self.type is not None and self.type.kind in ("slice", "array")

    @property
    def is_map(self) -> bool:
        """Whether it is a map."""
        return self.type is not None and self.type.kind == "map"

    @property
    def is_time(self) -> bool:
        """Whether it is a time."""
        return self.type is TIME

    @property
    def is_duration(self) -> bool:
        """Whether it is a duration."""
        return self.type is DURATION

    def assignable_to(self, other: Nature) -> bool:
        """Whether a value of this nature may stand where ``other`` is asked for."""
        if self.nil:
            return other.kind in ("ptr", "interface", "func", "map", "slice")
        if self.type is None or other.type is None:
            return False
        return self.type.assignable_to(other.type)

    def element(self) -> Nature:
        """The nature of what is in a list or map."""
        if self.elem is not None and self.is_array:
            return self.elem
        return known(self.type.elem) if self.type is not None and self.type.elem is not None else UNKNOWN


UNKNOWN = Nature()
NIL = Nature(nil=True)


@cache
def known(type: GoType | None) -> Nature:
    """The nature of values of a type."""
    return UNKNOWN if type is None else Nature(type)
