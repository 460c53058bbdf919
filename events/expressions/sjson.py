"""sjson paths: how parameters are written into a JSON text. All of sjson 1.2.5; bytes outside of the written place stay.

Spec: argo-events.md §1.9. A path of names and numbers makes what is missing on the way; a path with one of ``| # @ * ?`` is a
gjson path, and replaces what it finds. Refused, where the reference does not end or breaks the text without a word: indexes
that fill a list with more than ``MAX_FILL`` nulls, paths of more than ``MAX_COMPONENTS``, results longer than ``MAX_RESULT``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from events.errors import EvaluationError
from events.expressions.gjson_path import Node
from events.expressions.gjson_scan import Budget, Slice, members, parse, squash
from events.expressions.gjson_search import find, look_up
from events.expressions.gjson_text import clean, quote
from events.expressions.golang.numbers import float_text

__all__ = ["MAX_COMPONENTS", "MAX_FILL", "MAX_RESULT", "new_object", "set_raw", "set_value"]

MAX_COMPONENTS = 2000
MAX_FILL = 100_000
MAX_RESULT = 32 * 1024 * 1024

_COMPONENT = re.compile(r"((?:[^.\\|#@*?]|\\.)*+)(\\?\Z|\.)?", re.DOTALL)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_SPACE = "".join(map(chr, range(0x21)))
_NEEDS_ESCAPES = re.compile(r'[\x00-\x1f"\\\x80-\U0010ffff]')
_HTML = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def set_value(json: str, path: str, value: Any) -> str:
    """The text with ``value`` at ``path``: a string is quoted, anything else written as JSON. Raises ``EvaluationError``."""
    return _set(json, path, _encode(value))


def set_raw(json: str, path: str, raw: str) -> str:
    """The text with the JSON text ``raw``, which is not looked at, at ``path``. Raises ``EvaluationError``."""
    return _set(json, path, raw)


def new_object(fields: Mapping[str, tuple[str, bool]]) -> str:
    """What setting these fields one after the other in an empty text gives: the text of each, and whether it is JSON already.

    The names must be plain: letters, digits, ``-`` and ``_``, and not only digits.
    """
    written = (f'"{name}":{text if raw else _string(text)}' for name, (text, raw) in fields.items())
    return _bounded("{" + ",".join(written) + "}")


def _set(json: str, path: str, raw: str) -> str:
    if not path:
        raise EvaluationError("path cannot be empty")
    components = _components(clean(path))
    result = _replace(clean(json), clean(path), raw) if components is None else _put(clean(json), components, raw)
    return _bounded(result)


def _bounded(document: str) -> str:
    if len(document) > MAX_RESULT:
        raise EvaluationError(f"the document grows beyond {MAX_RESULT} characters")
    return document


def _encode(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EvaluationError(f"JSON cannot hold {value}")
        return float_text(value, "f", -1)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}" if abs(value) < 1 << 64 else float_text(_double(value), "f", -1)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode().translate(_HTML)
    except (orjson.JSONEncodeError, UnicodeError) as error:
        raise EvaluationError(f"JSON cannot hold the value: {error}") from None


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise EvaluationError("JSON cannot hold so large a number") from None


def _string(text: str) -> str:
    """A quoted string; ``<``, ``>`` and ``&`` are escaped only in a text that needs other escapes."""
    return quote(clean(text)) if _NEEDS_ESCAPES.search(text) else f'"{text}"'


@dataclass(frozen=True, slots=True)
class _Component:
    """One component: the ``name`` of a member, the same as gjson reads it, and whether ``:`` forces it to be a name."""

    name: str
    path: str
    forced: bool

    @property
    def index(self) -> int | None:
        """The position in a list that it says; the empty name says 0."""
        if self.forced or self.name.strip("0123456789"):
            return None
        if len(self.name) > 18:
            raise EvaluationError(f"index {self.name[:18]}… is too large")
        return int(self.name or "0")

    @property
    def appends(self) -> bool:
        """Whether it says the place behind the last element."""
        return self.name == "-1" and not self.forced

    @property
    def makes_list(self) -> bool:
        """Whether what is missing before it becomes a list."""
        return self.index is not None or self.appends


def _components(path: str) -> list[_Component] | None:
    """The components of a path; ``None`` for one with a search in it."""
    found = []
    at = 0
    while True:
        forced = path.startswith(":", at)
        match = _COMPONENT.match(path, at + forced)
        if match is None or match.group(2) is None:
            return None
        part = match.group(1)
        escaped = part + ("\\" if match.group(2) == "\\" else "")
        found.append(_Component(_ESCAPED.sub(r"\1", escaped), escaped, forced))
        if match.group(2) != ".":
            return found
        if len(found) == MAX_COMPONENTS:
            raise EvaluationError(f"the path has more than {MAX_COMPONENTS} components")
        at = match.end()


def _put(json: str, components: list[_Component], raw: str) -> str:
    """Follow the components as far as they exist, then write there: over the value, or as a new member."""
    budget = Budget(len(json) + sum(len(component.path) + 1 for component in components))
    start, end = 0, len(json)
    for depth, component in enumerate(components):
        found = look_up(json, start, end, Node(component.path), budget)
        if found.index <= 0:
            raw = _with_member(json[start:end], components[depth:], raw, budget)
            break
        start += found.index
        end = start + found.end - found.start
    return json[:start] + raw + json[end:]


def _with_member(json: str, components: list[_Component], raw: str, budget: Budget) -> str:
    """The container with a new member; what is no container makes place for one."""
    first = components[0]
    container = parse(json, 0, len(json))
    if container.type != "JSON":
        json = "[]" if first.index is not None else "{}"
        container = parse(json, 0, 2)
    text = container.raw
    inside = text[1:].lstrip(_SPACE)
    comma = "," if inside and inside[0] not in "]}" else ""
    if text[0] == "{":
        close = text.rfind("}", 1)
        return f"{text[: max(0, close)]}{comma}{_new(components, raw, named=True)}}}"
    if first.appends:
        return f"{text.strip(_SPACE).removesuffix(']')}{comma}{_new(components, raw)}]"
    index = first.index
    if index is None:
        raise EvaluationError(f"cannot set array element for non-numeric key '{first.name}'")
    container.end = squash(json, container.start, container.end)  # what follows the list is dropped
    elements = [element.raw for _, element in members(container, budget)]
    fill = ["null"] * _checked(index - len(elements))
    return f"[{','.join([*elements, *fill, _new(components, raw)])}]"


def _checked(fill: int) -> int:
    if fill > MAX_FILL:
        raise EvaluationError(f"the list would be filled up with {fill} nulls")
    return fill


def _new(components: list[_Component], raw: str, named: bool = False) -> str:
    """The text of a new member, with the containers that its path names."""
    opening = [f"{_string(components[0].name)}:" if named else ""]
    closing = []
    filled = 0
    for component in components[1:]:
        if component.makes_list:
            fill = component.index or 0
            filled = _checked(filled + fill)
            opening.append(f"[{'null,' * fill}")
            closing.append("]")
        else:
            opening.append(f"{{{_string(component.name)}:")
            closing.append("}")
    return f"{''.join(opening)}{raw}{''.join(reversed(closing))}"


def _replace(json: str, path: str, raw: str) -> str:
    """Write over what a search finds; the text as it is, when that is nothing or is not a part of the text."""
    found = find(json, Node(path))
    if found.index:
        json = json[: found.index] + raw + json[found.index + found.end - found.start :]
    if not found.indexes:
        return json
    targets = [target for _, target in members(found, Budget(len(json)))]
    if len(targets) != len(found.indexes):
        return json
    return _replace_all(json, sorted(zip(found.indexes, targets, strict=True), key=lambda pair: -pair[0]), raw)


def _replace_all(json: str, targets: list[tuple[int, Slice]], raw: str) -> str:
    """Write over each target, from the last in the text to the first."""
    if len(raw) * len(targets) > MAX_RESULT:
        raise EvaluationError(f"the document grows beyond {MAX_RESULT} characters")
    tail: list[str] = []  # what is behind the last place written, from the end of the text on
    head = len(json)
    for index, target in targets:
        stop = index + target.end - target.start
        if stop > head:  # places that overlap: the search led to values that it made up
            json = json[:head] + "".join(reversed(tail))
            tail, head = [], len(json)
            if stop > head:
                raise EvaluationError("the path leads to values that are not part of the document")
        tail += [json[stop:head], raw]
        head = index
    return json[:head] + "".join(reversed(tail))
