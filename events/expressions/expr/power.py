"""``x ** y`` as Go computes it, to the last bit: its results are compared and written out in full.

Go squares for the whole part of ``y``; for the rest it has its own logarithm and an exponential that uses fused
multiply-add. A C library rounds both differently now and then.
"""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["power"]


def power(x: float, y: float) -> float:
    """Go's ``math.Pow``, by squaring, to the last bit of its rounding."""
    if y == 0 or x == 1:
        return 1.0
    if y == 1:
        return x
    if x != x or y != y:
        return math.nan
    if x == 0:
        return _power_of_zero(x, y)
    if math.isinf(y):
        if x == -1:
            return 1.0
        return math.inf if (abs(x) < 1) is (y < 0) else 0.0
    if math.isinf(x):
        return _power_of_zero(1 / x, -y) if x < 0 else 0.0 if y < 0 else math.inf
    if y == 0.5:
        return math.sqrt(x) if x >= 0 else math.nan
    if y == -0.5:
        return 1 / math.sqrt(x) if x >= 0 else math.nan
    return _power_by_squaring(x, y)


def _is_odd(number: float) -> bool:
    return abs(number) < 1 << 53 and number % 2 == 1


def _power_of_zero(x: float, y: float) -> float:
    if y < 0:
        return math.copysign(math.inf, x) if _is_odd(y) else math.inf
    return x if _is_odd(y) else 0.0


def _power_by_squaring(x: float, y: float) -> float:
    fraction, whole = math.modf(abs(y))
    if fraction and x < 0:
        return math.nan
    if whole >= 1 << 63:
        if x == -1:
            return 1.0
        return 0.0 if (abs(x) < 1) is (y > 0) else math.inf
    mantissa, exponent = 1.0, 0
    if fraction:
        if fraction > 0.5:
            fraction -= 1
            whole += 1
        mantissa = _exp(fraction * _log(x))
    factor, shift = math.frexp(x)
    rest = int(whole)
    while rest:
        if not -1 << 12 <= shift <= 1 << 12:
            exponent += shift  # overflow or underflow is certain
            break
        if rest & 1:
            mantissa *= factor
            exponent += shift
        factor *= factor
        shift <<= 1
        if factor < 0.5:
            factor += factor
            shift -= 1
        rest >>= 1
    if y < 0:
        mantissa, exponent = 1 / mantissa, -exponent
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.copysign(math.inf, mantissa)


_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
_LOG_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)


def _log(x: float) -> float:
    """The natural logarithm of a positive, finite number (FreeBSD's ``e_log.c``)."""
    fraction, exponent = math.frexp(x)
    if fraction < math.sqrt(2) / 2:
        fraction *= 2
        exponent -= 1
    f = fraction - 1
    s = f / (2 + f)
    s2 = s * s
    s4 = s2 * s2
    a, b, c, d = _LOG_ODD
    odd = s2 * (a + s4 * (b + s4 * (c + s4 * d)))
    a, b, c = _LOG_EVEN
    even = s4 * (a + s4 * (b + s4 * c))
    half = 0.5 * f * f
    return exponent * _LN2_HIGH - ((half - (s * (half + (odd + even)) + exponent * _LN2_LOW)) - f)


_LOG2_E = 1.4426950408889634
_EXP_LN2 = (0.69314718055966295651160180568695068359375, 0.28235290563031577122588448175013436025525412068e-12)
_EXP_TERMS = (1.984126984126984127e-4, 1.3888888888888889e-3, 8.333333333333333e-3, 4.1666666666666664e-2)


def _fused(a: float, b: float, c: float) -> float:
    """``a * b + c``, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def _exp(x: float) -> float:
    """E to the power of a number of modest size: a Taylor series of a sixteenth of it, squared four times (Shibata 2010)."""
    exponent = round(x * _LOG2_E)
    for part in _EXP_LN2:
        x = _fused(-part, exponent, x)
    x *= 0.0625
    series = 2.4801587301587301587e-5
    for term in (*_EXP_TERMS, 1.6666666666666666667e-1, 0.5, 1.0):
        series = _fused(x, series, term)
    x *= series
    for _ in range(3):
        x *= x + 2.0
    return math.ldexp(_fused(x + 2.0, x, 1.0), exponent)
