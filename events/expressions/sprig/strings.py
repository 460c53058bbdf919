"""sprig's string functions. Positions and lengths count bytes, as in Go.

Follows https://masterminds.github.io/sprig/strings.html and its sources, v3.3.
"""

from __future__ import annotations

from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.limits import check_items, check_slow_text, check_text
from events.expressions.golang.numbers import parse_saturated
from events.expressions.golang.printing import format_value, join_texts, text_of
from events.expressions.golang.quoting import quote as go_quote
from events.expressions.golang.texts import to_lower, to_title, to_upper, trim_set, trim_space
from events.expressions.golang.values import Int, StringMap, Strings, as_bytes, as_text

__all__ = ["FUNCTIONS", "string_list"]


def string_list(value: Any) -> list[str]:
    """The items of a list as texts, without nils; anything else is a list of its own text."""
    if isinstance(value, Strings):
        return value
    if isinstance(value, list):
        return [text_of(item) for item in value if item is not None]
    return [] if value is None else [text_of(value)]


def _quote(*values: Any) -> str:
    return join_texts(" ", [go_quote(text_of(value)) for value in values if value is not None])


def _squote(*values: Any) -> str:
    return join_texts(" ", [f"'{format_value(value)}'" for value in values if value is not None])


def _cat(*values: Any) -> str:
    return join_texts(" ", [value for value in values if value is not None])


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise EvaluationError("strings: negative Repeat count")
    check_text(count * len(text))
    return text * count


def _replace(old: str, new: str, text: str) -> str:
    if len(new) > len(old):
        check_text(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _indent(spaces: int, text: str) -> str:
    if spaces < 0:
        raise EvaluationError("strings: negative Repeat count")
    check_text(len(text) + spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def _nindent(spaces: int, text: str) -> str:
    return "\n" + _indent(spaces, text)


def _slice(text: str, start: int, end: int | None = None) -> str:
    """A slice in bytes with Go's bounds checks."""
    if text.isascii():
        length = len(text)
        end = length if end is None else end
        if 0 <= start <= end <= length:
            return text[start:end]
    else:
        raw = as_bytes(text)
        length = len(raw)
        end = length if end is None else end
        if 0 <= start <= end <= length:
            return as_text(raw[start:end])
    raise EvaluationError(f"slice bounds out of range [{start}:{end}] with length {length}")


def _substr(start: int, end: int, text: str) -> str:
    if start < 0:
        return _slice(text, 0, end)
    if end < 0 or end > len(as_bytes(text)):
        return _slice(text, start)
    return _slice(text, start, end)


def _trunc(size: int, text: str) -> str:
    length = len(text) if text.isascii() else len(as_bytes(text))
    if size < 0 and length + size > 0:
        return _slice(text, length + size)
    if 0 <= size < length:
        return _slice(text, 0, size)
    return text


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 else _abbreviate(text, 0, width)


def _abbrevboth(left: int, right: int, text: str) -> str:
    return text if right < 4 or (left > 0 and right < 7) else _abbreviate(text, left, right)


def _abbreviate(text: str, offset: int, width: int) -> str:
    raw = as_bytes(text)
    if len(raw) <= width:
        return text
    offset = min(offset, len(raw))
    if len(raw) - offset < width - 3:
        offset = len(raw) - (width - 3)
    if offset <= 4:
        return as_text(raw[: width - 3]) + "..."
    if width < 7:
        return ""
    if offset + width - 3 < len(raw):
        return "..." + _abbreviate(as_text(raw[offset:]), 0, width - 3)
    return "..." + as_text(raw[len(raw) - (width - 3) :])


def _wrap(width: int, text: str) -> str:
    return _wrap_text(text, width, "\n", break_words=False)


def _wrap_with(width: int, separator: str, text: str) -> str:
    return _wrap_text(text, width, separator or "\n", break_words=True)


def _wrap_text(text: str, width: int, separator: str, *, break_words: bool) -> str:
    """Lines of at most ``width`` bytes, broken at spaces; a longer word stays whole or is cut."""
    check_slow_text(text)
    raw = as_bytes(text)
    width = max(width, 1)
    end_of_line = as_bytes(separator)
    parts: list[bytes] = []
    at = 0
    while len(raw) - at > width:
        if raw[at] == 0x20:
            at += 1
            continue
        space = raw.rfind(b" ", at, at + width + 1)
        if space >= at:
            line, after = raw[at:space], space + 1
        elif break_words:
            line, after = raw[at : at + width], at + width
        else:
            space = raw.find(b" ", at + width)
            if space < 0:
                break
            line, after = raw[at:space], space + 1
        parts.append(line)
        at = after
        check_text(at + len(parts) * len(end_of_line))
    parts.append(raw[at:])
    return as_text(end_of_line.join(parts))


def _split(separator: str, text: str, limit: int = -1) -> Strings:
    """Go's ``strings.SplitN``: an empty separator cuts between characters, ``limit`` 0 gives nothing."""
    if limit == 0:
        return Strings()
    if separator:
        parts = text.split(separator, limit - 1 if limit > 0 else -1)
    elif 0 < limit < len(text):
        parts = [*text[: limit - 1], text[limit - 1 :]]
    else:
        parts = list(text)
    check_items(len(parts))
    return Strings(parts)


def _numbered(parts: Strings) -> StringMap:
    return StringMap({f"_{i}": part for i, part in enumerate(parts)})


def _join(separator: str, value: Any) -> str:
    return join_texts(separator, string_list(value))


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _sort_alpha(value: Any) -> Strings:
    return Strings(sorted(string_list(value))) if isinstance(value, list) else Strings([text_of(value)])


def _trim_prefix(prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


def _trim_suffix(suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


def _contains(part: str, text: str) -> bool:
    return part in text


def _has_prefix(prefix: str, text: str) -> bool:
    return text.startswith(prefix)


def _has_suffix(suffix: str, text: str) -> bool:
    return text.endswith(suffix)


def _trim_all(cutset: str, text: str) -> str:
    return trim_set(text, cutset)


def _split_list(separator: str, text: str) -> Strings:
    return _split(separator, text)


def _split_map(separator: str, text: str) -> StringMap:
    return _numbered(_split(separator, text))


def _splitn(separator: str, limit: int, text: str) -> StringMap:
    return _numbered(_split(separator, text, limit))


def _to_strings(value: Any) -> Strings:
    texts = string_list(value)
    return texts if isinstance(texts, Strings) else Strings(texts)


def _hello() -> str:
    return "Hello!"


def _fail(message: str) -> str:
    raise EvaluationError(message)


def _atoi(text: str) -> Int:
    return Int(parse_saturated(text))


FUNCTIONS = by_name(
    [
        Function("hello", _hello),
        Function("fail", _fail, ("string",)),
        Function("abbrev", _abbrev, ("int", "string")),
        Function("abbrevboth", _abbrevboth, ("int", "int", "string")),
        Function("atoi", _atoi, ("string",)),
        Function("cat", _cat, ("any...",)),
        Function("contains", _contains, ("string", "string")),
        Function("hasPrefix", _has_prefix, ("string", "string")),
        Function("hasSuffix", _has_suffix, ("string", "string")),
        Function("indent", _indent, ("int", "string")),
        Function("join", _join, ("string", "any")),
        Function("lower", to_lower, ("string",)),
        Function("nindent", _nindent, ("int", "string")),
        Function("plural", _plural, ("string", "string", "int")),
        Function("quote", _quote, ("any...",)),
        Function("repeat", _repeat, ("int", "string")),
        Function("replace", _replace, ("string", "string", "string")),
        Function("sortAlpha", _sort_alpha, ("any",)),
        Function("split", _split_map, ("string", "string")),
        Function("splitList", _split_list, ("string", "string")),
        Function("splitn", _splitn, ("string", "int", "string")),
        Function("squote", _squote, ("any...",)),
        Function("substr", _substr, ("int", "int", "string")),
        Function("title", to_title, ("string",)),
        Function("toString", text_of, ("any",)),
        Function("toStrings", _to_strings, ("any",)),
        Function("trim", trim_space, ("string",)),
        Function("trimAll", _trim_all, ("string", "string")),
        Function("trimPrefix", _trim_prefix, ("string", "string")),
        Function("trimSuffix", _trim_suffix, ("string", "string")),
        Function("trimall", _trim_all, ("string", "string")),
        Function("trunc", _trunc, ("int", "string")),
        Function("upper", to_upper, ("string",)),
        Function("wrap", _wrap, ("int", "string")),
        Function("wrapWith", _wrap_with, ("int", "string", "string")),
    ]
)
