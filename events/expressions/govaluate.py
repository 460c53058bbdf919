"""govaluate, the language of sensor ``exprs`` filters: ``action == "opened" && size(...)``-like conditions over named values.

Spec: argo-events §1.3.3, https://github.com/Knetic/govaluate/blob/9aa49832a739/MANUAL.md. A program is compiled once to closures
(this file; its tokens come from ``govaluate_lexer``, the meaning of its operators from ``govaluate_operators``).
As in the reference operators of one level are applied from left to right, ternaries included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from events.errors import EvaluationError, ExpressionError
from events.expressions import regex
from events.expressions.govaluate_lexer import Kind, Token, error, tokenize
from events.expressions.govaluate_operators import BINARY, MAX_FOREIGN_PATTERNS, PREFIX, Literal, mismatch

__all__ = ["MAX_DEPTH", "Program", "compile"]

MAX_DEPTH = 100  # expressions within expressions
MAX_PATTERNS = 4_096  # characters of all regular expressions of a program

Variables = Mapping[str, Any]
Evaluate = Callable[[Variables], Any]
Step = Callable[[Any, Variables], Any]  # the value on the left, the variables → the value so far

_LOOSEST_TO_TIGHTEST = (
    (",",),
    ("?", ":", "??"),
    ("||",),
    ("&&",),
    ("==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"),
    ("&", "|", "^"),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
    ("**",),
)
_LEVELS = {operator: level for level, operators in enumerate(_LOOSEST_TO_TIGHTEST) for operator in operators}
_OPERATORS = {Kind.SEPARATOR, Kind.TERNARY, Kind.LOGICAL, Kind.COMPARATOR, Kind.MODIFIER}


class Program:
    """A compiled expression. Call it with the values of its variables: JSON values, whole numbers count as floats.

    Gives a float, str, bool, None, list or dict. Raises EvaluationError for a missing variable and for a value of a wrong type,
    but only where the value is needed: ``a == 1 || b == 2`` needs no ``b`` when ``a`` is 1.
    """

    __slots__ = ("_run", "names", "text")

    def __init__(self, text: str, run: Evaluate, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self._run = run

    def __call__(self, variables: Variables) -> Any:
        """The value for these variables."""
        return self._run(variables)

    def __repr__(self) -> str:
        return f"<govaluate {self.text!r}>"


@lru_cache(maxsize=1024)
def compile(text: str) -> Program:
    """The program of an expression. Raises ExpressionError with the position of what is wrong."""
    tokens = _with_patterns(tokenize(text), text)
    node = _Parser(text, tokens).expression(0, 1)
    names = frozenset(
        t.value if t.kind is Kind.VARIABLE else t.value[0] for t in tokens if t.kind in (Kind.VARIABLE, Kind.ACCESSOR)
    )
    return Program(text, node.run, names)


def _with_patterns(tokens: list[Token], text: str) -> list[Token]:
    """The tokens with each string right of ``=~`` compiled. What comes from elsewhere is compiled when it is known."""
    patterns: dict[int, regex.Pattern] = {}
    length = foreign = 0
    for at, (operator, token) in enumerate(pairwise(tokens), 1):
        if operator.kind is not Kind.COMPARATOR or operator.value not in ("=~", "!~"):
            continue
        if token.kind is not Kind.STRING:
            foreign += 1
        else:
            try:
                patterns[at] = regex.pattern(token.value)
            except ExpressionError as problem:
                raise error(problem.message, text, token.position) from None
            length += len(token.value)
        if foreign > MAX_FOREIGN_PATTERNS or length > MAX_PATTERNS:
            raise error("there are too many regular expressions", text, token.position)
    size = sum(pattern.size for pattern in patterns.values())
    for at, pattern in patterns.items():
        tokens[at] = tokens[at]._replace(value=Literal(pattern, size))
    return tokens


class _Node(NamedTuple):
    """A part of a program; ``constant`` when it needs no variables and cannot fail."""

    run: Evaluate
    constant: bool = False


def _literal(value: Any) -> _Node:
    return _Node(lambda _: value, constant=True)


_NOTHING = _literal(None)


class _Parser:
    """Precedence climbing. What follows a complete expression is not looked at, as in the reference: ``(a) b`` is ``(a)``."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    def expression(self, loosest: int, depth: int) -> _Node:
        """Operands joined by operators of level ``loosest`` and tighter."""
        if depth > MAX_DEPTH:
            raise error(f"an expression may be nested {MAX_DEPTH} deep", self.text, self.tokens[self.at - 1].position)
        node = self.operand(depth)
        while (level := self._level()) >= loosest:
            operations: list[tuple[str, _Node]] = []
            while self._level() == level:
                operator = self.tokens[self.at].value
                self.at += 1
                operations.append((operator, self.expression(level + 1, depth + 1)))
            node = _list(node, operations) if level == 0 else _chain(node, operations)
        return node

    def _level(self) -> int:
        """The level of the operator that is next, -1 when there is none."""
        if self.at >= len(self.tokens) or self.tokens[self.at].kind not in _OPERATORS:
            return -1
        return _LEVELS[self.tokens[self.at].value]

    def operand(self, depth: int) -> _Node:
        """A value, a variable, something in parentheses, each with its prefix."""
        if self.at >= len(self.tokens) or self.tokens[self.at].kind is Kind.CLOSE:
            return _NOTHING  # as in "(a == )"
        token = self.tokens[self.at]
        self.at += 1
        if token.kind is Kind.PREFIX:
            return _prefixed(token.value, self.operand(depth))
        if token.kind is Kind.OPEN:
            return self._parenthesized(depth)
        if token.kind is Kind.VARIABLE:
            return _variable(token.value)
        if token.kind is Kind.ACCESSOR:
            if self.at < len(self.tokens) and self.tokens[self.at].kind is Kind.OPEN:
                self.expression(0, depth + 1)  # a method's arguments reach to the end of the expression
            return _field(token.value)
        if token.kind in (Kind.NUMBER, Kind.BOOLEAN, Kind.STRING, Kind.TIME):
            return _literal(token.value)
        raise error(f"a value is expected before '{token.value}'", self.text, token.position)

    def _parenthesized(self, depth: int) -> _Node:
        node = self.expression(0, depth + 1)
        self.at += 1  # the closing parenthesis; or one token that can never have a meaning, as in "((a) b)"
        return node


def _variable(name: str) -> _Node:
    def run(variables: Variables) -> Any:
        try:
            value = variables[name]
        except KeyError:
            raise EvaluationError(f"there is no value for '{name}'") from None
        return _float(value) if type(value) is int else value

    return _Node(run)


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _field(names: tuple[str, ...]) -> _Node:
    def run(variables: Variables) -> Any:
        if names[0] not in variables:
            raise EvaluationError(f"there is no value for '{names[0]}'")
        raise EvaluationError(
            f"'{names[0]}' has no field '{names[1]}': paths are for `fields`, or write [{'.'.join(names)}]"
        )

    return _Node(run)


def _prefixed(operator: str, node: _Node) -> _Node:
    apply, operand = PREFIX[operator], node.run
    return _folded(lambda variables: apply(operand(variables)), node.constant)


def _folded(run: Evaluate, constant: bool) -> _Node:
    """The node of ``run``, evaluated now when all its parts are constant."""
    if constant:
        try:
            return _literal(run({}))
        except EvaluationError:
            pass  # it fails when it is evaluated, if it ever is
    return _Node(run)


def _list(first: _Node, operations: list[tuple[str, _Node]]) -> _Node:
    """``a, b, c``: a list. A list on the left is continued."""
    start, others = first.run, [node.run for _, node in operations]

    def run(variables: Variables) -> list[Any]:
        left = start(variables)
        values = list(left) if isinstance(left, list) else [left]
        values.extend([other(variables) for other in others])
        return values

    return _folded(run, first.constant and all(node.constant for _, node in operations))


def _chain(first: _Node, operations: list[tuple[str, _Node]]) -> _Node:
    """Operators of one level, applied from left to right."""
    start, steps = first.run, [_step(operator, node) for operator, node in operations]

    def run_one(variables: Variables) -> Any:
        return step(start(variables), variables)

    def run_all(variables: Variables) -> Any:
        value = start(variables)
        for step in steps:
            value = step(value, variables)
        return value

    step = steps[0]
    return _folded(
        run_one if len(steps) == 1 else run_all, first.constant and all(node.constant for _, node in operations)
    )


def _step(operator: str, node: _Node) -> Step:
    if operator in _SHORT_CIRCUIT:
        return _SHORT_CIRCUIT[operator](node.run)
    apply, operand = BINARY[operator], node.run
    if node.constant:
        right = operand({})
        return lambda left, _: apply(left, right)
    return lambda left, variables: apply(left, operand(variables))


def _and(operand: Evaluate) -> Step:
    def step(left: Any, variables: Variables) -> bool:
        if left is False:
            return False
        return _both_booleans("&&", left, operand(variables))

    return step


def _or(operand: Evaluate) -> Step:
    def step(left: Any, variables: Variables) -> bool:
        if left is True:
            return True
        return _both_booleans("||", left, operand(variables))

    return step


def _both_booleans(operator: str, left: Any, right: Any) -> bool:
    """The right side, which decides."""
    if type(left) is not bool:
        raise mismatch(left, operator, "a boolean")
    if type(right) is not bool:
        raise mismatch(right, operator, "a boolean")
    return right


def _if(operand: Evaluate) -> Step:
    """``condition ? value``: nil when the condition is false."""

    def step(left: Any, variables: Variables) -> Any:
        if type(left) is not bool:
            raise mismatch(left, "?", "a boolean")
        return operand(variables) if left else None

    return step


def _otherwise(operand: Evaluate) -> Step:
    """``: value`` and ``?? value``: for a nil on the left."""
    return lambda left, variables: operand(variables) if left is None else left


_SHORT_CIRCUIT: dict[str, Callable[[Evaluate], Step]] = {
    "&&": _and,
    "||": _or,
    "?": _if,
    ":": _otherwise,
    "??": _otherwise,
}
