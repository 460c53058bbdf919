"""Programs: a text compiled for the types that an environment has right now, and kept for the next one alike.

The reference compiles each expression against each event's values, because names are typed by them: ``payload.x`` is an error
of compiling when the payload is a text. What is checked depends on nothing but the type of the environment's entries that the
text names, not on what is below them. So ``Selector`` keeps one program for each combination of these types that it met: an
event costs one look at the type of ``payload``, not a compilation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from events.errors import EvaluationError, ExpressionError, PointsmanError
from events.expressions.expr.ast import BuiltinNode, IdentifierNode, LetNode, Node, StringNode, children
from events.expressions.expr.checker import check
from events.expressions.expr.compiler import compile_tree
from events.expressions.expr.dialect import V1_17, Dialect
from events.expressions.expr.functions import PLAIN, Functions
from events.expressions.expr.grammar import builtin_names
from events.expressions.expr.lexer import syntax_error
from events.expressions.expr.machine import Machine, Run
from events.expressions.expr.optimizer import optimize
from events.expressions.expr.parser import parse
from events.expressions.expr.types import ANYS, BOOL, FLOAT, MAP, NIL, STRING, Nature, known

__all__ = ["Program", "Selector", "compile", "prepare"]

_NATURES: dict[type, Nature] = {
    type(None): NIL,
    bool: known(BOOL),
    int: known(FLOAT),
    float: known(FLOAT),
    str: known(STRING),
    list: known(ANYS),
    dict: known(MAP),
}
_MAX_PROGRAMS = 64
"""Programs that one selector keeps; the four names of a binding have at most a dozen combinations of types."""


def _now() -> datetime:
    return datetime.now(UTC)


class Program:
    """A compiled expression. ``program(env)`` evaluates it.

    ``env`` holds JSON values under their names and must have the types that the program was compiled for. The result is a value
    of ``events.expressions.golang``: ``Int`` for whole numbers of the program, plain ``int`` and ``float`` for ``float64``.
    Raises ``EvaluationError``.
    """

    __slots__ = ("_run", "_variables", "nature", "text")

    def __init__(self, text: str, run: Run, variables: int, nature: Nature) -> None:
        self.text = text
        self.nature = nature
        """What is known of the result."""
        self._run = run
        self._variables = variables

    def __call__(self, env: Mapping[str, Any], *, now: datetime | None = None, seed: bytes = b"") -> Any:
        """Evaluate. ``now`` is what ``now()`` says (the clock, if left out); random values follow from ``seed``."""
        try:
            return self._run(Machine(env, self._variables, _now if now is None else lambda: now, seed))
        except RecursionError:
            raise EvaluationError("the value is nested too deeply") from None
        except (OverflowError, MemoryError):
            raise EvaluationError("a number or text is too large") from None


def compile(text: str, env: Mapping[str, Any], *, dialect: Dialect = V1_17, functions: Functions = PLAIN) -> Program:
    """The program of ``text`` for environments of the types that ``env`` has. Raises ``ExpressionError``."""
    natures = {name: _nature(value) for name, value in env.items()} if dialect.typed_env else {}
    overridden = frozenset(builtin_names(dialect).intersection(natures))
    return _build(text, natures, overridden, dialect, functions)


def _nature(value: Any) -> Nature:
    nature = _NATURES.get(type(value))
    if nature is None:
        raise EvaluationError(f"a value of type {type(value).__name__} has no place in an environment")
    return nature


def _build(
    text: str, natures: dict[str, Nature], overridden: frozenset[str], dialect: Dialect, functions: Functions
) -> Program:
    if dialect.typed_env:
        natures = {**natures, **functions.natures}
    try:
        tree = parse(text, dialect, overridden)
        nature = check(tree, text, dialect, natures)
        tree = optimize(tree, text, dialect)
        values = functions.values if functions.natures else {}
        run, variables = compile_tree(tree, dialect, values)
    except RecursionError:
        raise syntax_error("expression is nested too deeply", text, 0) from None
    return Program(text, run, variables, nature)


class Selector:
    """An expression that is evaluated for many events: ``selector(env)``.

    Raises what compiling for these types raises (``ExpressionError``), or ``EvaluationError``.
    """

    __slots__ = ("_dialect", "_functions", "_names", "_programs", "text")

    def __init__(self, text: str, dialect: Dialect = V1_17, functions: Functions = PLAIN) -> None:
        self.text = text
        self._dialect = dialect
        self._functions = functions
        tree = parse(text, dialect)
        self._names = tuple(sorted(_names(tree))) if dialect.typed_env else ()
        self._programs: dict[Any, Program | PointsmanError] = {}

    def __call__(self, env: Mapping[str, Any], *, now: datetime | None = None, seed: bytes = b"") -> Any:
        """The value for one event."""
        program = self._programs.get(tuple([type(env[name]) if name in env else None for name in self._names]))
        if not isinstance(program, Program):
            program = self.program(env)
        return program(env, now=now, seed=seed)

    def program(self, env: Mapping[str, Any]) -> Program:
        """The program for the types of ``env``, compiled when they are met first."""
        shape = tuple([type(env[name]) if name in env else None for name in self._names])
        found = self._programs.get(shape)
        if found is None:
            found = self._compile(env)
            if len(self._programs) >= _MAX_PROGRAMS:
                self._programs.clear()
            self._programs[shape] = found
        if isinstance(found, Program):
            return found
        raise found.with_traceback(None)

    def _compile(self, env: Mapping[str, Any]) -> Program | PointsmanError:
        named = {name: env[name] for name in self._names if name in env}
        try:
            return compile(self.text, named, dialect=self._dialect, functions=self._functions)
        except (ExpressionError, EvaluationError) as error:
            return error


def _names(tree: Node) -> set[str]:
    """All names that the environment might have: identifiers, variables, built-in functions, and keys of ``$env``."""
    names: set[str] = set()
    texts: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, IdentifierNode):
            names.add(node.value)
        elif isinstance(node, StringNode):
            texts.add(node.value)
        elif isinstance(node, (LetNode, BuiltinNode)):
            names.add(node.name)
        waiting.extend(children(node))
    return names | texts if "$env" in names else names


def prepare(text: str, *, dialect: Dialect = V1_17, functions: Functions = PLAIN) -> Selector:
    """The selector of ``text``. Raises ``ExpressionError`` when its syntax is wrong."""
    return Selector(text, dialect, functions)
