"""Lua programs: what they see, what they give, how numbers are spelled, and what is out of their reach."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions.lua import Lua

EVENT = b'{"n":5,"s":"Hello","big":12345678901234567890,"nul":null,"mixed":[1,null,[2],{"k":null}],"nest":[[1],[2]],"l":[3,1,2]}'


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def value(lua: Lua, expression: str) -> Any:
    return json.loads(lua.transform(f"return {{x = {expression}}}", EVENT)).get("x")


@pytest.mark.parametrize(
    ("program", "passed"),
    [
        ("return event.n == 5", True),
        ("return 1", False),
        ("return nil", False),
        ("", False),
        ("return false, true", True),
        ("return true, false", False),
        ("goto done ::done:: return true", True),
    ],
)
def test_a_filter_passes_when_the_last_value_is_true(lua: Lua, program: str, passed: bool) -> None:
    assert lua.filter(program, EVENT) is passed


@pytest.mark.parametrize("data", [b"[1]", b'"s"', b"5", b"", b"{", b"plain", b'{"a":NaN}', b'{"a":1e999}'])
def test_only_objects_are_events(lua: Lua, data: bytes) -> None:
    with pytest.raises(EvaluationError):
        lua.filter("return true", data)


def test_null_is_an_empty_event(lua: Lua) -> None:
    assert lua.transform("return event", b"null") == b"{}"


def test_nulls_and_arrays_within_arrays_are_dropped_on_the_way_in(lua: Lua) -> None:
    assert json.loads(lua.transform("return event", EVENT)) == {
        "n": 5, "s": "Hello", "big": 12345678901234567000, "mixed": [1, {}], "nest": {}, "l": [3, 1, 2],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("{}", "{}"),
        ("{1, 2, x = 3}", "[1,2]"),
        ("{1, nil, 3}", "[1,null,3]"),
        ("{[3] = 'c'}", '[null,null,"c"]'),
        ("{[0] = 1}", '{"0":1}'),
        ("{[1.5] = 1, [true] = 2}", '{"1.5":1,"true":2}'),
        ("setmetatable({}, {__is_array = true})", "[]"),
        ("setmetatable({}, {__is_array = 1})", "{}"),
        ("{b = 1, a = '<&>'}", '{"a":"\\u003c\\u0026\\u003e","b":1}'),
        ("{'\\226\\128\\168\\255\\0\\n'}", '["\\u2028\ufffd\\u0000\\n"]'),
        ("{1e21, 1e20, 1e-7, 0.1 + 0.2, 100}", "[1e+21,100000000000000000000,1e-7,0.30000000000000004,100]"),
    ],
)
def test_tables_become_json(lua: Lua, result: str, text: str) -> None:
    assert lua.transform(f"return {result}", EVENT).decode() == text


@pytest.mark.parametrize(
    "result", ["5", "nil", "'x'", "{1/0}", "{0/0}", "{print}", "{[2^25] = 1}", "{('x'):rep(2^23)}"]
)
def test_what_json_cannot_hold_is_an_error(lua: Lua, result: str) -> None:
    with pytest.raises(EvaluationError):
        lua.transform(f"return {result}", EVENT)


def test_cycles_are_an_error(lua: Lua) -> None:
    with pytest.raises(EvaluationError, match="nested too deeply"):
        lua.transform("event.self = event return event", EVENT)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("tostring(1/3)", "0.3333333333333333"),
        ("1/3 .. ''", "0.3333333333333333"),
        ("1e15 .. '|' .. 2.5", "1000000000000000|2.5"),
        ("'a' .. 1 + 2 .. 'b'", "a3b"),
        ("'..' .. \"..\" .. [[..]]", "......"),
        ("tostring(2^63)", "9.223372036854776e+18"),
        ("tostring(1/0) .. tostring(-1/0) .. tostring(0/0)", "+Inf-InfNaN"),
        ("table.concat({1e15, 'a'}, 1)", "10000000000000001a"),
        ("string.format('%d|%5.2f|%s|%g|%i|%c', 3.7, 3.14159, 1/3, 0.1, 4, 65)", "3| 3.14|0.3333333333333333|0.1|4|A"),
        ("string.format('%d')", "%!d(MISSING)"),
        ("('é'):upper()", "É"),
        ("tonumber('1e3')", None),
        ("tonumber('1.5e3')", 1500),
        ("tonumber('0x10')", 16),
        ("math.huge < 1/0", True),
        ("'\\x41'", "x41"),
        ("#{('x'):match('y')}", 0),
        ("select('#', ...)", 0),
        ("loadstring('return 5')()", 5),
        ("getfenv(0) == _G and getfenv(1) == _G and getfenv(pairs) == _G", True),
    ],
)
def test_answers_are_those_of_the_reference(lua: Lua, expression: str, result: Any) -> None:
    assert value(lua, expression) == result


def test_pairs_has_one_order(lua: Lua) -> None:
    program = "local t = {} for k in pairs({z = 1, a = 2, 'x', 'y', [9] = 3}) do t[#t + 1] = k end return t"
    assert lua.transform(program, EVENT) == b'[1,2,9,"a","z"]'


def test_a_table_with_its_own_concatenation_keeps_it(lua: Lua) -> None:
    assert value(lua, "(setmetatable({}, {__concat = function(a, b) return 'own' end}) .. 'x')") == "own"


@pytest.mark.parametrize(
    "expression",
    [
        "io.open('/etc/passwd')", "os.execute('true')", "os.exit()", "require('ffi')", "dofile('/x')", "loadfile('/x')",
        "debug.getinfo(1)", "string.dump(print)", "newproxy(true)", "loadstring('\\27LJ')()", "setfenv(print, {})",
        "nosuch.x", "error('x')", "error({})", "error()",
    ],
)  # fmt: skip
def test_what_reaches_out_fails(lua: Lua, expression: str) -> None:
    with pytest.raises(EvaluationError):
        lua.filter(f"return {expression}", EVENT)


@pytest.mark.parametrize("name", ["python", "jit", "ffi", "bit", "os.getenv('HOME')", "getfenv(0).python", "_G.python"])
def test_nothing_of_the_host_is_seen(lua: Lua, name: str) -> None:
    assert lua.filter(f"return {name} == nil", EVENT)


def test_no_call_sees_what_another_left(lua: Lua) -> None:
    lua.filter(
        "leak = 1 string.upper = nil table.sort = nil getmetatable('').__index = {} math.pi = 3 pairs = nil", EVENT
    )
    lua.filter("local f = function() end setfenv(f, {}) setfenv(1, {leak = 2})", EVENT)
    assert lua.filter("return leak == nil and ('x'):upper() == 'X' and table.sort and pairs and math.pi > 3.1", EVENT)


@pytest.mark.parametrize("program", ["return return", "7 // 2", "x = ", "end return function() ", "-- " + "x" * 65536])
def test_broken_programs_do_not_compile(lua: Lua, program: str) -> None:
    with pytest.raises(ExpressionError):
        lua.check(program)


def test_errors_name_the_line(lua: Lua) -> None:
    with pytest.raises(EvaluationError, match="<string>:2: boom"):
        lua.filter("local x = '' .. 1\nerror('boom')", EVENT)
