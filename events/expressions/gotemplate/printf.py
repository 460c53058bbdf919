"""Go's ``fmt.Sprintf``: flags, width, precision, argument indexes and all verbs, with Go's words for what does not fit.

Follows https://pkg.go.dev/fmt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.limits import MAX_DEPTH, check_text
from events.expressions.golang.numbers import float_text
from events.expressions.golang.printing import format_value
from events.expressions.golang.quoting import is_print, quote, quote_rune
from events.expressions.golang.values import GoObject, SizedInt, as_bytes, has_text, is_nil, type_of

__all__ = ["sprintf"]

_TOO_LARGE = 1_000_000
_BASES = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}


@dataclass
class _Verb:
    """One verb with its flags. ``width`` and ``precision`` are ``None`` when absent."""

    letter: str = "v"
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None
    go_syntax: bool = False

    def pad(self, text: str, *, zero: bool | None = None) -> str:
        """To the width, in characters: on the left, or on the right with ``-``."""
        if not self.width or len(text) >= self.width:
            return text
        if self.minus:
            return text.ljust(self.width)
        return text.rjust(self.width, "0" if (self.zero if zero is None else zero) else " ")


def sprintf(template: str, *values: Any) -> str:
    """The template with its verbs filled in."""
    return _Printer(template, values).run()


class _Printer:
    """Walks through one template. ``at`` is the place in it, ``number`` the argument to come."""

    def __init__(self, template: str, values: tuple[Any, ...]) -> None:
        self.template = template
        self.values = values
        self.at = 0
        self.number = 0
        self.reordered = False
        self.good_number = True
        self.after_index = False
        self.parts: list[str] = []
        self.size = 0

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)
        check_text(self.size)

    def run(self) -> str:
        while True:
            percent = self.template.find("%", self.at)
            if percent < 0:
                self.put(self.template[self.at :])
                break
            self.put(self.template[self.at : percent])
            self.at = percent + 1
            self.verb()
        if not self.reordered and self.number < len(self.values):
            self.put("%!(EXTRA ")
            self.put(", ".join(map(_with_type, self.values[self.number :])))
            self.put(")")
        return "".join(self.parts)

    def verb(self) -> None:
        self.good_number = True
        self.after_index = False
        verb = _Verb()
        self.flags(verb)
        self.argument_index()
        self.width(verb)
        self.precision(verb)
        if not self.after_index:
            self.argument_index()
        if self.at >= len(self.template):
            self.put("%!(NOVERB)")
            return
        letter = self.template[self.at]
        self.at += 1
        if letter == "%":
            self.put("%")
        elif not self.good_number:
            self.put(f"%!{letter}(BADINDEX)")
        elif self.number >= len(self.values):
            self.put(f"%!{letter}(MISSING)")
        else:
            if letter in "vw":
                verb.go_syntax, verb.sharp, verb.plus = verb.sharp, False, False
            verb.letter = letter
            self.put(_format(verb, self.values[self.number], 0))
            self.number += 1

    def flags(self, verb: _Verb) -> None:
        while self.at < len(self.template):
            char = self.template[self.at]
            if char == "#":
                verb.sharp = True
            elif char == "0":
                verb.zero = True
            elif char == "+":
                verb.plus = True
            elif char == "-":
                verb.minus = True
            elif char == " ":
                verb.space = True
            else:
                return
            self.at += 1

    def argument_index(self) -> None:
        """``[3]``: the argument to take next."""
        self.after_index = False
        if self.template[self.at : self.at + 1] != "[":
            return
        self.reordered = True
        close = self.template.find("]", self.at)
        if close < 0:
            self.good_number = False
            self.at += 1
            return
        digits = self.template[self.at + 1 : close]
        known = digits.isascii() and digits.isdigit() and len(digits) < 8
        self.at = close + 1
        self.after_index = known
        if known and 1 <= int(digits) <= len(self.values):
            self.number = int(digits) - 1
        else:
            self.good_number = False

    def digits(self) -> int | None:
        """A number in the template; one that is too large ends it."""
        start = self.at
        while self.template[self.at : self.at + 1] in tuple("0123456789"):
            self.at += 1
        if start == self.at:
            return None
        if self.at - start > 7 and int(self.template[start : min(self.at, start + 12)]) > _TOO_LARGE:
            self.at = len(self.template)
            return None
        return int(self.template[start : self.at])

    def star(self) -> int | None:
        """The next argument, as a width or precision."""
        self.at += 1
        value = self.values[self.number] if self.number < len(self.values) else None
        self.number += self.number < len(self.values)
        return int(value) if isinstance(value, SizedInt) and abs(value) <= _TOO_LARGE else None

    def width(self, verb: _Verb) -> None:
        if self.template[self.at : self.at + 1] == "*":
            verb.width = self.star()
            if verb.width is None:
                self.put("%!(BADWIDTH)")
            elif verb.width < 0:
                verb.width, verb.minus, verb.zero = -verb.width, True, False
            self.after_index = False
        else:
            verb.width = self.digits()
            if self.after_index and verb.width is not None:
                self.good_number = False

    def precision(self, verb: _Verb) -> None:
        if self.at + 1 >= len(self.template) or self.template[self.at] != ".":
            return
        self.at += 1
        if self.after_index:
            self.good_number = False
        self.argument_index()
        if self.template[self.at : self.at + 1] == "*":
            verb.precision = self.star()
            if verb.precision is None or verb.precision < 0:
                verb.precision = None
                self.put("%!(BADPREC)")
            self.after_index = False
        else:
            verb.precision = self.digits() or 0


def _with_type(value: Any) -> str:
    return "<nil>" if value is None else f"{type_of(value)}={format_value(value)}"


def _bad(verb: _Verb, value: Any) -> str:
    """The value with its type, where the verb does not fit it."""
    if value is None:
        return f"%!{verb.letter}(<nil>)"
    plain = replace(verb, letter="v")
    text = _integer(plain, value) if isinstance(value, SizedInt) else _format(plain, value, 0)
    return f"%!{verb.letter}({type_of(value)}={text})"


def _format(verb: _Verb, value: Any, depth: int) -> str:
    letter = verb.letter
    if value is None:
        if depth:
            return "interface {}(nil)" if verb.go_syntax else "<nil>"
        return verb.pad("<nil>") if letter in "vT" else _bad(verb, value)
    if letter == "T" and not depth:
        return verb.pad(_truncated(verb, type_of(value)))
    if letter == "p" and not depth and isinstance(value, (list, dict)):
        return verb.pad("0xc000000000")
    if letter == "w":
        return _bad(verb, value)
    if type(value) is str:
        return _text(verb, value)
    if isinstance(value, bool):
        return verb.pad("true" if value else "false") if letter in "tv" else _bad(verb, value)
    if isinstance(value, (list, dict)):
        return _nested(verb, value, depth)
    if letter in "vsxXq" and not verb.go_syntax and has_text(value):
        return _text(verb, str(value))
    if isinstance(value, SizedInt):
        return _integer(verb, value)
    if isinstance(value, GoObject):
        return verb.pad(str(value)) if verb.go_syntax else _bad(verb, value)
    return _float(verb, float(value), value)


def _nested(verb: _Verb, value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise EvaluationError("the value is too deep to print", reason="LimitReached")
    if verb.letter == "v" and not verb.go_syntax and verb.width is None and verb.precision is None and not verb.space:
        return format_value(value)
    if isinstance(value, dict):
        pairs = [f"{_format(verb, key, 1)}:{_format(verb, value[key], depth + 1)}" for key in sorted(value)]
        inside, brackets = pairs, ("map[", "]")
    else:
        inside, brackets = [_format(verb, item, depth + 1) for item in value], ("[", "]")
    check_text(sum(map(len, inside)))
    if verb.go_syntax:
        return type_of(value) + ("(nil)" if is_nil(value) else "{" + ", ".join(inside) + "}")
    return brackets[0] + " ".join(inside) + brackets[1]


def _truncated(verb: _Verb, text: str) -> str:
    return text if verb.precision is None else text[: verb.precision]


def _text(verb: _Verb, text: str) -> str:
    letter = verb.letter
    if letter in "xX":
        return _hexadecimal(verb, text)
    text = _truncated(verb, text)
    if letter == "q" or (letter == "v" and verb.go_syntax):
        if verb.sharp and "`" not in text and all(c == "\t" or (c >= " " and c not in "\x7f\ufeff") for c in text):
            return verb.pad(f"`{text}`")
        return verb.pad(quote(text, ascii_only=verb.plus))
    return verb.pad(text) if letter in "vs" else _bad(verb, text)


def _hexadecimal(verb: _Verb, text: str) -> str:
    raw = as_bytes(text)
    raw = raw if verb.precision is None else raw[: verb.precision]
    prefix = "0x" if verb.sharp and raw else ""
    written = raw.hex(" ").replace(" ", " " + prefix) if verb.space else raw.hex()
    written = prefix + written
    return verb.pad(written.upper() if verb.letter == "X" else written)


def _integer(verb: _Verb, value: SizedInt) -> str:
    letter, number = verb.letter, int(value)
    if letter == "c":
        return verb.pad(_character(number))
    if letter == "q":
        return verb.pad(quote_rune(number, ascii_only=verb.plus))
    if letter == "U":
        return _unicode(verb, number)
    base = _BASES.get(letter)
    if base is None:
        return _bad(verb, value)
    if letter == "v" and verb.go_syntax and not value.signed:
        return verb.pad(f"{number:#x}", zero=False)
    sign = "-" if number < 0 else "+" if verb.plus else " " if verb.space else ""
    digits = format(abs(number), base)
    if verb.precision is not None:
        if verb.precision == 0 and number == 0:
            return " " * (verb.width or 0)
        digits = digits.rjust(verb.precision, "0")
    elif verb.zero and not verb.minus and verb.width:
        digits = digits.rjust(verb.width - len(sign), "0")
    if verb.sharp:
        digits = {"b": "0b", "x": "0x", "X": "0X", "o": "" if digits[0] == "0" else "0"}.get(base, "") + digits
    return verb.pad(sign + ("0o" if letter == "O" else "") + digits, zero=False)


def _character(number: int) -> str:
    return chr(number) if 0 <= number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else "\ufffd"


def _unicode(verb: _Verb, number: int) -> str:
    code = number & 0xFFFFFFFFFFFFFFFF
    text = f"U+{code:0{max(4, verb.precision or 0)}X}"
    if verb.sharp and code <= 0x10FFFF and is_print(chr(code)):
        text += f" '{chr(code)}'"
    return verb.pad(text, zero=False)


def _float(verb: _Verb, number: float, value: Any) -> str:
    letter = verb.letter
    if letter not in "vbgGxXfFeE":
        return _bad(verb, value)
    format_letter = "g" if letter == "v" else letter.replace("F", "f")
    default = 6 if letter in "fFeE" else -1
    precision = default if verb.precision is None else verb.precision
    text = float_text(number, format_letter, precision)
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
    if verb.space and sign == "+" and not verb.plus:
        sign = " "
    if not math.isfinite(number):
        hidden = (sign == "+" and not verb.plus) or (math.isnan(number) and not verb.space and not verb.plus)
        return verb.pad(digits if hidden else sign + digits, zero=False)
    if verb.sharp and letter != "b":
        digits = _with_point(digits, format_letter, precision)
    if sign == "+" and not verb.plus:
        return verb.pad(digits)
    if verb.zero and not verb.minus and verb.width:
        return sign + digits.rjust(verb.width - 1, "0")
    return verb.pad(sign + digits)


def _with_point(text: str, letter: str, precision: int) -> str:
    """The ``#`` flag: always a point, and for ``%g`` all digits of the precision."""
    wanted = (6 if precision < 0 else precision) if letter in "gGxX" else 0
    markers = "pP" if letter in "xX" else "eE"
    cut = next((i for i, char in enumerate(text) if char in markers), len(text))
    mantissa, tail = text[:cut], text[cut:]
    significant = mantissa.replace(".", "").lstrip("0")
    wanted -= len(significant)
    if "." not in mantissa:
        wanted -= mantissa == "0"
        mantissa += "."
    return mantissa + "0" * max(wanted, 0) + tail
