"""The process that runs programs: limits, isolation, and that the next program runs whatever the last one did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.errors import EvaluationError, ExpressionError
from sensor.scripts import ScriptWorker

EVENT = b'{"a":1,"s":"%s"}' % (b"a" * 40)
ROOT = Path(__file__).resolve().parents[2]

HOSTILE_LUA = {
    "loop": "while true do end",
    "loop of protected calls": "while true do pcall(error) end",
    "loop in a protected call": "pcall(function() while true do end end)",
    "loop of coroutines": "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
    "loop in an error handler": "xpcall(error, function() while true do end end)",
    "loop in a metamethod": "return setmetatable({}, {__index = function() while true do end end}).x",
    "pattern": "return ('a'):rep(30000):find(('.-'):rep(9) .. 'b')",
    "doubling text": "local s = 'x' while true do s = s .. s end",
    "growing table": "local t = {} while true do t[#t + 1] = {} end",
    "huge replacement": "return ('a'):rep(1e6):gsub('a', ('b'):rep(1e4))",
    "endless recursion": "local function f() return 1 + f() end return f()",
    "endless tail calls": "local function f() return f() end return f()",
    "exploding result": "local t = {} for i = 1, 60 do t = {t, t} end return t",
    "reader without end": "return load(function() return 'x' end)",
    "large array": "return {[2^26 - 1] = 1}",
}
HOSTILE_JQ = {
    "recursion without end": "[recurse(.)]",
    "range without end": "last(range(1e12))",
    "until": "until(false; .)",
    "tail calls": "def f: f; f",
    "stack": "def f: 1 + f; f",
    "text": '{x: ("a" * 1e9)}',
    "array": "{x: (.a = [] | .a[1e8] = 1)}",
    "regular expression": '{x: (.s + "!" | test("(a+)+$"))}',
    "combinations": "{x: ([range(1000)] | [combinations(9)])}",
}


@pytest.fixture(scope="module")
def scripts() -> Iterator[ScriptWorker]:
    with ScriptWorker() as worker:
        yield worker


def assert_works(scripts: ScriptWorker) -> None:
    assert scripts.lua_filter("return event.a == 1 and ('x'):upper() == 'X'", EVENT)
    assert scripts.jq_transform("{a}", EVENT) == b'{"a":1}'


@pytest.mark.parametrize("program", HOSTILE_LUA.values(), ids=HOSTILE_LUA)
def test_hostile_lua_ends_and_the_next_program_runs(scripts: ScriptWorker, program: str) -> None:
    with pytest.raises(EvaluationError):
        scripts.lua_transform(program, EVENT)
    assert_works(scripts)


@pytest.mark.parametrize("program", HOSTILE_JQ.values(), ids=HOSTILE_JQ)
def test_hostile_jq_ends_and_the_next_program_runs(scripts: ScriptWorker, program: str) -> None:
    with pytest.raises(EvaluationError):
        scripts.jq_transform(program, EVENT)
    assert_works(scripts)


def test_the_error_says_which_limit(scripts: ScriptWorker) -> None:
    with pytest.raises(EvaluationError, match="processor time") as caught:
        scripts.lua_filter("while true do end", EVENT)
    assert caught.value.reason == "LimitReached"
    with pytest.raises(EvaluationError, match="memory"):
        scripts.jq_transform('{x: ("a" * 1e9)}', EVENT)


def test_a_worker_that_hangs_is_replaced() -> None:
    with ScriptWorker(wall_seconds=0.3) as scripts:
        scripts.start()
        assert scripts._process is not None
        os.kill(scripts._process.pid, signal.SIGSTOP)
        with pytest.raises(EvaluationError, match=r"0\.3 s"):
            scripts.lua_filter("return true", EVENT)
        assert_works(scripts)


def test_a_worker_that_was_killed_between_calls_is_replaced() -> None:
    with ScriptWorker() as scripts:
        scripts.start()
        assert scripts._process is not None
        scripts._process.kill()
        scripts._process.wait()
        assert_works(scripts)


def test_data_of_any_size_pass(scripts: ScriptWorker) -> None:
    data = b'{"a":1,"l":[%s]}' % b",".join(b'{"k":%d,"v":"text"}' % i for i in range(20000))
    assert scripts.lua_filter("return #event.l == 20000", data)
    assert scripts.jq_transform("{n: (.l | length)}", data) == b'{"n":20000}'


def test_programs_that_do_not_compile_are_told(scripts: ScriptWorker) -> None:
    scripts.check_lua("return true")
    scripts.check_jq("{a}")
    with pytest.raises(ExpressionError) as caught:
        scripts.check_lua("return return")
    assert (caught.value.language, caught.value.text) == ("lua", "return return")
    with pytest.raises(ExpressionError):
        scripts.check_jq("{")
    with pytest.raises(ExpressionError):
        scripts.jq_transform("{", EVENT)


def test_the_worker_has_no_environment_variables(scripts: ScriptWorker) -> None:
    assert scripts.jq_transform("{env: env, ENV: $ENV}", EVENT) == b'{"ENV":{},"env":{}}'


def test_nothing_a_program_prints_disturbs_the_answers(scripts: ScriptWorker) -> None:
    assert scripts.lua_filter("print('x') return true", EVENT)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_the_worker_has_two_pipes_and_dies_with_its_parent() -> None:
    program = (
        "import os; from sensor.scripts import ScriptWorker; w = ScriptWorker(); w.start(); pid = w._process.pid;"
        "print(pid, len([f for f in os.listdir(f'/proc/{pid}/fd') if int(f) > 2]), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    pid, descriptors = map(int, run.stdout.split())
    assert descriptors == 2
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.01)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] not in "ZX"
    except OSError:
        return False
