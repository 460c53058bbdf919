"""Lua 5.1 programs on event data: filters and transforms.

The program sees the event's data as the global ``event``. On the way in ``null`` members and arrays directly within arrays are
dropped; on the way out a table with a positive integer key (or the metatable entry ``__is_array = true``) becomes an array.
The environment is built by ``lua_sandbox.lua`` (results are written by ``lua_values.lua``): no files, no network, no environment variables, nothing of Python.

Nothing here stops a program that does not end: run it only in a process that can be killed (``sensor/scripts.py``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from lupa import luajit21 as lupa

from events.errors import EvaluationError, ExpressionError
from events.expressions.gojson import loads_object

__all__ = ["Lua"]

_VALUES = Path(__file__).with_name("lua_values.lua")
_SANDBOX = Path(__file__).with_name("lua_sandbox.lua")
_EXACT = 2**53
_MAX_TEXT = 65536
_FULL_COLLECTION_KIB = 32 * 1024

# Comments and strings are skipped; what is left of `..` is the operator (`...` is not).
_TOKEN = re.compile(
    r"""--\[(?P<c>=*)\[.*?\](?P=c)\] | --[^\n]* | \[(?P<s>=*)\[.*?\](?P=s)\]
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | \.\.\. | \.\.""",
    re.VERBOSE | re.DOTALL,
)
_LATER_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\([xzu])")


class Lua:
    """One Lua interpreter; programs share it, but nothing that a call does is seen by the next."""

    def __init__(self) -> None:
        self._runtime = lupa.LuaRuntime(
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
        )
        self._runtime.execute("jit.off()")
        self._collect, self._table = self._runtime.globals().collectgarbage, self._runtime.table_from
        load = self._runtime.eval("function(text) return assert(loadstring(text, '=sandbox')) end")
        values = load(_VALUES.read_text(encoding="utf-8"))()
        sandbox = load(_SANDBOX.read_text(encoding="utf-8"))
        self._compile, self._filter, self._transform = sandbox(_mapped(str.upper), _mapped(str.lower), *values)
        self._chunk = lru_cache(maxsize=256)(self._load)

    def check(self, program: str) -> None:
        """Compile ``program``.

        Raises:
            ExpressionError: it has a syntax error, or is longer than 64 KiB.
        """
        self._chunk(program)

    def filter(self, program: str, data: bytes) -> bool:
        """Whether the last value that ``program`` returns is exactly ``true``."""
        return bool(self._run(self._filter, program, data))

    def transform(self, program: str, data: bytes) -> bytes:
        """The returned table as JSON text."""
        return str(self._run(self._transform, program, data)).encode()

    def _run(self, function: Any, program: str, data: bytes) -> Any:
        chunk = self._chunk(program)
        value = loads_object(data) or {}
        try:
            event = self._table(_for_lua(value), recursive=True)
            result = function(chunk, event)
        except RecursionError:
            raise EvaluationError("event data is nested too deeply") from None
        except lupa.LuaError as error:  # raised outside of the program itself, by a limit of the interpreter
            raise EvaluationError(f"lua: {error}") from None
        finally:
            if self._collect("count") > _FULL_COLLECTION_KIB:
                event = None
                self._collect()
        if isinstance(result, tuple):
            raise EvaluationError(f"lua: {result[1]}")
        return result

    def _load(self, program: str) -> Any:
        if len(program) > _MAX_TEXT:
            raise ExpressionError("lua: program is longer than 64 KiB", language="lua", text=program)
        try:
            chunk = self._compile(program, _rewritten(program))
        except (lupa.LuaError, UnicodeError) as error:
            raise ExpressionError(f"lua: {error}", language="lua", text=program) from None
        if isinstance(chunk, tuple):
            raise ExpressionError(f"lua: {chunk[1]}", language="lua", text=program)
        return chunk


def _rewritten(program: str) -> str | None:
    r"""The program as a function that LuaJIT understands as the reference does; None where that changes nothing.

    ``a .. b`` becomes ``a ..__CAT.. b``, because the operator spells numbers differently; ``lua_sandbox.lua`` explains CAT. A
    program with ``__concat`` methods of its own keeps Lua's operator, because these methods would see CAT. The escapes ``\x``,
    ``\z`` and ``\u`` of later versions mean the letter.
    """
    own_concat = ".." in program and "__concat" not in program
    if not own_concat and not _LATER_ESCAPE.search(program):
        return None

    def token(found: re.Match[str]) -> str:
        text = found[0]
        if text == ".." and own_concat:
            return "..__CAT.."
        return _LATER_ESCAPE.sub(r"\1\2", text) if text[0] in "'\"" else text

    return f"local __CAT = ... return function(...) {_TOKEN.sub(token, program)}\nend"


def _for_lua(value: dict[str, Any]) -> dict[str, Any]:
    """The same object without what Lua tables cannot hold; changes ``value`` itself."""
    for key, item in value.items():
        kind = type(item)
        if kind is dict:
            _for_lua(item)
        elif kind is list:
            value[key] = [
                _for_lua(i) if type(i) is dict else _float(i) for i in item if i is not None and type(i) is not list
            ]
        elif kind is int and not -_EXACT <= item <= _EXACT:
            value[key] = float(item)
    return value


def _float(item: Any) -> Any:
    return float(item) if type(item) is int and not -_EXACT <= item <= _EXACT else item


def _mapped(convert: Any) -> Any:
    """``str.upper`` or ``str.lower``, one character to one character, as in Go."""
    return lambda text: "".join(c if len(convert(c)) != 1 else convert(c) for c in text)


def _no_attributes(_object: object, name: str, _is_setting: bool) -> str:
    raise AttributeError(name)
