"""gjson paths: how filters, parameters and keys read from a JSON document. The whole language of gjson 1.19.

Spec: argo-events.md §1.9. No path is an error: what cannot be read, takes too much work or nests too deep finds nothing.

A plain path (``body.commits.0.id``) is answered from the parsed document, in about a microsecond, wherever that is sure to be
the same as gjson's scan of the text: in documents without two members of one name, and at values whose text follows from
them. Everything else is scanned.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from events.expressions.gjson_path import Node
from events.expressions.gjson_scan import Slice, decode
from events.expressions.gjson_search import find
from events.expressions.gjson_text import clean, number_of, to_bool
from events.expressions.golang.numbers import float_text
from events.expressions.json_text import decode_bytes

if TYPE_CHECKING:
    from events.expressions.document import Document

__all__ = ["Path", "Result", "compile", "get"]

_PLAIN = re.compile(r"(?![@!\[{]|\.\.)(?:[^.|#*?\\]|\\.)*+(?:\.(?![@\[{])(?:[^.|#*?\\]|\\.)*+)*+", re.DOTALL)
_COMPONENT = re.compile(r"(?:[^.\\]|\\.)*+", re.DOTALL)
_LONGEST_INDEX = 9  # digits
_NO_INDEX = -1
_ESCAPED = -2  # lists know no escapes: they read the path in another way

_EXACT = float(1 << 63)  # an integer below it is parsed as such; from here on only the text tells it from a fraction


class Result:
    """What a path found.

    ``exists`` (JSON null does), ``type`` (``Null False Number String True JSON``; ``Null`` if nothing was found), ``raw`` (the
    text of the value as it stands in the document).
    """

    __slots__ = ("_found", "_string", "exists", "type")

    def __init__(self, kind: str, string: str | None, found: Slice | _Parsed, exists: bool = True) -> None:
        self.type = kind
        self.exists = exists
        self._string = string
        self._found = found

    @property
    def slice(self) -> Slice:
        """The value as a slice of the text."""
        found = self._found
        if isinstance(found, _Parsed):
            found = self._found = found.scan()
        return found

    @property
    def raw(self) -> str:
        """The text of the value, "" if nothing was found."""
        return self.slice.raw

    def string(self) -> str:
        """The text of a string, a number without exponent, ``true``, ``false``, raw JSON of containers; "" for null."""
        if self._string is None:
            self._string = self.slice.string()
        return self._string

    def number(self) -> float:
        """The number, also if a string says one; 1 for true, else 0. May be infinite or NaN."""
        if self.type == "String":
            return number_of(self.string())
        return self._found.number

    def boolean(self) -> bool:
        """True, a string that says so (``1 t true``), or a number other than 0."""
        if self.type == "String":
            return to_bool(self.string()) is True
        return self.type in ("True", "Number") and self._found.number != 0

    def value(self) -> Any:
        """The plain value: numbers are floats, and of members of one name the first counts."""
        kind = self.type
        if kind == "JSON":
            found = self.slice
            return decode(found.text, found.start, found.end)
        if kind == "Number":
            return self.number()
        return self.string() if kind == "String" else {"True": True, "False": False}.get(kind)

    def __repr__(self) -> str:
        return f"Result({self.type}, {self.raw!r})" if self.exists else "Result(nothing)"


class _Parsed:
    """A value known from the parsed document; its place in the text is looked up only when somebody asks for it."""

    __slots__ = ("_document", "_path", "number")

    def __init__(self, path: Path, document: Document, number: float = 0.0) -> None:
        self._path = path
        self._document = document
        self.number = number

    def scan(self) -> Slice:
        """The place of the value."""
        return find(self._document.text, self._path.node)


def _of(found: Slice) -> Result:
    return Result(found.type, None, found, found.exists)


_MISSING = _of(Slice("", 0, 0, "Null"))
_WORDS = {
    True: _of(Slice("true", 0, 4, "True")),
    False: _of(Slice("false", 0, 5, "False")),
    None: _of(Slice("null", 0, 4, "Null")),
}


class Path:
    """A compiled path. It keeps no state of documents and may be shared."""

    __slots__ = ("_steps", "node", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.node = Node(clean(text))
        self._steps = _plain_steps(self.node.text)

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def get(self, document: Document) -> Result:
        """What the path finds in the document. Never raises."""
        steps = self._steps
        if steps is None or not document.unique:
            return self.scan(document.text)
        value = document.value
        for key, index in steps:
            kind = type(value)
            if kind is dict:
                if key not in value:
                    return _MISSING
                value = value[key]
            elif kind is list:
                if index == _ESCAPED:
                    return self.scan(document.text)
                if not 0 <= index < len(value):
                    return _MISSING
                value = value[index]
            else:
                return _MISSING
        kind = type(value)
        if kind is str:
            return Result("String", value, _Parsed(self, document))
        if kind is int and (value or not document.minus_zero):
            return Result("Number", str(value), _Parsed(self, document, float(value)))
        if kind is bool or value is None:
            return _WORDS[value]
        if kind is float and -_EXACT < value < _EXACT:
            return Result("Number", float_text(value, "f", -1), _Parsed(self, document, value))
        if kind is dict or kind is list:
            return Result("JSON", document.raw(value), _Parsed(self, document))
        return self.scan(document.text)

    def scan(self, text: str) -> Result:
        """What the path finds in a JSON text, by scanning it. Never raises."""
        return _of(find(text, self.node))


def _plain_steps(text: str) -> tuple[tuple[str, int], ...] | None:
    """Names and indexes of a path that has nothing else, ``None`` for other paths."""
    if not _PLAIN.fullmatch(text):
        return None
    steps = []
    at = 0
    while at <= len(text):
        component = _COMPONENT.match(text, at)
        if component is None:
            return None
        part = component.group()
        is_index = part.isascii() and part.isdigit()
        if is_index and len(part) > _LONGEST_INDEX:
            return None
        if "\\" in part:
            steps.append((re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL), _ESCAPED))
        else:
            steps.append((part, int(part) if is_index else _NO_INDEX))
        at = component.end() + 1
    return tuple(steps)


@lru_cache(maxsize=4096)
def compile(path: str) -> Path:
    """The path, ready for use. Never raises: gjson knows no malformed path."""
    return Path(path)


def get(json: str | bytes, path: str) -> Result:
    """What the path finds in a JSON text; for single look-ups (see ``Document`` for several)."""
    return compile(path).scan(decode_bytes(json) if isinstance(json, bytes) else clean(json))
