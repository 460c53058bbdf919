"""Text to tokens, one at a time (spec: argo-workflows-events.md §4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from events.errors import ExpressionError
from events.expressions.expr.dialect import Dialect

__all__ = ["BRACKET", "BYTES", "EOF", "IDENTIFIER", "NUMBER", "OPERATOR", "STRING", "Lexer", "Token", "syntax_error"]

IDENTIFIER, NUMBER, STRING, BYTES, OPERATOR, BRACKET, EOF = (
    "Identifier",
    "Number",
    "String",
    "Bytes",
    "Operator",
    "Bracket",
    "EOF",
)

_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SKIPPED = re.compile(rf"(?:[{_SPACE}]|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[\w$]+")
_NUMBER = re.compile(
    r"(?:0[xX][0-9a-fA-F_]*(?:\.(?!\.)[0-9a-fA-F_]*)?"
    r"|0[oO][0-7_]*(?:\.(?!\.)[0-7_]*)?(?:[eE][+-]?[0-7_]*)?"
    r"|0[bB][01_]*(?:\.(?!\.)[01_]*)?(?:[eE][+-]?[01_]*)?"
    r"|[0-9_]*(?:\.(?!\.)[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)"
)
_FRACTION = re.compile(r"\.[0-9]")
_OPERATOR = re.compile(r"\|\|?|::?|\?[.?]?|\.\.?|##?|[&!=*<>][&=*]?|[,;%+\-^/]")
_QUOTED = re.compile(
    r"""(["'])(?:[^\\\n"']|(?!\1)["']|\\(?:[abfnrtv\\]|\1|[0-7]{3}|x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}"""
    r"""|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*\1"""
)
_RAW = re.compile(r"`((?:[^`]|``)*+)`")
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_RESERVED = frozenset({"not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let"})
_MAX_RUNE = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, its text (unescaped for strings), and where it begins in code points."""

    kind: str
    value: str
    position: int

    def __str__(self) -> str:
        return f'{self.kind}("{self.value}")' if self.value else self.kind


def syntax_error(message: str, text: str, position: int) -> ExpressionError:
    """The error of a text that does not compile."""
    return ExpressionError(message, language="expr", text=text, position=position)


class Lexer:
    """Hands out the tokens of a text; the last one is ``EOF``, after it there are none."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text
        self._extended = dialect.sequences
        self._braced = dialect.sequences
        self._reserved = _RESERVED | {"if", "else"} if dialect.sequences else _RESERVED
        self._position = 0
        self._ended = False

    def next(self) -> Token:
        """The next token; ``ExpressionError`` when there is none or the text is malformed here."""
        skipped = _SKIPPED.match(self.text, self._position)
        if skipped:
            self._position = skipped.end()
        start = self._position
        if start >= len(self.text):
            if self._ended:
                raise self._error("unexpected end of expression")
            self._ended = True
            return Token(EOF, "", max(start - 1, 0))
        char = self.text[start]
        if char in "([{)]}":
            return self._token(BRACKET, start + 1)
        if char in "\"'":
            return self._string(start)
        if self._extended and char in "bB" and self.text[start + 1 : start + 2] in ('"', "'"):
            return self._bytes(start)
        if self._extended and char == "`":
            return self._raw(start)
        if "0" <= char <= "9" or _FRACTION.match(self.text, start):
            return self._number(start)
        if self.text.startswith("/*", start):
            raise self._error("unclosed comment")
        operator = _OPERATOR.match(self.text, start)
        if operator:
            end = operator.end()
            if not self._extended and operator[0] == "::":
                end -= 1
            return self._token(OPERATOR, end)
        end = self._word_end(start)
        if end == start:
            raise self._error(f"unrecognized character: U+{ord(char):04X}")
        word = self.text[start:end]
        return self._token(OPERATOR if word in self._reserved else IDENTIFIER, end)

    def _token(self, kind: str, end: int) -> Token:
        start = self._position
        self._position = end
        return Token(kind, self.text[start:end], start)

    def _word_end(self, start: int) -> int:
        """Where a run of letters, decimal digits, ``_`` and ``$`` ends."""
        match = _WORD.match(self.text, start)
        if match is None:
            return start
        word = match[0]
        if word.isascii():
            return match.end()
        for index, char in enumerate(word):
            if not (char in "_$" or char.isalpha() or char.isdecimal()):
                return start + index
        return match.end()

    def _number(self, start: int) -> Token:
        skip = 1 if self.text[start] == "." else 0
        match = _NUMBER.match(self.text, start + skip)
        end = match.end() if match else start
        if self._word_end(end) > end:
            raise self._error(f"bad number syntax: {self.text[start : end + 1]!r}")
        return self._token(NUMBER, end)

    def _string(self, start: int) -> Token:
        match = _QUOTED.match(self.text, start)
        if match is None:
            raise self._error("literal not terminated or invalid char escape")
        value = self._unescape(_normalized(match[0][1:-1]))
        self._position = match.end()
        return Token(STRING, value, start)

    def _raw(self, start: int) -> Token:
        match = _RAW.match(self.text, start)
        if match is None:
            raise self._error("literal not terminated")
        self._position = match.end()
        return Token(STRING, match[1].replace("``", "`"), start)

    def _bytes(self, start: int) -> Token:
        """A bytes literal; the token holds each byte as the code point of the same number."""
        match = _QUOTED.match(self.text, start + 1)
        if match is None:
            raise self._error("literal not terminated or invalid char escape")
        body = _normalized(match[0][1:-1])
        if re.search(r"\\[uU]", body.replace("\\\\", "")):
            raise self._error("unable to unescape string")
        pieces: list[str] = []
        last = 0
        for escape in _ESCAPE.finditer(body):
            pieces.append(body[last : escape.start()].encode("utf-8", "replace").decode("latin-1"))
            pieces.append(self._escaped(escape))
            last = escape.end()
        pieces.append(body[last:].encode("utf-8", "replace").decode("latin-1"))
        self._position = match.end()
        return Token(BYTES, "".join(pieces), start)

    def _unescape(self, body: str) -> str:
        return _ESCAPE.sub(self._escaped, body) if "\\" in body else body

    def _escaped(self, escape: re.Match[str]) -> str:
        braced, two, four, eight, octal, simple = escape.groups()
        if simple is not None:
            return _SIMPLE.get(simple, simple)
        if braced is not None and not self._braced:
            raise self._error("invalid char escape")
        if octal is not None:
            if octal[0] > "3":
                raise self._error("unable to unescape string")
            return chr(int(octal, 8))
        code = int(braced or two or four or eight, 16)
        if code > _MAX_RUNE:
            raise self._error("unable to unescape string")
        return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)

    def _error(self, message: str) -> ExpressionError:
        return syntax_error(message, self.text, self._position)


def _normalized(body: str) -> str:
    """Line ends within a literal are newlines."""
    return body.replace("\r\n", "\n").replace("\r", "\n") if "\r" in body else body
