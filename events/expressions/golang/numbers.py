"""Go's ``strconv`` for numbers: how a float is written and how text is read as a number."""

from __future__ import annotations

import math
import re

__all__ = ["decimal_parts", "float_text", "parse_float", "parse_int", "parse_saturated", "shortest", "trim_exponent"]

_UNDERSCORED = re.compile(r"[+-]?(0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|[0-9](_?[0-9])*)")
_LOOSE_UNDERSCORE = re.compile(r"(?<![0-9a-fA-FxX])_|_(?![0-9a-fA-F])|^[+-]?[0-9]+[eE]?_[eE]")
"""An underscore that does not stand between two digits (or after ``0x``)."""
_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+")
_SPECIAL = {"inf": math.inf, "infinity": math.inf, "nan": math.nan}
_PREFIXES = {"0x": 16, "0b": 2, "0o": 8}


def decimal_parts(number: float) -> tuple[str, int]:
    """The shortest digits that read back as ``number`` (finite, its sign dropped) and the place of the point: ``("15", 1)`` is 1.5."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    return (stripped, point) if stripped else ("0", 1)


def shortest(number: float, low: int = -4, high: int = 6) -> str:
    """The shortest text of a float: with an exponent when that is below ``low`` or not below ``high``.

    Go's ``%v`` has -4 and 6, its JSON -6 and 21.
    """
    if number != number:
        return "NaN"
    if number in (math.inf, -math.inf):
        return "+Inf" if number > 0 else "-Inf"
    digits, point = decimal_parts(number)
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    exponent = point - 1
    if digits == "0":
        return sign + "0"
    if exponent < low or exponent >= high:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return sign + _plain(digits, point)


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return digits[:point] + "." + digits[point:]


def trim_exponent(text: str) -> str:
    """JSON writes ``1e-7`` where Go's ``%e`` writes ``1e-07``."""
    return text[:-2] + text[-1] if len(text) > 4 and text[-4:-1] == "e-0" else text


def float_text(number: float, verb: str, precision: int) -> str:
    """Go's ``strconv.FormatFloat`` for ``e E f g G x X b``; precision -1 is the shortest text that reads back the same."""
    if not math.isfinite(number):
        return shortest(number)
    if verb == "b":
        return _binary_text(number)
    if verb in "xX":
        text = _hex_text(number, precision)
        return text.upper() if verb == "X" else text
    if precision < 0:
        text = _shortest_text(number, verb.lower())
    elif verb == "f":
        text = f"{number:.{precision}f}"
    elif verb in "eE":
        text = f"{number:.{precision}e}"
    else:
        text = f"{number:.{precision or 1}g}"
    return text.upper() if verb in "EG" else text


def _shortest_text(number: float, verb: str) -> str:
    if verb == "g":
        return shortest(number)
    if verb == "e":
        return shortest(number, low=400) if number else ("-0e+00" if math.copysign(1.0, number) < 0 else "0e+00")
    return shortest(number, low=-400, high=400)


def _binary_text(number: float) -> str:
    if not number:
        return ("-" if math.copysign(1.0, number) < 0 else "") + "0p-1074"
    exponent = max(math.frexp(number)[1] - 53, -1074)
    return f"{'-' if number < 0 else ''}{int(math.ldexp(abs(number), -exponent))}p{exponent:+d}"


def _hex_text(number: float, precision: int) -> str:
    sign = "-" if math.copysign(1.0, number) < 0 else ""
    if not number:
        fraction = "." + "0" * precision if precision > 0 else ""
        return f"{sign}0x0{fraction}p+00"
    mantissa, exponent = math.frexp(abs(number))
    bits, exponent = int(mantissa * 2**53), exponent - 1  # 1 bit before the point, 52 after it
    if 0 <= precision < 13:
        drop = 52 - 4 * precision
        rest, bits = bits & (1 << drop) - 1, bits >> drop
        if rest > 1 << drop - 1 or (rest == 1 << drop - 1 and bits & 1):
            bits += 1
        bits <<= drop
        if bits >> 53:
            bits, exponent = bits >> 1, exponent + 1
    fraction = f"{bits & (1 << 52) - 1:013x}"
    fraction = fraction.rstrip("0") if precision < 0 else fraction[:precision].ljust(precision, "0")
    return f"{sign}0x1{'.' + fraction if fraction else ''}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def parse_int(text: str, base: int = 10, bits: int = 64, signed: bool = True) -> int | None:
    """Go's ``ParseInt`` and ``ParseUint``: ``None`` for what is no such number or does not fit. Base 0 reads prefixes and ``_``."""
    if len(text) > 128:
        return None
    if not signed and text[:1] in ("+", "-"):
        return None
    digits = text.lstrip("+-") if text[:2] not in ("++", "--", "+-", "-+") else ""
    if base == 0:
        if not _UNDERSCORED.fullmatch(text):
            return None
        base = _PREFIXES.get(digits[:2].lower(), 8 if digits[0] == "0" and len(digits) > 1 else 10)
        digits = digits[2:] if digits[:2].lower() in _PREFIXES else digits
        digits = digits.replace("_", "")
    if not digits.isascii() or not digits.isalnum():
        return None
    try:
        number = int(digits, base)
    except ValueError:
        return None
    if text[0] == "-":
        number = -number
    limit = 1 << bits - 1 if signed else 1 << bits
    return number if (-limit <= number < limit if signed else number < limit) else None


def parse_saturated(text: str) -> int:
    """Go's ``ParseInt`` where the error is ignored: 0 for what is no number, the nearest ``int64`` for one too large."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return 0
    size = int(match.group(2)[:20])
    return max(-size, -(2**63)) if match.group(1) == "-" else min(size, 2**63 - 1)


def parse_float(text: str) -> float | None:
    """Go's ``ParseFloat``: decimal or hexadecimal (which needs a ``p``), infinities and NaN by name, ``None`` for anything else or too large."""
    lowered = text.lower()
    special = _SPECIAL.get(lowered.lstrip("+-") if lowered[:1] in ("+", "-") and lowered[1:2].isalpha() else lowered)
    if special is not None:
        return -special if text.startswith("-") else special
    if len(text) > 1100:
        return None
    if _FLOAT.fullmatch(text):
        number = float(text)
    elif _HEX_FLOAT.fullmatch(text):
        try:
            number = float.fromhex(text)
        except OverflowError:
            return None
    elif "_" in text and not _LOOSE_UNDERSCORE.search(text):
        return parse_float(text.replace("_", ""))
    else:
        return None
    return number if math.isfinite(number) else None
