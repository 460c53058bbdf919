import pytest

from events.errors import EvaluationError, ExpressionError
from eventsource.filtering import prepare


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ('body.action == "opened" && body.number > 5', True),
        ("body.number == 7", True),
        ('headers["X-A"][0] == "b"', False),
        ('sprig.hasPrefix("op", body.action)', True),
    ],
)
def test_an_expression_decides_by_the_data(expression: str, kept: bool) -> None:
    assert prepare(expression)(b'{"headers":{"X-A":["a"]},"body":{"action":"opened","number":7}}') == kept


@pytest.mark.parametrize("data", [b'{"body":{}}', b'{"body":[1]}', b'{"body":{"a":1E400}}', b'{"body":{"a":"x"}}'])
def test_without_an_answer_it_is_an_error_of_this_event(data: bytes) -> None:
    with pytest.raises(EvaluationError):
        prepare("body.a")(data)


@pytest.mark.parametrize("expression", ["", "body.(", "1 +"])
def test_what_does_not_compile_is_an_error_at_start(expression: str) -> None:
    with pytest.raises(ExpressionError):
        prepare(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "nosuch(body)",
        "boddy.x == 1",
        "body.x == 1 && y",
        "1 + 1",
        "nil",
        '"x"',
        "[body]",
        "let x = 1; x",
        "body.a.{",
        " ",
    ],
)
def test_what_never_has_an_answer_is_an_error_at_start(expression: str) -> None:
    with pytest.raises(ExpressionError):
        prepare(expression, ("body", "header"))


@pytest.mark.parametrize(
    "expression",
    [
        "body",
        "body.x[1:]",
        "let x = body.a; x == asInt(body.b)",
        "any(body.c, {#.d == 1}) or all(body.c, .d == 1)",
        'header["X"] != nil ? sprig.empty(body.x) : false',
        "len(body.c) > 0 and now() != nil",
        "$env.body.x == 1",
        "true",
    ],
)
def test_what_depends_on_the_data_is_not(expression: str) -> None:
    prepare(expression, ("body", "header"))


def test_a_name_is_only_judged_where_the_names_are_known() -> None:
    assert prepare('kind == "a"')(b'{"kind":"a"}')
