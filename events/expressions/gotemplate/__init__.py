"""Go templates with sprig's functions: ``dataTemplate``, ``contextTemplate`` and the ``template`` of a data filter.

    template = gotemplate.compile("{{ .Input.body.ref | lower }}")
    template.render({"Input": document})

A small interpreter: ``lexer`` → ``parser`` (``nodes``) → ``expressions`` and ``exec`` (closures, run on a ``state``).
Sandboxed: no environment, network or keys; random values follow from a seed; time, output and recursion are bounded.
Follows https://pkg.go.dev/text/template as of Go 1.26 and spec/argo-events.md §1.3.2 and §1.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from events.errors import ExpressionError
from events.expressions import sprig
from events.expressions.golang.functions import Context
from events.expressions.golang.values import as_bytes, as_text, deep_copy
from events.expressions.gotemplate import builtins
from events.expressions.gotemplate.exec import NO_VALUE, compile_templates
from events.expressions.gotemplate.lexer import LANGUAGE
from events.expressions.gotemplate.parser import MAIN, parse
from events.expressions.gotemplate.state import State

__all__ = ["NO_VALUE", "Template", "compile"]

MAX_SOURCE = 16 * 1024
_FUNCTIONS = {**builtins.FUNCTIONS, **sprig.FUNCTIONS}
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMES = frozenset(_FUNCTIONS) | {"and", "or"}


class Template:
    """A compiled template, to be rendered any number of times."""

    def __init__(self, text: str, now: Callable[[], datetime] | None) -> None:
        self.text = text
        self._now = now
        self._templates, self._mutates = compile_templates(parse(text, _NAMES, sprig.REFUSED), _FUNCTIONS)

    def render(self, data: Any, *, now: datetime | None = None, seed: bytes = b"") -> str:
        """The text for ``data`` (values as JSON gives them, ``{"Input": …}``), which is left as it is.

        ``now`` is the time that the template sees; the same ``seed`` gives the same random values.
        Raises ``EvaluationError``: a function failed, a type does not fit, a bound is reached.
        """
        clock = (lambda: now) if now is not None else self._now
        state = State(self._templates, Context(clock, seed))
        state.run(self._templates[MAIN], deep_copy(data) if self._mutates else data)
        text = state.parts[0] if len(state.parts) == 1 else "".join(state.parts)
        return text if text.isascii() else _valid(text)


def _valid(text: str) -> str:
    """The text, with U+FFFD for each byte that is no UTF-8, as Go's JSON writes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", as_text(as_bytes(text)))
    return text


def compile(text: str, *, now: Callable[[], datetime] | None = None) -> Template:
    """A template from its text; ``now`` tells the time where ``render`` isn't given one. Raises ``ExpressionError``."""
    if len(text) > MAX_SOURCE:
        raise ExpressionError(f"the template is longer than {MAX_SOURCE} characters", language=LANGUAGE)
    return _compile(text, now)


@lru_cache(maxsize=1024)
def _compile(text: str, now: Callable[[], datetime] | None) -> Template:
    return Template(text, now)
