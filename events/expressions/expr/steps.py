"""Binary operators at run time: what one does with the value on its left."""

from __future__ import annotations

import operator as python
import time
from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import regex
from events.expressions.expr.ast import BinaryNode, ConstantNode, StringNode
from events.expressions.expr.comparing import equal, equal_exactly, is_in, order
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.machine import Machine, Run
from events.expressions.expr.operators import ARITHMETIC
from events.expressions.expr.types import GoType
from events.expressions.expr.values import Bytes, is_nil, not_bool, to_int, want_text, weigh
from events.expressions.golang.values import Int, Ints, as_bytes, as_text, type_of

__all__ = ["Step", "binary_run", "binary_step"]

Step = Callable[[Machine, Any], Any]
Operation = Callable[[Machine, Any, Any], Any]

_MAX_INT = (1 << 63) - 1
_COMPILE_COST = 8  # a step of ours for so many (as a power of two) characters of a pattern, squared
_SHORT_TEXT = 1024
_STEPS_PER_SECOND = 1e6


def binary_run(node: BinaryNode, left: Run, right: Run, dialect: Dialect) -> Run:
    """The function of ``left operator right``."""
    step = binary_step(node, right, dialect)
    return lambda m: step(m, left(m))


def binary_step(node: BinaryNode, right: Run, dialect: Dialect) -> Step:
    """What the operator does with the value of its left operand."""
    short_circuit = _SHORT_CIRCUIT.get(node.operator)
    if short_circuit is not None:
        return short_circuit(right)
    operand = node.right
    if isinstance(operand, StringNode):
        if node.operator == "matches":
            return _matches_literal(operand.value, dialect)
        if node.operator in ("==", "!=") and not _same(node, "string"):
            return _equals_text(operand.value, node.operator == "==")
    operation = _operation(node, dialect)
    if isinstance(operand, (StringNode, ConstantNode)):
        literal = operand.value
        if node.operator in ("==", "!=") and dialect.lists_by_element and _are_texts(literal):
            return _equals_texts(list(literal), node.operator == "==", operation)
        return lambda m, value: operation(m, value, literal)
    return lambda m, value: operation(m, value, right(m))


def _equals_text(text: str, wanted: bool) -> Step:
    """``payload.x == "literal"``: the most common test."""
    return lambda m, value: (type(value) is str and value == text) is wanted


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def _equals_texts(texts: list[str], wanted: bool, operation: Operation) -> Step:
    """``metadata["x-github-event"] == ["push"]``: what most bindings begin with."""
    return lambda m, value: (value == texts) is wanted if type(value) is list else operation(m, value, texts)


# -- and, or, ??


def _and(right: Run) -> Step:
    def step(m: Machine, value: Any) -> Any:
        if value is True:
            return right(m)
        if value is False:
            return False
        raise not_bool(value)

    return step


def _or(right: Run) -> Step:
    def step(m: Machine, value: Any) -> Any:
        if value is False:
            return right(m)
        if value is True:
            return True
        raise not_bool(value)

    return step


def _coalesce(right: Run) -> Step:
    return lambda m, value: right(m) if is_nil(value) else value


_SHORT_CIRCUIT: dict[str, Callable[[Run], Step]] = {"and": _and, "&&": _and, "or": _or, "||": _or, "??": _coalesce}


# -- comparisons


def _same(node: BinaryNode, kind: str) -> bool:
    """Whether both operands are statically of one type without a name: then the reference compares without looking."""
    types: tuple[GoType, GoType] = (node.left.type, node.right.type)
    return all(t.kind == kind and not t.named for t in types)


def _equality(node: BinaryNode, dialect: Dialect) -> Operation:
    wanted = node.operator == "=="
    exact: type | None = Int if _same(node, "int") else str if _same(node, "string") else None
    if exact is None:
        test = equal if dialect.lists_by_element else equal_exactly

        def compare_any(m: Machine, a: Any, b: Any) -> bool:
            if isinstance(a, (list, dict)) and isinstance(b, (list, dict)):
                m.spend(weigh(a))
            return test(a, b) is wanted

        return compare_any

    def compare(m: Machine, a: Any, b: Any) -> bool:
        if type(a) is not exact or type(b) is not exact:
            odd = b if type(a) is exact else a
            raise EvaluationError(
                f"interface conversion: interface {{}} is {type_of(odd)}, not {'int' if exact is Int else 'string'}"
            )
        return bool(a == b) is wanted

    return compare


_ORDERS: dict[str, Callable[[float, float], bool]] = {"<": python.lt, ">": python.gt, "<=": python.le, ">=": python.ge}


def _ordering(sign: str) -> Operation:
    holds = _ORDERS[sign]
    return lambda m, a, b: holds(order(sign, a, b), 0)


def _in(dialect: Dialect) -> Operation:
    test = equal if dialect.lists_by_element else equal_exactly

    def search(m: Machine, needle: Any, haystack: Any) -> bool:
        if isinstance(haystack, list):
            m.spend(weigh(haystack) if isinstance(needle, (list, dict)) else len(haystack) >> 3)
        return is_in(needle, haystack, test)

    return search


def _range(m: Machine, first: Any, last: Any) -> Ints:
    start, stop = to_int(first), to_int(last)
    size = stop - start + 1
    if size > _MAX_INT:
        return Ints()
    m.grow(max(size, 0))
    return Ints(map(Int, range(start, stop + 1)))


# -- texts


def _text_test(test: Callable[[str, str], bool], nil_is_no_text: bool) -> Operation:
    def compare(m: Machine, a: Any, b: Any) -> bool:
        if type(a) is str and type(b) is str and len(a) < 1024:  # by far the most; they cost nothing
            return test(a, b)
        if nil_is_no_text and (is_nil(a) or is_nil(b)):
            return False
        text = want_text(a)
        m.spend(len(text) >> 10)
        return test(text, want_text(b))

    return compare


def _contains(a: str, b: str) -> bool:
    return b in a if a.isascii() or b.isascii() else as_bytes(b) in as_bytes(a)


def _starts_with(a: str, b: str) -> bool:
    return a.startswith(b) if b.isascii() else as_bytes(a).startswith(as_bytes(b))


def _ends_with(a: str, b: str) -> bool:
    return a.endswith(b) if b.isascii() else as_bytes(a).endswith(as_bytes(b))


_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": _contains,
    "startsWith": _starts_with,
    "endsWith": _ends_with,
}


def _subject(value: Any, dialect: Dialect) -> str:
    if isinstance(value, Bytes) and dialect.nil_is_no_text:
        return as_text(value.data)
    return want_text(value)


def _matches_literal(text: str, dialect: Dialect) -> Step:
    pattern = regex.pattern(text)

    def step(m: Machine, value: Any) -> bool:
        if dialect.nil_is_no_text and is_nil(value):
            return False
        subject = _subject(value, dialect)
        return _found(m, pattern, subject)

    return step


def _found(m: Machine, pattern: regex.Pattern, subject: str) -> bool:
    """Search; on a long text the clock tells what that cost, for RE2 may be a hundred times faster than it must be."""
    if len(subject) <= _SHORT_TEXT:
        return pattern.found_in(subject)
    began = time.thread_time()
    found = pattern.found_in(subject)
    m.spend(int((time.thread_time() - began) * _STEPS_PER_SECOND))
    return found


def _matches(dialect: Dialect) -> Operation:
    def match(m: Machine, a: Any, b: Any) -> bool:
        if dialect.nil_is_no_text and (is_nil(a) or is_nil(b)):
            return False
        subject, text = _subject(a, dialect), want_text(b)
        m.spend(len(text) * len(text) >> _COMPILE_COST)
        try:
            pattern = regex.pattern(text)
        except ExpressionError as error:
            raise EvaluationError(error.message) from None
        return _found(m, pattern, subject)

    return match


def _operation(node: BinaryNode, dialect: Dialect) -> Operation:
    sign = node.operator
    if sign in ("==", "!="):
        return _equality(node, dialect)
    if sign in ARITHMETIC:
        compute = ARITHMETIC[sign]
        return lambda m, a, b: compute(a, b)
    if sign in _ORDERS:
        return _ordering(sign)
    if sign in _TEXT_TESTS:
        return _text_test(_TEXT_TESTS[sign], dialect.nil_is_no_text)
    if sign == "matches":
        return _matches(dialect)
    return _in(dialect) if sign == "in" else _range
