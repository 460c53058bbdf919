"""jq programs on event data: the transform whose first output becomes the data.

libjq runs them, behind ``jq_prelude.jq``, which makes it answer as gojq 0.12 wherever a definition can.

Nothing here stops a program that does not end: run it only in a process that can be killed (``sensor/scripts.py``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import jq

from events.errors import EvaluationError, ExpressionError
from events.expressions.gojson import dumps, loads_object, spelled

__all__ = ["Jq"]

_PRELUDE = Path(__file__).with_name("jq_prelude.jq")
_MAX_TEXT = 65536
_MAX_RESULT = 8 * 2**20

# libjq hands NaN to Python as null and infinities as the largest double. Programs that can make them are run with this check.
_FINITE = 'if any(.. | numbers; isnan or isinfinite) then error("JSON has no such number") else . end'
_MAKES_NAN = (
    "nan", "infinite", "tonumber", "fromjson", "log", "pow", "exp", "sqrt", "gamma", "sin", "cos", "tan", "fmod", "drem",
    "y0", "y1", "yn", "remainder", "ldexp", "scalb", "fma", "1e",
)  # fmt: skip

_LONE_SURROGATE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class Jq:
    """Compiled jq programs, kept by their text."""

    def __init__(self) -> None:
        self._prelude = _PRELUDE.read_text(encoding="utf-8")
        self._program = lru_cache(maxsize=256)(self._compile)

    def check(self, program: str) -> None:
        """Compile ``program``.

        Raises:
            ExpressionError: it has a syntax error, names an unknown function, or is longer than 64 KiB.
        """
        self._program(program)

    def transform(self, program: str, data: bytes) -> bytes:
        """The first output of ``program`` as JSON text; it must be an object."""
        compiled = self._program(program)
        value = loads_object(data)
        output = _first(compiled, spelled(value or {}))
        if value is None and output == {} and _first(compiled, b"null") is None:
            return (
                b"null"  # data `null` is an empty object within a program, and stays null when it comes out untouched
            )
        if not isinstance(output, dict):
            raise EvaluationError(f"jq: the output must be an object, not {_type_name(output)}")
        text = dumps(output)
        if len(text) > _MAX_RESULT:
            raise EvaluationError("jq: result is too large")
        return text

    def _compile(self, program: str) -> Any:
        if len(program) > _MAX_TEXT:
            raise ExpressionError("jq: program is longer than 64 KiB", language="jq", text=program)
        if "$__loc__" in program:
            raise ExpressionError("jq: variable not defined: $__loc__", language="jq", text=program)
        program = _LONE_SURROGATE.sub(_replaced, program)
        try:
            compiled = jq.compile(f"{self._prelude}\n{program}")
            if any(word in program for word in _MAKES_NAN):
                compiled = jq.compile(f"{self._prelude}\ndef _main: {program}\n; _main | {_FINITE}")
        except (ValueError, UnicodeError) as error:
            raise ExpressionError(f"jq: {self._own_line(error)}", language="jq", text=program) from None
        return compiled

    def _own_line(self, error: Exception) -> str:
        """The message, its line counted from the start of the user's text."""
        before = self._prelude.count("\n") + 1
        return re.sub(r"(?<=, line )\d+", lambda found: str(max(1, int(found[0]) - before)), _first_line(error))


def _first(compiled: Any, text: bytes) -> Any:
    try:
        return next(iter(compiled.input_text(text.decode())))
    except StopIteration:
        raise EvaluationError("jq: the program gave no output") from None
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"jq: {_first_line(error)}") from None


def _replaced(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["lone"] else escape[0]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:500]


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return {str: "a string", int: "a number", float: "a number", list: "an array"}.get(type(value), "null")
