"""``@pretty`` of gjson paths: one member a line, and lists of scalars and lists on one line where they fit.

Spec: argo-events.md §1.9. Widths count bytes of UTF-8. A list in an object, and the first element of a list, have one column
less than their width: the line break counts as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from events.expressions.gjson_scan import Budget
from events.expressions.gjson_text import number_of, unescape

__all__ = ["pretty"]

_TOKEN = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[{}\[\]]|n(?!u|\Z)[^\x00-\x20,:\]}]*+|[nft]|[0-9\-iI+N][^\x00-\x20,:\]}]*+',
    re.DOTALL,
)
_WORDS = {"t": "true", "f": "false", "n": "null"}
_RANKS = {"n": 0, "f": 1, '"': 3, "t": 4, "[": 5, "{": 5}


@dataclass(slots=True)
class _Open:
    """A container being written: its members so far, and where its lines begin."""

    bracket: str
    lead: str
    key: str | None = None
    parts: list[str] = field(default_factory=list)
    order: list[tuple[str, str]] = field(default_factory=list)  # key and value of each member, for sorting


def pretty(text: str, budget: Budget, *, indent: str, prefix: str, width: int, sort_keys: bool) -> str:
    """The text of one JSON value over lines, with a line break at the end; "" for a text without a value."""
    tokens = _tokens(text)
    budget.spend(Budget.STEP * len(tokens))
    flat = _flat_lists(tokens) if width > 0 else {}
    stack: list[_Open] = []
    at = 0
    while at < len(tokens):
        piece = tokens[at]
        if stack and stack[-1].bracket == "{" and stack[-1].key is None and piece != "}":
            if piece[0] == '"':
                stack[-1].key = piece
            at += 1
            continue
        at += 1
        if piece in ("{", "["):
            one_line = flat.get(at - 1)
            if one_line is not None and _fits(one_line, width, prefix, stack, indent):
                piece = _join_line(tokens[at - 1 : one_line.stop])
                at = one_line.stop
            else:
                budget.spend(len(indent) * len(stack))
                stack.append(_Open(piece, prefix + indent * (len(stack) + 1)))
                continue
        elif piece in ("}", "]"):
            if not stack:
                continue
            piece = _close(stack.pop(), prefix + indent * len(stack), piece, sort_keys)
        budget.spend(len(piece))
        if not stack:
            return f"{prefix}{piece}\n"
        _add(stack[-1], piece)
    return f"{prefix}\n" if prefix else ""


def _tokens(text: str) -> list[str]:
    """Strings, brackets, numbers and words; commas, colons and anything else are dropped."""
    tokens = []
    at = 0
    while match := _TOKEN.search(text, at):
        piece = match.group()
        at = match.end()
        if piece in _WORDS:
            piece = _WORDS[piece]
            at += len(piece) - 1
        tokens.append(piece)
    return tokens


def _add(outer: _Open, piece: str) -> None:
    if outer.bracket == "{":
        key = outer.key or ""
        outer.order.append((key, piece))
        outer.parts.append(f"{outer.lead}{key}: {piece}")
        outer.key = None
    else:
        outer.parts.append(outer.lead + piece)


def _close(inner: _Open, lead: str, bracket: str, sort_keys: bool) -> str:
    parts = inner.parts
    if not parts:
        return inner.bracket + bracket
    if sort_keys and inner.bracket == "{":
        numbers = sorted(range(len(parts)), key=lambda number: [_rank(text) for text in inner.order[number]])
        parts = [parts[number] for number in numbers]
    lines = ",\n".join(parts)
    return f"{inner.bracket}\n{lines}\n{lead}{bracket}"


def _rank(raw: str) -> tuple[int, float, str]:
    """Null, false, numbers, strings, true, containers; within these by number or text."""
    rank = _RANKS.get(raw[:1], 2)
    if rank == 2:
        return rank, number_of(raw), ""
    return rank, 0.0, unescape(raw[1:-1]) if rank == 3 else raw


@dataclass(frozen=True, slots=True)
class _Flat:
    """A list without objects: the piece behind it, and its size on one line in bytes."""

    stop: int
    size: int


def _flat_lists(tokens: list[str]) -> dict[int, _Flat]:
    """The lists that hold no objects, by the number of their opening piece."""
    found: dict[int, _Flat] = {}
    opened: list[tuple[int, int, int]] = []  # piece, members and bytes so far of each open container
    mixed = 0  # how many of these, from the outermost, hold an object or are one
    for at, piece in enumerate(tokens):
        if piece in ("{", "["):
            opened.append((at, 0, 2))
            if piece == "{":
                mixed = len(opened)
            continue
        size = _bytes(piece)
        if piece in ("]", "}"):
            if not opened:
                break
            start, _, size = opened.pop()
            if len(opened) >= mixed:
                found[start] = _Flat(at + 1, size)
            mixed = min(mixed, len(opened))
        if opened:
            start, count, so_far = opened[-1]
            opened[-1] = (start, count + 1, so_far + size + (2 if count else 0))
    return found


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _fits(one_line: _Flat, width: int, prefix: str, stack: list[_Open], indent: str) -> bool:
    used = len(prefix)
    if stack:
        outer = stack[-1]
        used = len(outer.lead)
        if outer.bracket == "{":
            used += _bytes(outer.key or "") + 3
        elif not outer.parts:
            used += 1
    return width - used > 3 and one_line.size <= width - used


def _join_line(tokens: list[str]) -> str:
    parts = []
    for before, piece in zip(["[", *tokens], tokens, strict=False):
        if before != "[" and piece != "]":
            parts.append(", ")
        parts.append(piece)
    return "".join(parts)
