import pytest

from events.errors import EvaluationError
from events.expressions.document import Document


@pytest.mark.parametrize(
    "data",
    [
        b' {"a": [1, -0.5e+3, "\\u00e9\\/"]}\n',
        b"7",
        b'"\\ud800"',
        b'["\xff"]',
        b"[1e400]",
        b"[" * 12_000 + b"]" * 12_000,
        b'{"a":[' * 3000 + b" [ ] , { } " + b"]}" * 3000,
    ],
)
def test_what_go_accepts_is_valid(data: bytes) -> None:
    assert Document(data).valid


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b'{"a":1,}',
        b"01",
        b"1.",
        b"-",
        b"nul",
        b"NaN",
        b'"\t"',
        b'"\\x"',
        b"1 2",
        b"[1 2]",
        b'{"a" 1}',
        b"{1:2}",
        b"[" * 2000,
        b"[" * 2000 + b"}" * 2000,
        b"[" * 2000 + b"1,]" + b"]" * 1999,
        b'{"a":' * 2000 + b"}" * 2000,
    ],
)
def test_what_is_not_json_is_invalid(data: bytes) -> None:
    document = Document(data)
    assert not document.valid
    with pytest.raises(EvaluationError):
        _ = document.value


def test_the_value_is_what_scripts_see() -> None:
    assert Document(b'{"a":1,"b":1.5,"a":"last"}').value == {"a": "last", "b": 1.5}
    assert Document(b'["\\ud800\\u0041", "\\ud83d\\ude00", "\xe9"]').value == ["\ufffdA", "😀", "\ufffd"]


def test_deep_values_are_whole() -> None:
    value = Document(b'[{"a":' * 3000 + b'[1,"x",true,null,1e400]' + b"}]" * 3000).value
    for _ in range(3000):
        value = value[0]["a"]
    assert value == [1, "x", True, None, float("inf")]


@pytest.mark.parametrize(
    ("data", "path", "want"),
    [
        (b'{"a":1,"a":2}', "a", "1"),
        (b'{"a":"\\u0022","a":2}', "a", '"'),
        (b'{"a":"\\"","b":{"c":1,"c":"\\u0022\\u0022"}}', "b.c", "1"),
        (b'{"a":-0}', "a", "-0"),
        (b'{"a":[18446744073709551616]}', "a.0", "18446744073709551616"),
        (b'{"a" : { "b" : 1 } }', "a", '{ "b" : 1 }'),
        (b'{"a":{"b":1.0}}', "a", '{"b":1.0}'),
        (b'{"a":"\xff"}', "a", "\ufffd"),
        (b'"x{\\"a\\":1}"', "a", None),
        (b'"[7]"', "0", "7"),
        (b'{"a":[1]}', "a.\\0", None),
    ],
)
def test_paths_read_the_text_even_where_the_value_differs(data: bytes, path: str, want: str | None) -> None:
    result = Document(data).get(path)
    assert (result.string() if result.exists else None) == want
