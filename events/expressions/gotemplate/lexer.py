"""From a template's text to tokens: literal text, and inside ``{{ }}`` identifiers, fields, constants and signs.

Follows https://pkg.go.dev/text/template#hdr-Text_and_spaces and the package's lexer: a space is a token of its own, because
``.a .b`` and ``.a.b`` differ.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from events.errors import ExpressionError

__all__ = ["KEYWORDS", "Kind", "Token", "tokenize"]

LANGUAGE = "template"
MAX_TOKENS = 20_000


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    LEFT = "{{"
    RIGHT = "}}"
    SPACE = "space"
    ASSIGN = "="
    DECLARE = ":="
    PIPE = "|"
    LEFT_PAREN = "("
    RIGHT_PAREN = ")"
    COMMA = ","
    SIGN = "sign"
    STRING = "string"
    RAW_STRING = "raw string"
    CHAR = "character constant"
    NUMBER = "number"
    BOOL = "bool"
    NIL = "nil"
    DOT = "."
    FIELD = "field"
    VARIABLE = "variable"
    IDENTIFIER = "identifier"
    KEYWORD = "keyword"
    END = "EOF"


class Token(NamedTuple):
    """One token; ``at`` counts characters from the start of the template."""

    kind: Kind
    text: str
    at: int


KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_SPACES = " \t\r\n"
_TERMINATORS = ".,|:)("
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<declare>:=)
    |(?P<raw>`[^`]*`)
    |(?P<string>"(?:\\[^\n]|[^"\\\n])*")
    |(?P<char>'(?:\\[^\n]|[^'\\\n])*')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?
        |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]*)?)i?)
    |(?P<variable>\$\w*)
    |(?P<field>\.\w*)
    |(?P<word>\w+)
    |(?P<sign>[ -~])""",
    re.VERBOSE,
)
_SIGNS = {"=": Kind.ASSIGN, "|": Kind.PIPE, "(": Kind.LEFT_PAREN, ")": Kind.RIGHT_PAREN, ",": Kind.COMMA}
_UNTERMINATED = {
    '"': "unterminated quoted string",
    "`": "unterminated raw quoted string",
    "'": "unterminated character constant",
}


def tokenize(text: str) -> list[Token]:
    """All tokens of a template, with an END. Raises ``ExpressionError``."""
    tokens: list[Token] = []
    at = 0
    while True:
        left = text.find("{{", at)
        if left < 0:
            if at < len(text):
                tokens.append(Token(Kind.TEXT, text[at:], at))
            tokens.append(Token(Kind.END, "", len(text)))
            return tokens
        trims = text[left + 2 : left + 3] == "-" and text[left + 3 : left + 4] in _SPACES and len(text) > left + 3
        literal = text[at:left].rstrip(_SPACES) if trims else text[at:left]
        if literal:
            tokens.append(Token(Kind.TEXT, literal, at))
        inside = left + (4 if trims else 2)
        if text.startswith("/*", inside):
            at = _comment(text, inside)
        else:
            tokens.append(Token(Kind.LEFT, "{{", left))
            at = _action(text, inside, tokens)


def _right_delimiter(text: str, at: int) -> int | None:
    """Where the text goes on behind ``}}`` or `` -}}`` at this place."""
    if text.startswith("}}", at):
        return at + 2
    if text[at : at + 1] in _SPACES and text.startswith("-}}", at + 1):
        at += 4
        while at < len(text) and text[at] in _SPACES:
            at += 1
        return at
    return None


def _comment(text: str, at: int) -> int:
    end = text.find("*/", at + 2)
    if end < 0:
        raise _error("unclosed comment", text, at)
    after = _right_delimiter(text, end + 2)
    if after is None:
        raise _error("comment ends before closing delimiter", text, end)
    return after


def _action(text: str, at: int, tokens: list[Token]) -> int:
    """The tokens of one action with its closing delimiter; gives the place behind it."""
    depth = 0
    while True:
        after = _right_delimiter(text, at)
        if after is not None:
            if depth:
                raise _error("unclosed left paren", text, at)
            tokens.append(Token(Kind.RIGHT, "}}", at))
            return after
        match = _TOKEN.match(text, at)
        if match is None:
            raise _error(
                "unclosed action" if at >= len(text) else f"unrecognized character in action: {text[at]!r}", text, at
            )
        end = match.end()
        if match.lastgroup == "space" and text.startswith("-}}", end) and end - at > 1:
            end -= 1  # the last space belongs to the trim marker
        token = _token(match, text, at, end)
        depth += (token.kind is Kind.LEFT_PAREN) - (token.kind is Kind.RIGHT_PAREN)
        if depth < 0:
            raise _error("unexpected right paren", text, at)
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise _error(f"the template has more than {MAX_TOKENS} parts", text, at)
        at = end


def _token(match: re.Match[str], text: str, at: int, end: int) -> Token:
    value = text[at:end]
    group = match.lastgroup
    if group == "word":
        _expect_terminator(text, end)
        return Token(_word_kind(value), value, at)
    if group in ("field", "variable"):
        _expect_terminator(text, end)
        kind = Kind.VARIABLE if group == "variable" else Kind.DOT if value == "." else Kind.FIELD
        return Token(kind, value, at)
    if group == "number":
        if text[end : end + 1] in ("+", "-") and end < len(text):
            raise _error("complex numbers are not supported", text, at)
        if re.match(r"\w", text[end : end + 1]):
            raise _error(f"bad number syntax: {value + text[end]!r}", text, at)
        return Token(Kind.NUMBER, value, at)
    if group == "sign":
        if value in _UNTERMINATED:
            raise _error(_UNTERMINATED[value], text, at)
        if value in "+-":
            raise _error(f"bad number syntax: {value!r}", text, at)
        if value == ":":
            raise _error("expected :=", text, at)
        return Token(_SIGNS.get(value, Kind.SIGN), value, at)
    return Token(_PLAIN[group or ""], value, at)


_PLAIN = {
    "space": Kind.SPACE,
    "declare": Kind.DECLARE,
    "raw": Kind.RAW_STRING,
    "string": Kind.STRING,
    "char": Kind.CHAR,
}


def _word_kind(word: str) -> Kind:
    if word in KEYWORDS:
        return Kind.KEYWORD
    if word in ("true", "false"):
        return Kind.BOOL
    return Kind.NIL if word == "nil" else Kind.IDENTIFIER


def _expect_terminator(text: str, at: int) -> None:
    if at < len(text) and text[at] not in _SPACES and text[at] not in _TERMINATORS and not text.startswith("}}", at):
        raise _error(f"bad character {text[at]!r}", text, at)


def _error(message: str, text: str, at: int) -> ExpressionError:
    line = text.count("\n", 0, at) + 1
    return ExpressionError(f"line {line}: {message}", language=LANGUAGE, text=text, position=at)
