"""Built-in functions on texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.machine import Machine
from events.expressions.expr.values import rejoined, to_int, want_text
from events.expressions.golang.limits import check_text
from events.expressions.golang.texts import to_lower, to_upper, trim_set, trim_space
from events.expressions.golang.values import (
    Int,
    NilList,
    NilStrings,
    Strings,
    as_bytes,
    byte_length,
    type_of,
)

__all__ = ["TEXT"]

_MAX_REPEAT = 1_000_000
_ALL = Int(-1)


def _trim(m: Machine, text: Any, cutset: Any = Ellipsis) -> str:
    if cutset is Ellipsis:
        return trim_space(want_text(text))
    return trim_set(want_text(text), want_text(cutset))


def _casing(convert: Callable[[str], str]) -> Callable[[Machine, Any], str]:
    def apply(m: Machine, text: Any) -> str:
        whole = want_text(text)
        m.spend(len(whole) >> (10 if whole.isascii() else 3))
        return convert(whole)

    return apply


def _trim_prefix(m: Machine, text: Any, prefix: Any = " ") -> str:
    return want_text(text).removeprefix(want_text(prefix))


def _trim_suffix(m: Machine, text: Any, suffix: Any = " ") -> str:
    return want_text(text).removesuffix(want_text(suffix))


def _pieces(text: str, separator: str, limit: int) -> list[str]:
    """At most ``limit`` pieces (negative: all); an empty separator gives the characters."""
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if 0 < limit < len(text):
        return [*text[: limit - 1], text[limit - 1 :]]
    return list(text)


def _split(m: Machine, text: Any, separator: Any, limit: Any = _ALL) -> Strings:
    whole, mark, most = want_text(text), want_text(separator), to_int(limit)
    if most == 0:
        return NilStrings()
    pieces = _pieces(whole, mark, most)
    m.spend(len(pieces) >> 3)
    return Strings(pieces)


def _split_after(m: Machine, text: Any, separator: Any, limit: Any = _ALL) -> Strings:
    pieces = _split(m, text, separator, limit)
    return type(pieces)([*(piece + separator for piece in pieces[:-1]), *pieces[-1:]])


def _replace(m: Machine, text: Any, old: Any, new: Any, limit: Any = _ALL) -> str:
    whole, before, after = want_text(text), want_text(old), want_text(new)
    most = to_int(limit)
    hits = whole.count(before)
    hits = min(hits, most) if most >= 0 else hits
    check_text(len(whole) + hits * (len(after) - len(before)))
    m.spend((len(whole) + hits * len(after)) >> 8)
    return rejoined(whole.replace(before, after, max(most, -1)))


def _repeat(m: Machine, text: Any, count: Any) -> str:
    whole, times = want_text(text), to_int(count)
    if times < 0:
        raise EvaluationError(f"invalid argument for repeat (expected positive integer, got {times})")
    if times > _MAX_REPEAT:
        raise EvaluationError("memory budget exceeded")
    m.grow(byte_length(whole) * times)
    return rejoined(whole * times)


def _join(m: Machine, items: Any, glue: Any = "") -> str:
    separator = want_text(glue)
    if type(items) not in (list, NilList) and not isinstance(items, Strings):
        raise EvaluationError(f"invalid argument for join (type {type_of(items)})")
    texts = [want_text(item) for item in items]
    check_text(sum(map(len, texts)) + len(texts) * len(separator))
    m.spend(len(texts) >> 3)
    return rejoined(separator.join(texts))


def _index_of(m: Machine, text: Any, part: Any) -> Int:
    whole, piece = want_text(text), want_text(part)
    return Int(whole.find(piece) if whole.isascii() else as_bytes(whole).find(as_bytes(piece)))


def _last_index_of(m: Machine, text: Any, part: Any) -> Int:
    whole, piece = want_text(text), want_text(part)
    return Int(whole.rfind(piece) if whole.isascii() else as_bytes(whole).rfind(as_bytes(piece)))


TEXT: dict[str, Any] = {
    "trim": _trim,
    "trimPrefix": _trim_prefix,
    "trimSuffix": _trim_suffix,
    "upper": _casing(to_upper),
    "lower": _casing(to_lower),
    "split": _split,
    "splitAfter": _split_after,
    "replace": _replace,
    "repeat": _repeat,
    "join": _join,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "hasPrefix": lambda m, text, prefix: want_text(text).startswith(want_text(prefix)),
    "hasSuffix": lambda m, text, suffix: want_text(text).endswith(want_text(suffix)),
}
