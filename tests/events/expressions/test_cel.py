"""CEL programs: what they see, what they say, and that none gets out of bounds."""

from __future__ import annotations

import contextlib
import json

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import cel
from events.expressions.cel_ast import shape_of
from events.expressions.document import Document
from tests.support.cost import BOUNDED, cpu_seconds

DATA = {
    "body": {
        "ref": "refs/heads/main",
        "number": 3,
        "ratio": 2.5,
        "big": 2**53 + 1,
        "nothing": None,
        "a b": {"": "empty"},
        "commits": [{"id": "a", "files": ["x.md"]}, {"id": "b", "files": ["y.py", "z.py"]}],
    },
    "headers": {"X-Github-Event": ["push"]},
    "extra": True,
}
CONTEXT = {"id": "1", "source": "github", "type": "github", "subject": "push"}


def ask(text: str, data: object = DATA) -> bool:
    return cel.compile(text)(Document(json.dumps(data).encode()), CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        'body.ref == "refs/heads/main"',
        'body["a b"][""] == "empty"',
        'body.ref.matches("^refs/heads/(main|release-.*)$")',
        'headers["X-Github-Event"][0] == "push"',
        'header["X-Github-Event"] == ["push"]',
        'context.source == "github" && context.subject == "push"',
        "data.extra",
        "body.number == 3 && body.number < 3.5 && body.ratio == 2.5",
        "body.big == 9007199254740993",
        "body.nothing == null && !has(body.missing)",
        "has(body.commits) && body.commits.size() == 2",
        'body.commits[1].files[0] == "y.py"',
        'body.commits.exists(c, c.files.all(f, f.endsWith(".py")))',
        'body.commits.map(c, c.id) == ["a", "b"]',
        'body.missing == 1 || body.ref.startsWith("refs/")',
        '"ref" in body && !("x" in body)',
        "body.all(body, body != '')",
        "metadata == null",
    ],
)
def test_a_program_sees_the_event(text: str) -> None:
    assert ask(text) is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("body.missing == 1", 'Key not found in map : "missing"'),
        ("body.ref + 1 == 2", "No matching overloads"),
        ("body.commits[9].id == 'a'", "Index error"),
        ("body.ref", "gives a value of type string"),
        ("1 / (body.number - 3) == 1", "divide by zero"),
        ("body.ref.matches(body.ref + '(')", "invalid regular expression"),
        ("metadata.owner == 'x'", "SELECT"),
    ],
)
def test_a_program_that_fails_says_why(text: str, words: str) -> None:
    with pytest.raises(EvaluationError, match=r"^(?!INVALID|NOT_FOUND)") as told:
        ask(text)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Syntax error"),
        ("body.ref ==", "Syntax error"),
        ("true &&\n bdy.ref == 'x'", "undeclared reference to 'bdy.ref' .line 2, column 5.*known are data, body"),
        ("'a text'", "type string"),
        ("size(body)", "type int"),
        ("body.ref == '" + "x" * 5000 + "'", "longer than 4096 bytes"),
        ("body.all(a, body.all(b, body.all(c, a == b)))", "nests more than 2"),
        ("(" * 100 + "true" + ")" * 100, "recursion"),
        ("[" + "1," * 600 + "1].size() == 2", "more than 500"),
        ("body.a" + ".a" * 600 + " == 1", "recursion|more than 500"),
        ("body == '\ud800'", "surrogate"),
    ],
)
def test_what_cannot_work_does_not_compile(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words) as told:
        cel.compile(text)
    assert told.value.language == "cel"


@pytest.mark.parametrize(
    ("text", "light"),
    [
        ("body.a == 'x' && body.b.contains('y')", True),
        ("body.a.exists(x, x == 1)", False),
        (" || ".join(["body.a.matches(body.b)"] * 8), True),
        (" || ".join(["body.a.matches(body.b)"] * 9), False),
        (" || ".join(["body.a == body.b"] * 9), False),
        (" || ".join(["body.a == 'x'"] * 30), True),
    ],
)
def test_a_program_that_data_can_make_slow_is_not_light(text: str, light: bool) -> None:
    assert cel.compile(text).light is light


def test_a_shape_names_what_is_read() -> None:
    text = "body.a.b == 1 && has(body.a.c) && body['d'].e[0] == context.id && headers.all(h, h != body.f)"
    shape = shape_of(cel._environment.compile(text).serialize())
    assert shape.reads["body"] == {("a", "b"), ("a", "c"), ("d", "e"), ("f",)} or shape.reads["body"] == {
        ("a", "b"),
        ("a",),
        ("d", "e"),
        ("f",),
    }
    assert shape.reads["context"] == {("id",)}
    assert shape.reads["headers"] == {()}
    assert shape.loops == 1


HOSTILE_DATA = {
    "long text": {"s": "a" * 65000, "t": "a" * 30000 + "b"},
    "many numbers": {"s": [1] * 32000, "t": [2]},
    "many objects": {"s": {str(n): {} for n in range(6000)}, "t": {}},
    "deep list": {"s": json.loads("[" * 500 + "]" * 500), "t": 1},
    "number beyond 64 bits": {"s": 2**70, "t": -(2**70)},
}
LIGHT = [
    "body.s == body.t",
    "body.s.contains(body.t)",
    "body.s.matches('(a*)*[ab]{500}c')",
    "body.t in body.s",
    "body.s + body.t + body.s == body.t + body.s",
    " || ".join(["body.s.matches('[ab]*a[ab]{900}c')"] * 8),
    " || ".join(["body.s != body.s"] * 8),
]


@pytest.mark.parametrize("kind", HOSTILE_DATA)
@pytest.mark.parametrize("text", LIGHT)
def test_no_data_makes_a_light_program_slow(text: str, kind: str) -> None:
    program = cel.compile(text)
    assert program.light
    document = Document(json.dumps({"body": HOSTILE_DATA[kind]}).encode())

    def ask() -> None:
        with contextlib.suppress(EvaluationError):
            program(document, CONTEXT)

    assert cpu_seconds(ask) < BOUNDED


def test_data_that_is_too_deep_is_an_error() -> None:
    document = Document(b'{"body":' + b"[" * 5000 + b"]" * 5000 + b"}")
    with pytest.raises(EvaluationError, match="nested"):
        cel.compile("body == body")(document, CONTEXT)


def test_wide_data_is_not_deep() -> None:
    assert ask("body.size() == 2000", {"body": [[]] * 2000})


@pytest.mark.parametrize("text", [b'{"body":"\\ud800"}', b'{"body":"\xff"}', b'{"\\udfff":1,"body":"x"}', b"[]", b"1"])
def test_odd_data_raises_nothing_of_its_own(text: bytes) -> None:
    assert cel.compile("body == 'y' || size(data) == 9 || true")(Document(text), CONTEXT)


def test_the_library_ends_endless_loops() -> None:
    with pytest.raises(EvaluationError, match="budget"):
        ask("body.all(a, body.all(b, a + b > 0))", {"body": [1] * 1000})
