"""YAML as Kubernetes reads it (YAML 1.1 in the dialect of go-yaml v2), each value with its line and column.

PyYAML parses; which plain scalar is a boolean, number or string is decided here, since PyYAML differs from go-yaml:
``y`` and ``n`` are booleans, ``12:30:00`` and dates stay strings, ``0o17`` is a number.
https://github.com/kubernetes-sigs/yaml/tree/master/goyaml.v2
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from events.errors import SpecError

__all__ = ["Marks", "YAMLDocument", "load", "load_all"]

Path = tuple[str | int, ...]
Marks = dict[Path, tuple[int, int]]
"""Line and column (both from 1) of each value, by its path."""

_STR = "tag:yaml.org,2002:str"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Leaves the tag of a plain scalar empty where the document gives none."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of a node without one."""
        return _STR if kind is yaml.ScalarNode and not implicit[0] else ""


_BOOLS = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_SPECIAL = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

MAX_VALUES = 1_000_000
"""Values in one file, aliases counted each time: stops a small file that unfolds into gigabytes."""

MAX_DEPTH = 1_000

_SURELY_FLAT = 400
_LINE_STARTS = re.compile(rb"(?:^|[\n\r\x85\xa8\xa9])([ \t?:-]*)")
_UTF_16 = (b"\xfe\xff", b"\xff\xfe")


class YAMLDocument:
    """One document of a file: its value, and where each part of it stands."""

    def __init__(self, value: Any, marks: Marks, duplicates: list[Path]) -> None:
        self.value = value
        self.marks = marks
        self.duplicates = duplicates
        """Paths of keys that stand twice in one mapping; the last one counts."""


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    tag = node.tag
    if tag == "tag:yaml.org,2002:binary":
        try:
            return base64.b64decode(text, validate=False).decode("utf-8", "replace")
        except ValueError:
            raise SpecError("!!binary holds no base64") from None
    if tag == _STR or node.style not in (None, ""):
        return text
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text in _SPECIAL:
        return _SPECIAL[text]
    plain = text.replace("_", "")
    if plain[:1].isdigit() or plain[:1] in "+-.":
        number = _integer(plain) if _INT.fullmatch(plain) else None
        if number is None and _FLOAT.fullmatch(plain):
            number = float(plain)
        # What no number of Go can hold stays a text.
        if number is not None and not math.isinf(number):
            return number
    return text


def _integer(plain: str) -> int | float | None:
    """The number, as a float when it has more than 64 bits; None when it has them in another base than ten."""
    sign = -1 if plain[0] == "-" else 1
    digits = plain.lstrip("+-")
    low = digits.lower()
    if low.startswith(("0x", "0b", "0o")):
        value = int(digits, 0)
    elif len(digits) > 1 and digits[0] == "0":
        value = int(digits, 8)
    else:
        value = int(digits) if len(digits) < 300 else 1 << 64
    value *= sign
    if -(2**63) <= value < 2**64:
        return value
    return None if low.startswith(("0x", "0b", "0o")) else float(digits) * sign


class _Builder:
    def __init__(self, max_values: int, *, marked: bool) -> None:
        self.marked = marked
        self.max_values = max_values
        self.count = 0
        self.marks: Marks = {}
        self.duplicates: list[Path] = []

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > self.max_values:
            raise self._too_many()
        if len(path) > MAX_DEPTH:
            raise SpecError(f"the document is nested deeper than {MAX_DEPTH} levels")
        if self.marked:
            self.marks[path] = _place(node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            raise SpecError("unknown kind of YAML node")
        return self._mapping(node, path)

    def _too_many(self) -> SpecError:
        return SpecError("the document unfolds into too many values", hint="an alias is repeated too often")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and isinstance(key_node, yaml.ScalarNode) and key_node.style in (None, ""):
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    if not isinstance(source, yaml.MappingNode):
                        raise SpecError("'<<' wants a mapping", hint="write <<: *anchor", place=_place(source))
                    self.count += 1
                    if self.count > self.max_values:
                        raise self._too_many()
                    for name, value in self._mapping(source, path).items():
                        merged.setdefault(name, value)
                continue
            key = self._key(key_node)
            if key in own:
                self.duplicates.append((*path, key))
            own[key] = self.build(value_node, (*path, key))
            if self.marked:
                self.marks[(*path, key)] = _place(key_node)
        return {**merged, **own}

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise SpecError("a key must be a plain text", place=_place(node))
        value = _scalar(node)
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None:
            raise SpecError("null cannot be a key", hint="quote it", place=_place(node))
        return value if isinstance(value, str) else repr(value)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def load_all(text: str | bytes) -> Iterator[YAMLDocument]:
    """The documents of a file, empty ones left out. Raises SpecError with line and column when it isn't YAML."""
    return (document for document in _documents(text, MAX_VALUES, marked=True) if document.value is not None)


def load(text: str | bytes, *, max_values: int = MAX_VALUES) -> Any:
    """The value of the first document, also an empty one; None when there is none."""
    return next((document.value for document in _documents(text, max_values, marked=False)), None)


def _documents(text: str | bytes, max_values: int, *, marked: bool) -> Iterator[YAMLDocument]:
    try:
        _check_depth(text)
        loader = _Loader(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise _not_yaml(error, text) from None
    try:
        while loader.check_node():
            builder = _Builder(max_values, marked=marked)
            node = loader.get_node()
            value = builder.build(node, ()) if isinstance(node, yaml.Node) else None
            yield YAMLDocument(value, builder.marks, builder.duplicates)
    except yaml.YAMLError as error:
        raise _not_yaml(error, text) from None
    except RecursionError:
        raise SpecError(f"the document is nested deeper than {MAX_DEPTH} levels") from None
    finally:
        loader.dispose()


def _check_depth(text: str | bytes) -> None:
    """Raise SpecError for what is too deep: libyaml's composer calls itself for each level and would end the process.

    A level needs a bracket, or to stand further right than the one above (two may be in one column).
    """
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    levels = raw.count(b"[") + raw.count(b"{") + 2 * max(map(len, _LINE_STARTS.findall(raw)))
    if levels <= _SURELY_FLAT and not raw.startswith(_UTF_16):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise SpecError(f"the document is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _not_yaml(error: Exception, text: str | bytes) -> SpecError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    hint = ""
    if mark is not None and _is_tab(text, mark.line, mark.column):
        problem, hint = "a tab where spaces belong", "indent with spaces, not tabs"
    place = (mark.line + 1, mark.column + 1) if mark is not None else None
    return SpecError(f"not YAML: {problem}", hint=hint, reason="NotYAML", place=place)


def _is_tab(text: str | bytes, line: int, column: int) -> bool:
    """Whether what could not be read is a tab, or stands behind one that indents its line."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    lines = raw.splitlines()
    here = lines[line].decode("utf-8", "replace") if line < len(lines) else ""
    return "\t" in here[: len(here) - len(here.lstrip())] or here[column : column + 1] == "\t"
