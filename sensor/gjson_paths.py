"""Paths of gjson that find nothing in any data, though no path is an error: those written in another language, or not to their end. Pure.

https://github.com/tidwall/gjson/blob/master/SYNTAX.md
"""

from __future__ import annotations

import re

from events.expressions.gjson_path import MODIFIERS
from events.models.base import Finding
from events.registry import did_you_mean

__all__ = ["advise_path"]

_INDEX = re.compile(r"[\w-]+(?:\.[\w-]+)*\[(\d+)\]", re.ASCII)
"""Plain steps, and an index as most languages have it."""

_MODIFIER = re.compile(r"(?:\A|[.|])@([\w-]+)", re.ASCII)

_TOKEN = re.compile(r'\\.|"(?:\\.|[^"\\])*+(?:"|\Z)|[\[\](){}]', re.DOTALL)
_OPENS = {"(": ")", "[": "]", "{": "}"}


def advise_path(path: str, where: str) -> list[Finding]:
    """A warning for a path that stands at ``where`` and finds nothing."""
    reason, hint = _reason(path)
    return [Finding("warning", where, f"finds nothing: {reason}", hint)] if reason else []


def _reason(path: str) -> tuple[str, str]:
    if path == "$" or path.startswith(("$.", "$[")):
        rest = re.sub(r"\[(\d+)\]", r".\1", path[1:]).lstrip(".")
        return "a path does not begin with '$'", f"did you mean '{rest}'?" if rest else "@this is all of it"
    if path.startswith(".") and not path.startswith(".."):  # two are for lines of JSON
        return "a path does not begin with a dot", f"did you mean '{path[1:]}'?"
    index = _INDEX.match(path)
    if index is not None:
        plain = re.sub(r"\[(\d+)\]", r".\1", path)
        return "an element of a list is written as a step of its own", f"did you mean '{plain}'?"
    opened = _unclosed(path)
    if opened:
        return f"'{opened}' is not closed", f"close it with '{_OPENS[opened]}'"
    outside = path.partition("#(")[0]
    modifier = _MODIFIER.search(outside)
    if modifier is not None and modifier[1] not in MODIFIERS:
        return f"there is no modifier '@{modifier[1]}'", did_you_mean(modifier[1], sorted(MODIFIERS))
    return "", ""


def _unclosed(path: str) -> str:
    """The bracket of a query or a multipath that nothing closes. Elsewhere a bracket is a part of a name."""
    pending: list[str] = []
    for token in _TOKEN.finditer(path):
        sign, before = token[0], path[max(0, token.start() - 2) : token.start()]
        if sign in _OPENS and (pending or _begins(sign, before)):
            pending.append(sign)
        elif pending and sign == _OPENS[pending[-1]]:
            pending.pop()
    return pending[0] if pending else ""


def _begins(sign: str, before: str) -> bool:
    if sign == "(":
        return before in ("#", ".#", "|#")
    return not before or before.endswith((".", "|"))
