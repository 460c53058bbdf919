"""The data of one event: parsed once, when first asked for, and read by paths, scripts and templates.

Spec: argo-events.md §1.3.2 and §1.9.
"""

from __future__ import annotations

from typing import Any

import orjson

from events.errors import EvaluationError
from events.expressions import gjson
from events.expressions.json_text import decode_bytes, loads

__all__ = ["Document"]

_INVALID = object()


class Document:
    """A JSON text. It may be invalid, which ``valid`` tells; paths read that too, as far as they get."""

    __slots__ = ("_canonical", "_minus_zero", "_text", "_unique", "_value", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text: str | None = None
        self._value: Any = None
        self._unique: bool | None = None  # None: not parsed yet
        self._canonical = False
        self._minus_zero: bool | None = None

    @property
    def valid(self) -> bool:
        """Whether the data is one JSON value. Lone surrogate escapes and bytes that are no UTF-8 are accepted in strings."""
        if self._unique is None:
            self._parse()
        return self._value is not _INVALID

    @property
    def value(self) -> Any:
        """The plain value; of members of one name the last counts, as for scripts and templates.

        What is no character in a string is U+FFFD; integers beyond 64 bits are floats. Raises ``EvaluationError`` for what
        is not valid.
        """
        if self._unique is None:
            self._parse()
        if self._value is _INVALID:
            raise EvaluationError("the data is not valid JSON")
        return self._value

    @property
    def text(self) -> str:
        """The data as text; a byte that is no UTF-8 is U+FFFD."""
        if self._text is None:
            self._text = decode_bytes(self.data)
        return self._text

    def get(self, path: gjson.Path | str) -> gjson.Result:
        """What a gjson path finds. Never raises."""
        return (gjson.compile(path) if isinstance(path, str) else path).get(self)

    @property
    def unique(self) -> bool:
        """Whether it is sure that no object has two members of one name, so that ``value`` says what a scan would find."""
        if self._unique is None:
            self._parse()
        return bool(self._unique)

    @property
    def minus_zero(self) -> bool:
        """Whether a 0 in ``value`` may be ``-0`` in the text."""
        if self._minus_zero is None:
            self._minus_zero = b"-0" in self.data
        return self._minus_zero

    def raw(self, value: Any) -> str | None:
        """The text of a value out of ``value``, where it follows from the value; ``None`` where the text must be scanned."""
        return orjson.dumps(value).decode() if self._canonical else None

    def _parse(self) -> None:
        self._unique = False
        try:
            value = self._value = orjson.loads(self.data)
        except orjson.JSONDecodeError:
            try:
                self._value = loads(self.text)
            except ValueError:
                self._value = _INVALID
            return
        if type(value) is dict or type(value) is list:
            try:
                written = orjson.dumps(value)
            except orjson.JSONEncodeError:
                return  # deeper than orjson writes
            self._canonical = written == self.data
            # Each name and string has the same quotes in both texts, so that members that were dropped are missed.
            self._unique = self._canonical or (
                b"\\u0022" not in self.data and written.count(b'"') == self.data.count(b'"')
            )
