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
