"""Scanning raw JSON text as gjson does: no validation, values are slices of the text, what is not understood is skipped.

A text is always given with the window ``start..end`` that is looked at; gjson's strings that share memory are windows of one
text here. Skipping a value costs a regular expression step per nested container, never a Python step per character.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from events.errors import EvaluationError
from events.expressions.gjson_text import number_of, unescape
from events.expressions.golang.numbers import float_text

__all__ = [
    "COMPOUND",
    "MISSING",
    "NEXT_VALUE",
    "STRING",
    "Budget",
    "Slice",
    "decode",
    "members",
    "next_value",
    "parse",
    "scan_value",
    "skip_compound",
    "squash",
]

STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
NEXT_VALUE = re.compile(r'[^"{\[ntf+\-0-9iIN]*+')
COMPOUND = frozenset("{[")

_QUIET = r'[^"\[\]{}()]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}()]*+)*+'
_CONTENT = _QUIET
for _ in range(3):  # values nested up to three deep are skipped in one step
    _CONTENT = rf"{_QUIET}(?:[\[{{(]{_CONTENT}[\]}})]{_QUIET})*+"
_TO_BRACKET = re.compile(_CONTENT, re.DOTALL)

_SPACES = re.compile(r"[\x00-\x20]*+")
_SEPARATORS = re.compile(r"[\x00-\x20,:]*+")
_NUMBER = re.compile(r"[^\x00-\x20,\]}]*+")
_LITERAL = re.compile(r".[a-z]*+", re.DOTALL)
_KINDS = {"t": "True", "f": "False", "n": "Null", '"': "String"}


class Budget:
    """How much work one look-up may do, in characters passed over (about 8 ns each).

    A step of the interpreter counts as ``STEP`` characters, a bracket that is stepped over as ``BRACKET``. Enough for several
    passes over any document; about 0.2 s for one of 64 KiB. ``spend`` raises ``EvaluationError`` when it is used up.
    """

    STEP = 128
    BRACKET = 48
    BASE = 5_000_000
    PER_CHARACTER = 200

    __slots__ = ("depth", "left")

    def __init__(self, size: int) -> None:
        self.left = self.BASE + self.PER_CHARACTER * size
        self.depth = 0

    def spend(self, characters: int) -> None:
        """Count one step that passed over so many characters."""
        self.left -= self.STEP + characters
        if self.left < 0:
            raise EvaluationError("the path takes too much work on this document")


class Slice:
    """A value found: ``text[start:end]`` of one ``type``.

    ``index`` is where it stands in the window that was searched (0: unknown), ``indexes`` the same for the elements of a list
    put together from matches. Writing needs them.
    """

    __slots__ = ("end", "index", "indexes", "start", "text", "type")

    def __init__(self, text: str, start: int, end: int, kind: str, index: int = 0) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.type = kind
        self.index = index
        self.indexes: list[int] | None = None

    @property
    def raw(self) -> str:
        """The text of the value, as it stands there."""
        return self.text[self.start : self.end]

    @property
    def exists(self) -> bool:
        """Whether anything was found; JSON null was."""
        return self.type != "Null" or self.end > self.start

    @property
    def number(self) -> float:
        """The number as a double."""
        if self.type == "Number":
            return number_of(self.raw)
        if self.type == "String":
            return number_of(self.string())
        return 1.0 if self.type == "True" else 0.0

    def string(self) -> str:
        """The text of a string, the decimal digits of a number, the words true and false, else the raw text; "" for null."""
        kind = self.type
        if kind == "String":
            closed = STRING.match(self.text, self.start, self.end)
            content = self.text[self.start + 1 : self.end - 1 if closed else self.end]
            return unescape(content) if "\\" in content else content
        if kind == "Number":
            return number_text(self.raw)
        if kind == "JSON":
            return self.raw
        return {"True": "true", "False": "false"}.get(kind, "")

    def is_a(self, bracket: str) -> bool:
        """Whether it is an object (``{``) or a list (``[``)."""
        return self.type == "JSON" and self.text.startswith(bracket, self.start, self.end)


MISSING = Slice("", 0, 0, "Null")


def number_text(raw: str) -> str:
    """The text of a number: digits as they stand, anything else written out without an exponent."""
    digits = raw.removeprefix("-")
    if raw and not digits.strip("0123456789"):
        return raw
    return float_text(number_of(raw), "f", -1)


def skip_compound(text: str, start: int, end: int, budget: Budget | None = None) -> int:
    """Behind the bracket that closes the one at ``start``: ``end`` if there is none, ``end + 1`` if a string stays open."""
    depth = steps = 1
    at = start + 1
    while depth:
        match = _TO_BRACKET.match(text, at, end)
        at = match.end() if match else end
        if at >= end:
            break
        char = text[at]
        if char == '"':
            end += 1
            break
        depth += -1 if char in "]})" else 1
        steps += 1
        at += 1
    if budget is not None:
        budget.left -= steps * budget.BRACKET
    return end if depth else at


def squash(text: str, start: int, end: int) -> int:
    """Behind the string or the brackets that begin at ``start``, at most ``end``."""
    if text[start] == '"':
        string = STRING.match(text, start, end)
        return string.end() if string else end
    return min(skip_compound(text, start, end), end)


def scan_value(text: str, start: int, end: int, budget: Budget) -> tuple[str, int] | None:
    """Type and end of the value whose first character stands at ``start``; ``None`` for a string that stays open."""
    if text[start] in COMPOUND:
        return "JSON", skip_compound(text, start, end, budget)
    return _scan_scalar(text, start, end)


def _scan_scalar(text: str, start: int, end: int) -> tuple[str, int] | None:
    char = text[start]
    kind = _KINDS.get(char, "Number")
    if kind == "String":
        string = STRING.match(text, start, end)
        return (kind, string.end()) if string else None
    if char == "n" and start + 1 < end and text[start + 1] != "u":
        kind = "Number"  # nan
    match = (_NUMBER if kind == "Number" else _LITERAL).match(text, start + (kind == "Number"), end)
    return kind, match.end() if match else end


def next_value(text: str, at: int, start: int, end: int, budget: Budget) -> tuple[Slice, int] | None:
    """The next value from ``at`` on, and the position behind it. Only objects and lists know their index from ``start``."""
    match = NEXT_VALUE.match(text, at, end)
    at = match.end() if match else end
    if at >= end:
        return None
    scanned = scan_value(text, at, end, budget)
    budget.spend((scanned[1] if scanned else end) - at)
    if scanned is None:
        return None
    kind, stop = scanned
    return Slice(text, at, min(stop, end), kind, at - start if kind == "JSON" else 0), stop


def parse(text: str, start: int, end: int) -> Slice:
    """The value that a whole text holds. An object or list reaches to the end of the text, whatever follows it."""
    match = _SPACES.match(text, start, end)
    at = match.end() if match else end
    if at >= end:
        return MISSING
    char = text[at]
    if char in COMPOUND:
        return Slice(text, at, end, "JSON", at - start)
    if char not in '+-0123456789iINntf"':
        return MISSING
    kind, stop = _scan_scalar(text, at, end) or ("String", end)
    return Slice(text, at, stop, kind, at - start)


def members(value: Slice, budget: Budget) -> Iterator[tuple[Slice | None, Slice]]:
    """Key and value of each member; the key is ``None`` for elements of a list and for a value that is no container."""
    if value.type != "JSON":
        if value.exists:
            yield None, value
        return
    text, at, end = value.text, value.start + 1, value.end
    is_object = text[value.start] == "{"
    key = None
    while at < end:
        if is_object:
            quote = text.find('"', at, end)
            match = STRING.match(text, quote, end) if quote >= 0 else None
            if match is None:
                return
            key = Slice(text, quote, match.end(), "String")
            at = match.end()
        separators = _SEPARATORS.match(text, at, end)
        found = next_value(text, separators.end() if separators else at, value.start, end, budget)
        if found is None:
            return
        yield key, found[0]
        at = found[1] + 1


def decode(text: str, start: int, end: int) -> Any:
    """The plain value of an object or list, numbers as doubles; of members of one name the first counts. Any depth."""
    raw = text[start:end]
    if raw.count("[") + raw.count("{") <= _SHALLOW and not _SURROGATE_ESCAPE.search(raw):
        try:
            return _SHALLOW_JSON.decode(raw)
        except ValueError:
            pass  # not JSON, or more than one value
    return _decode_slowly(text, start, end)


def _first_of_each(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    return value if len(value) == len(members) else dict(reversed(members))


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


_SHALLOW = 200  # nested values at most, well below the depth that the parser's recursion can take
_SHALLOW_JSON = json.JSONDecoder(parse_int=float, parse_constant=_refuse_constant, object_pairs_hook=_first_of_each)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def _decode_slowly(text: str, start: int, end: int) -> Any:
    """As ``decode``, in a walk of its own: as deep as it may be, and as far as the text makes sense."""
    root: list[Any] = []
    stack: list[tuple[list[Any] | dict[str, Any], list[Any]]] = []  # the outer container, and its key that is waiting
    inner: list[Any] | dict[str, Any] = root
    key: list[Any] = []
    at = start
    while at < end:
        char = text[at]
        if char in "]}":
            if not stack:
                break
            inner, key = stack.pop()
            at += 1
            if not stack:
                break
            continue
        if char not in '{[ntf-0123456789"':
            at += 1
            continue
        value: Any
        if char in COMPOUND:
            value = {} if char == "{" else []
            at += 1
        else:
            kind, stop = _scan_scalar(text, at, end) or ("String", end)
            if char == "n":
                kind, stop = "Null", _literal_end(text, at, end)
            found = Slice(text, at, stop, kind)
            value = found.string() if kind == "String" else found.number if kind == "Number" else None
            value = (kind == "True") if kind in ("True", "False") else value
            at = stop
        if isinstance(inner, list):
            inner.append(value)
        elif key:
            inner.setdefault(key.pop(), value)
        else:
            key.append(value if isinstance(value, str) else "")
        if char in COMPOUND:
            stack.append((inner, key))
            inner, key = value, []
    return root[0] if root else None


def _literal_end(text: str, at: int, end: int) -> int:
    match = _LITERAL.match(text, at, end)
    return match.end() if match else end
