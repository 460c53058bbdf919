"""sprig's regular expressions, in RE2: Go's syntax, linear time. Replacements are Go's templates (``$1``, ``${name}``, ``$$``).

Follows https://masterminds.github.io/sprig/strings.html#regexmatch-mustregexmatch and https://pkg.go.dev/regexp.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import regex
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.limits import check_text
from events.expressions.golang.values import NilStrings, Strings, as_bytes, as_text

__all__ = ["FUNCTIONS"]

_MAX_MATCHES = 70_000
_MAX_SECONDS = 0.1  # of one call: a pattern may look at the whole text again for each match
_META = frozenset("\\.+*?()|[]{}^$")


def _compile(pattern: str, text: str) -> Any:
    """The pattern, for this text."""
    try:
        compiled = regex.compile(pattern)
        regex.check_effort(regex.size_of(pattern), len(text))
    except ExpressionError as error:
        raise EvaluationError(error.message) from None
    return compiled


def _width(text: bytes, at: int) -> int:
    """The length of the character at ``at`` in bytes."""
    lead = text[at] if at < len(text) else 0
    expected = 1 if lead < 0xC2 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF5 else 1
    tail = text[at + 1 : at + expected]
    return expected if len(tail) == expected - 1 and all(0x80 <= byte < 0xC0 for byte in tail) else 1


def _searches(pattern: Any, text: bytes) -> Iterator[Any]:
    """All matches from left to right, also an empty one right behind the one before."""
    started = time.thread_time()
    at = count = 0
    while at <= len(text):
        match = pattern.search(text, at)
        if match is None:
            return
        yield match
        end = match.end()
        at = end if end > at else at + _width(text, at)
        count += 1
        if count > _MAX_MATCHES or time.thread_time() - started > _MAX_SECONDS:
            raise EvaluationError("the regular expression matches too often", reason="LimitReached")


def _matches(pattern: Any, text: bytes, limit: int) -> list[tuple[int, int]]:
    """Where the pattern matches: at most ``limit`` times, -1 for all; no empty match touches the one before."""
    found: list[tuple[int, int]] = []
    previous_end = -1
    if limit == 0:
        return found
    for match in _searches(pattern, text):
        start, end = match.span()
        if not (start == end == previous_end):
            found.append((start, end))
        previous_end = end
        if len(found) == limit:
            break
    return found


def _regex_match(pattern: str, text: str) -> bool:
    try:
        return _must_regex_match(pattern, text)
    except EvaluationError:
        return False


def _must_regex_match(pattern: str, text: str) -> bool:
    try:
        return regex.pattern(pattern).found_in(text)
    except ExpressionError as error:
        raise EvaluationError(error.message) from None


def _find(pattern: str, text: str) -> str:
    match = _compile(pattern, text).search(as_bytes(text))
    return as_text(match.group()) if match else ""


def _find_all(pattern: str, text: str, limit: int) -> Strings:
    raw = as_bytes(text)
    found = _matches(_compile(pattern, text), raw, limit)
    return Strings(as_text(raw[start:end]) for start, end in found) if found else NilStrings()


def _replace_all(pattern: str, text: str, template: str) -> str:
    compiled = _compile(pattern, text)
    pieces = _template(as_bytes(template))
    if all(isinstance(piece, bytes) for piece in pieces):
        fixed = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        return _replace(compiled, text, lambda match: fixed)
    names = {name.encode() if isinstance(name, str) else name: i for name, i in compiled.groupindex.items()}
    groups = [
        piece if isinstance(piece, bytes) else _group_number(piece[0], names, compiled.groups) for piece in pieces
    ]

    def expand(match: Any) -> bytes:
        return b"".join((match.group(piece) or b"") if isinstance(piece, int) else piece for piece in groups)

    return _replace(compiled, text, expand)


def _replace_all_literal(pattern: str, text: str, replacement: str) -> str:
    fixed = as_bytes(replacement)
    return _replace(_compile(pattern, text), text, lambda match: fixed)


def _replace(pattern: Any, text: str, expand: Callable[[Any], bytes]) -> str:
    raw = as_bytes(text)
    parts: list[bytes] = []
    last_end = size = 0
    for match in _searches(pattern, raw):
        start, end = match.span()
        parts.append(raw[last_end:start])
        if end > last_end or start == 0:
            parts.append(expand(match))
            size += len(parts[-1])
            check_text(size)
        last_end = end
    parts.append(raw[last_end:])
    return as_text(b"".join(parts))


def _template(template: bytes) -> list[bytes | tuple[bytes]]:
    """Literal pieces, and names of groups as 1-tuples. A ``$`` that starts no name is a literal."""
    pieces: list[bytes | tuple[bytes]] = []
    at = 0
    while True:
        dollar = template.find(b"$", at)
        if dollar < 0:
            pieces.append(template[at:])
            return pieces
        pieces.append(template[at:dollar])
        at = dollar + 1
        if template[at : at + 1] == b"$":
            pieces.append(b"$")
            at += 1
            continue
        brace = template[at : at + 1] == b"{"
        text = as_text(template[at + brace :])
        length = next(
            (i for i, char in enumerate(text) if not (char == "_" or char.isalpha() or char.isdecimal())), len(text)
        )
        name = as_bytes(text[:length])
        end = at + brace + len(name)
        if not name or (brace and template[end : end + 1] != b"}"):
            pieces.append(b"$")
            continue
        pieces.append((name,))
        at = end + brace


def _group_number(name: bytes, names: dict[bytes, int], count: int) -> int | bytes:
    """The group of a name or number; one that the pattern hasn't is empty."""
    if name.isdigit() and not (len(name) > 1 and name[:1] == b"0"):
        number = int(name) if len(name) < 9 else count + 1
        return number if number <= count else b""
    return names.get(name, b"")


def _split(pattern: str, text: str, limit: int) -> Strings:
    if limit == 0:
        return NilStrings()
    compiled = _compile(pattern, text)
    if pattern and not text:
        return Strings([""])
    raw = as_bytes(text)
    parts: list[bytes] = []
    begin = end = 0
    for start, stop in _matches(compiled, raw, limit):
        if limit > 0 and len(parts) == limit - 1:
            break
        end = start
        if stop != 0:
            parts.append(raw[begin:end])
        begin = stop
    if end != len(raw):
        parts.append(raw[begin:])
    return Strings(map(as_text, parts))


def _quote_meta(text: str) -> str:
    return "".join("\\" + char if char in _META else char for char in text)


def _both(name: str, implementation: Callable[..., Any], *parameters: str) -> list[Function]:
    must = "must" + name[0].upper() + name[1:]
    return [Function(n, implementation, parameters, heavy=True) for n in (name, must)]


FUNCTIONS = by_name(
    [
        Function("regexMatch", _regex_match, ("string", "string"), heavy=True),
        Function("mustRegexMatch", _must_regex_match, ("string", "string"), heavy=True),
        *_both("regexFind", _find, "string", "string"),
        *_both("regexFindAll", _find_all, "string", "string", "int"),
        *_both("regexReplaceAll", _replace_all, "string", "string", "string"),
        *_both("regexReplaceAllLiteral", _replace_all_literal, "string", "string", "string"),
        *_both("regexSplit", _split, "string", "string", "int"),
        Function("regexQuoteMeta", _quote_meta, ("string",)),
    ]
)
