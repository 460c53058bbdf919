"""The language of trigger ``conditions``: dependency names, ``&&``, ``||`` and parentheses.

Spec: argo-events §1.5. ``&&`` binds tighter than ``||``. A name may be written with ``_`` for ``-`` and the other way round, where
that means one dependency only; a name that is written exactly as a dependency always means that one. What the reference meets with
silence (a name that is no dependency, ``!``, ``and``, ``or``) is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field

from events.errors import ExpressionError
from events.registry import did_you_mean

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Condition", "compile"]

MAX_DEPTH = 100  # parentheses within parentheses
MAX_LENGTH = 65_536  # characters

_Test = Callable[[Container[str]], bool]
_TOKEN = re.compile(r"&&|\|\||[()]|[^\s()&|]+|[&|]")


@dataclass(frozen=True)
class Condition:
    """A compiled condition. Call it with the names of the dependencies that have an event.

    ``names`` are the dependencies that it speaks of, in order of appearance. ``text`` is its effective text, with the names as the
    dependencies have them. Only a condition that ``has_and`` waits for several events; any other fires on each event alone.
    """

    text: str
    names: tuple[str, ...]
    _test: _Test = field(repr=False, compare=False)

    def __call__(self, present: Container[str]) -> bool:
        """Whether the condition is true when these dependencies are present."""
        return self._test(present)

    @property
    def has_and(self) -> bool:
        """Whether events have to be kept until others have come."""
        return "&" in self.text


def compile(text: str | None, dependencies: Sequence[str]) -> Condition:
    """The condition over these dependencies; None or "" waits for all of them. Raises ExpressionError."""
    if not text:
        if not dependencies:
            raise _error("there are no dependencies to wait for", "", 0)
        names = tuple(dict.fromkeys(dependencies))
        return Condition("&&".join(names), names, _all([_present(name) for name in names]))
    parser = _Parser(text, dependencies)
    test = parser.condition()
    return Condition("".join(parser.effective), tuple(dict.fromkeys(parser.names)), test)


def _error(message: str, text: str, position: int) -> ExpressionError:
    return ExpressionError(message, language="conditions", text=text, position=position)


class _Parser:
    def __init__(self, text: str, dependencies: Sequence[str]) -> None:
        if len(text) > MAX_LENGTH:
            raise _error(
                f"a condition of {len(text)} characters is longer than the limit of {MAX_LENGTH}", text, MAX_LENGTH
            )
        self.text = text
        self.tokens = [(match[0], match.start()) for match in _TOKEN.finditer(text)]
        self.at = 0
        self.dependencies = frozenset(dependencies)
        self.effective: list[str] = []
        self.names: list[str] = []

    def condition(self) -> _Test:
        """The whole text."""
        if not self.tokens:
            raise _error("the condition is blank; leave it out to wait for all dependencies", self.text, 0)
        test = self._either(0)
        if self.at < len(self.tokens):
            found, position = self.tokens[self.at]
            raise _error(
                "')' closes nothing" if found == ")" else f"&& or || is expected before '{found}'", self.text, position
            )
        return test

    def _either(self, depth: int) -> _Test:
        tests = [self._both(depth)]
        while self._take("||"):
            tests.append(self._both(depth))
        return tests[0] if len(tests) == 1 else _any(tests)

    def _both(self, depth: int) -> _Test:
        tests = [self._operand(depth)]
        while self._take("&&"):
            tests.append(self._operand(depth))
        return tests[0] if len(tests) == 1 else _all(tests)

    def _take(self, operator: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == operator:
            self.at += 1
            self.effective.append(operator)
            return True
        return False

    def _operand(self, depth: int) -> _Test:
        if self.at == len(self.tokens):
            raise _error("the condition ends where a dependency is expected", self.text, len(self.text))
        token, position = self.tokens[self.at]
        if self._take("("):
            if depth == MAX_DEPTH:
                raise _error(f"parentheses may be nested {MAX_DEPTH} deep", self.text, position)
            test = self._either(depth + 1)
            if not self._take(")"):
                raise _error(
                    "')' is missing",
                    self.text,
                    self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text),
                )
            return test
        if token[0] in "&|)":
            raise _error(f"a dependency is expected before '{token}'", self.text, position)
        self.at += 1
        name = self._dependency(token, position)
        self.effective.append(name)
        self.names.append(name)
        return _present(name)

    def _dependency(self, name: str, position: int) -> str:
        if name in self.dependencies:
            return name
        alike = sorted(d for d in self.dependencies if d.replace("-", "_") == name.replace("-", "_"))
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise _error(f"'{name}' may mean {' or '.join(alike)}", self.text, position)
        if name.startswith("!"):
            raise _error("a condition has no '!': it can only wait for events that come", self.text, position)
        hint = did_you_mean(name, sorted(self.dependencies)) or f"known: {', '.join(sorted(self.dependencies))}"
        raise _error(f"'{name[:80]}' is no dependency of this sensor ({hint})", self.text, position)


def _present(name: str) -> _Test:
    return lambda present: name in present


def _all(tests: list[_Test]) -> _Test:
    return lambda present: all(test(present) for test in tests)


def _any(tests: list[_Test]) -> _Test:
    return lambda present: any(test(present) for test in tests)
