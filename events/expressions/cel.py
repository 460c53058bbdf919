"""CEL programs on events: ``body.ref == "refs/heads/main" && body.commits.exists(c, c.message.contains("[deploy]"))``.

The language: https://github.com/google/cel-spec/blob/master/doc/langdef.md, evaluated by Google's own runtime (``cel-expr-python``).
This is the only module that imports it. Patterns of ``matches`` run in its RE2.

A program reads ``data`` (the event's data), the usual members of it by their own names (``body``, ``headers`` and ``header``, which
name the same, ``metadata``), and ``context``, the attributes of the CloudEvent. JSON numbers written without a fraction are ints.
Only what a program reads is converted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from events.errors import EvaluationError, ExpressionError
from events.expressions.cel_ast import shape_of
from events.expressions.document import Document

__all__ = ["Program", "compile"]

MAX_TEXT = 4096
"""Bytes of a program."""

MAX_NODES = 500
MAX_LOOPS = 2
"""How deep comprehensions may be nested. (The library stops any evaluation after 10,000 of their steps.)"""

MAX_COSTLY = 8
"""Searches and comparisons that a program without comprehensions may make and still counts as ``light``."""

MAX_DEPTH = 512
"""Levels of objects and lists in the data. The library follows them by recursion."""

_VARIABLES = ("data", "body", "header", "headers", "metadata", "context")
_OTHER_NAME = {"header": "headers", "headers": "header"}

_PLACE = re.compile(r"([1-9]\d*):([1-9]\d*): (.*?)(?: \(in container ''\))?$")

_environment = cel.NewEnv(variables=dict.fromkeys(_VARIABLES, cel.Type.DYN))

Pick = Callable[[Any], Any]

_Tree = dict[str | None, Any]
_WHOLE = None  # the member of a tree that says that the value is read as a whole


class Program:
    """A compiled program; call it with the event's data and context. Safe to share.

    ``light`` tells that no data can make it take long (64 KiB: less than 200 ms). Others belong into a process that can be
    stopped.
    """

    __slots__ = ("_expression", "_picks", "light", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._expression = _compiled(text)
        shape = shape_of(self._expression.serialize())
        if shape.nodes > MAX_NODES:
            raise _error(text, f"is too large: more than {MAX_NODES} operations")
        if shape.loops > MAX_LOOPS:
            raise _error(text, f"nests more than {MAX_LOOPS} comprehensions")
        self.light = shape.loops == 0 and shape.costly <= MAX_COSTLY
        self._picks = [(name, _picker(shape.reads[name])) for name in _VARIABLES if name in shape.reads]

    def __call__(self, document: Document, context: Mapping[str, str]) -> bool:
        """Whether the program says true. Raises EvaluationError when it fails or says something else than true or false."""
        brackets = document.data.count(b"[") + document.data.count(b"{")
        if brackets > MAX_DEPTH and _depth(document.value) > MAX_DEPTH:
            raise EvaluationError(f"the data is nested more than {MAX_DEPTH} levels deep")
        try:
            result = self._expression.eval(data=self.reads(document, context))
            value = result.value()
        except Exception as error:  # the library raises RuntimeError, and its binding what it likes
            raise EvaluationError(_words(error)) from None
        if value is True or value is False:
            return value
        kind = result.type().name()
        if kind == "ERROR":
            raise EvaluationError(_words(value))
        raise EvaluationError(f"gives a value of type {kind.lower()}, not true or false")

    def reads(self, document: Document, context: Mapping[str, str]) -> dict[str, Any]:
        """What the program sees, by variable: of the data only what it reads. Raises EvaluationError when it is not JSON."""
        data = document.value
        return {name: pick(_variable(name, data, context)) for name, pick in self._picks}


@lru_cache(maxsize=512)
def compile(text: str) -> Program:
    """The program of a text. Raises ExpressionError."""
    return Program(text)


def _compiled(text: str) -> Any:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _error(text, "is no text: it has half a surrogate pair") from None
    if size > MAX_TEXT:
        raise _error(text, f"is longer than {MAX_TEXT} bytes")
    try:
        expression = _environment.compile(text)
    except Exception as error:
        raise _syntax_error(text, _words(error)) from None
    kind = expression.return_type().name()
    if kind not in ("BOOL", "DYN"):
        raise _error(text, f"gives a value of type {kind.lower()}, not true or false")
    return expression


def _error(text: str, message: str) -> ExpressionError:
    return ExpressionError(f"the CEL program {message}", language="cel", text=text)


def _syntax_error(text: str, words: str) -> ExpressionError:
    """``1:5: undeclared reference to 'x'`` as an error at that place."""
    place = _PLACE.match(words)
    if place is None:
        return _error(text, f"does not compile: {words}")
    line, column = int(place[1]), int(place[2])
    problem = _error(text, f"does not compile: {place[3]} (line {line}, column {column})")
    problem.position = sum(len(before) for before in text.splitlines(keepends=True)[: line - 1]) + column - 1
    if "undeclared reference" in words:
        problem.hint = f"known are {', '.join(_VARIABLES)}"
    return problem


def _words(error: object) -> str:
    """What the library says, without its codes and the lines that point into the program."""
    lines = str(error).encode("utf-8", "replace").decode().splitlines() or [type(error).__name__]
    head = lines[0]
    code, colon, rest = head.partition(": ")
    if colon and code.isupper():
        head = rest
    head = head.removeprefix("ERROR: <input>:")
    bracket = head.rfind(" [")
    return head[:bracket] if bracket > 0 and head.endswith("]") and head[bracket + 2 : -1].isupper() else head


# Values


def _variable(name: str, data: Any, context: Mapping[str, str]) -> Any:
    if name == "context":
        return dict(context)
    if name == "data":
        return data
    if not isinstance(data, dict):
        return None
    return data[name] if name in data else data.get(_OTHER_NAME.get(name, ""))


def _picker(chains: Iterable[tuple[str, ...]]) -> Pick:
    """Copies of a value those parts that the chains of members lead to.

    A chain that leaves the objects (a list, a text, a missing member) is followed no further, so that the program fails where
    it would have failed with the whole value.
    """
    tree: _Tree = {}
    for chain in chains:
        node = tree
        for member in chain:
            node = node.setdefault(member, {})
        node[_WHOLE] = {}
    return lambda value: _picked(value, tree)


def _picked(value: Any, tree: _Tree) -> Any:
    if type(value) is not dict or _WHOLE in tree:
        return value
    return {member: _picked(value[member], below) for member, below in tree.items() if member in value}


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth
