"""govaluate, first part: the text as tokens, each checked to be allowed after the one before it.

Follows the reference's lexer with its traps, which manifests may rely on: a run of symbol characters is one token (``a==-1`` is
an error), either quote closes a string, a backslash makes any character part of a name, and a string that looks like a date is a number.
https://github.com/Knetic/govaluate/blob/9aa49832a739/parsing.go and lexerState.go
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from events.errors import ExpressionError
from events.expressions.golang.numbers import parse_float, parse_int
from events.expressions.govaluate_dates import unix_seconds

__all__ = ["MAX_LENGTH", "MAX_TOKENS", "Kind", "Token", "error", "tokenize"]

MAX_LENGTH = 65_536  # characters of a program
MAX_TOKENS = 4_096


class Kind(Enum):
    """What a token is; which kinds may follow which is in ``_FOLLOWERS``."""

    START = "the start"
    PREFIX = "prefix"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRING = "string"
    TIME = "date"
    VARIABLE = "variable"
    ACCESSOR = "field access"
    COMPARATOR = "comparator"
    LOGICAL = "logical operator"
    MODIFIER = "operator"
    TERNARY = "ternary operator"
    SEPARATOR = "comma"
    OPEN = "parenthesis"
    CLOSE = "closing parenthesis"


class Token(NamedTuple):
    """One token. ``value`` is the operator's text, a variable's name, the names of a field access or a literal's value."""

    kind: Kind
    value: Any
    position: int


_LITERALS = {Kind.NUMBER, Kind.BOOLEAN, Kind.STRING, Kind.TIME}
_OPERANDS = _LITERALS | {Kind.PREFIX, Kind.VARIABLE, Kind.ACCESSOR, Kind.OPEN}
_OPERATORS = {Kind.MODIFIER, Kind.COMPARATOR, Kind.LOGICAL, Kind.TERNARY, Kind.SEPARATOR}

_FOLLOWERS: dict[Kind, set[Kind]] = {
    Kind.START: _OPERANDS,
    Kind.OPEN: _OPERANDS | {Kind.CLOSE},
    # What stands right after a closing parenthesis is never evaluated; the reference accepts it.
    Kind.CLOSE: _OPERATORS | _LITERALS | {Kind.VARIABLE, Kind.OPEN, Kind.CLOSE},
    Kind.NUMBER: _OPERATORS | {Kind.CLOSE},
    Kind.BOOLEAN: _OPERATORS | {Kind.CLOSE},
    Kind.STRING: _OPERATORS | {Kind.CLOSE},
    Kind.VARIABLE: _OPERATORS | {Kind.CLOSE},
    Kind.ACCESSOR: _OPERATORS | {Kind.CLOSE, Kind.OPEN},
    Kind.TIME: _OPERATORS - {Kind.TERNARY} | {Kind.CLOSE},
    Kind.MODIFIER: _OPERANDS - {Kind.TIME} | {Kind.CLOSE},
    Kind.COMPARATOR: _OPERANDS | {Kind.CLOSE},
    Kind.LOGICAL: _OPERANDS | {Kind.CLOSE},
    Kind.PREFIX: _OPERANDS - {Kind.PREFIX, Kind.STRING, Kind.TIME} | {Kind.CLOSE},
    Kind.TERNARY: _OPERANDS | {Kind.SEPARATOR},  # refused when it is parsed
    Kind.SEPARATOR: _OPERANDS,
}
_LAST = _LITERALS | {Kind.VARIABLE, Kind.ACCESSOR, Kind.CLOSE}

_PREFIXES = {"-", "!", "~"}
_SYMBOLS = {
    **dict.fromkeys(("+", "-", "*", "/", "%", "**", "&", "|", "^", ">>", "<<"), Kind.MODIFIER),
    **dict.fromkeys(("&&", "||"), Kind.LOGICAL),
    **dict.fromkeys(("==", "!=", ">", ">=", "<", "<=", "=~", "!~"), Kind.COMPARATOR),
    **dict.fromkeys(("?", ":", "??"), Kind.TERNARY),
}
_WORDS = {
    "true": (Kind.BOOLEAN, True),
    "false": (Kind.BOOLEAN, False),
    "in": (Kind.COMPARATOR, "in"),
    "IN": (Kind.COMPARATOR, "in"),
}
_SPACES = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
_HEX_DIGITS = frozenset("abcdefABCDEF")
_QUOTES = frozenset("'\"")
_NOT_SYMBOLS = frozenset("()[]'\"")


def error(message: str, text: str, position: int) -> ExpressionError:
    """The error of a program of this language."""
    return ExpressionError(message, language="govaluate", text=text, position=position)


def tokenize(text: str) -> list[Token]:
    """All tokens of a program; at least one. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise error(
            f"an expression of {len(text)} characters is longer than the limit of {MAX_LENGTH}", text, MAX_LENGTH
        )
    lexer = _Lexer(text)
    tokens: list[Token] = []
    last = Token(Kind.START, "", 0)
    while (token := lexer.read(last.kind)) is not None:
        if len(tokens) == MAX_TOKENS:
            raise error(f"an expression may have up to {MAX_TOKENS} tokens", text, token.position)
        if token.kind not in _FOLLOWERS[last.kind]:
            raise _misplaced(last, token, text)
        tokens.append(token)
        last = token
    if last.kind not in _LAST:
        raise error("the expression ends where a value is expected", text, len(text))
    if sum(t.kind is Kind.OPEN for t in tokens) != sum(t.kind is Kind.CLOSE for t in tokens):
        raise error("unbalanced parentheses", text, len(text))
    return tokens


def _misplaced(last: Token, token: Token, text: str) -> ExpressionError:
    if last.kind is Kind.VARIABLE and token.kind is Kind.OPEN:
        return error(f"there is no function '{last.value}'", text, last.position)
    after = "" if last.kind is Kind.START else f" {_shown(last)}"
    return error(f"{token.kind.value} {_shown(token)} cannot follow {last.kind.value}{after}", text, token.position)


def _shown(token: Token) -> str:
    value = ".".join(token.value) if token.kind is Kind.ACCESSOR else token.value
    return f"'{value}'"


class _Lexer:
    """Reads a program from ``at`` on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self, last: Kind) -> Token | None:
        """The next token, None at the end; ``last`` is the kind of the token before, which tells prefixes from operators."""
        text = self.text
        while self.at < len(text) and text[self.at] in _SPACES:
            self.at += 1
        if self.at == len(text):
            return None
        start, char = self.at, text[self.at]
        if _is_numeric(char):
            return Token(Kind.NUMBER, self._number(start), start)
        if char.isalpha():
            return self._word(start)
        self.at += 1
        if char == ",":
            return Token(Kind.SEPARATOR, ",", start)
        if char == "(":
            return Token(Kind.OPEN, "(", start)
        if char == ")":
            return Token(Kind.CLOSE, ")", start)
        if char == "[":
            return Token(Kind.VARIABLE, self._delimited(lambda c: c != "]", start, "bracket of a variable"), start)
        if char in _QUOTES:
            string = self._delimited(lambda c: c not in _QUOTES, start, "string")
            seconds = unix_seconds(string)
            return Token(Kind.STRING, string, start) if seconds is None else Token(Kind.TIME, seconds, start)
        self.at = start
        return self._symbol(start, last)

    def _number(self, start: int) -> float:
        number: float | None
        if self.text.startswith("0x", start) and start + 2 < len(self.text):
            self.at = start + 2
            digits = self._run(lambda c: c.isdecimal() or c in _HEX_DIGITS)
            number = parse_int(digits, 16, signed=False) if digits else None
        else:
            digits = self._run(_is_numeric)
            number = parse_float(digits)
        if number is None:
            raise error(f"'{self.text[start : self.at].strip()}' is not a number", self.text, start)
        return float(number)

    def _word(self, start: int) -> Token:
        name = self._run(_is_name)
        if "." not in name:
            kind, value = _WORDS.get(name, (Kind.VARIABLE, name))
            return Token(kind, value, start)
        if name.endswith("."):
            raise error(f"'{name}' ends with a dot", self.text, start)
        names = tuple(name.split("."))
        for field in names[1:]:
            if field[:1].upper() not in (field[:1], "") and len(field[0].upper()) == 1:
                hint = f"give the path '{name}' a name without dots under `fields`, or write [{name}]"
                raise error(f"'{name}' reads a field, and '{field}' is not one: {hint}", self.text, start)
        return Token(Kind.ACCESSOR, names, start)

    def _symbol(self, start: int, last: Kind) -> Token:
        symbol = self._run(_is_symbol)
        if symbol in _PREFIXES and Kind.PREFIX in _FOLLOWERS[last]:
            return Token(Kind.PREFIX, symbol, start)
        kind = _SYMBOLS.get(symbol)
        if kind is None:
            raise error(
                f"'{symbol}' is no operator (operators next to each other need a space between them)", self.text, start
            )
        return Token(kind, symbol, start)

    def _delimited(self, condition: Callable[[str], bool], start: int, what: str) -> str:
        content = self._run(condition, spaces=True)
        if self.at == len(self.text):
            raise error(f"the {what} is not closed", self.text, start)
        self.at += 1
        return content

    def _run(self, condition: Callable[[str], bool], *, spaces: bool = False) -> str:
        """The characters up to the first that does not fit; a backslash takes any. Without ``spaces`` a space ends the run, but not before it begins."""
        text, at, found = self.text, self.at, []
        while at < len(text):
            char = text[at]
            if char == "\\":
                if at + 1 == len(text):
                    raise error("nothing follows the backslash", text, at)
                found.append(text[at + 1])
                at += 2
                continue
            if not spaces and char in _SPACES:
                if found:
                    break
            elif condition(char):
                found.append(char)
            else:
                break
            at += 1
        self.at = at
        return "".join(found)


def _is_numeric(char: str) -> bool:
    return char.isdecimal() or char == "."


def _is_name(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char in "_."


def _is_symbol(char: str) -> bool:
    return not (char.isalpha() or char.isdecimal() or char in _NOT_SYMBOLS)
