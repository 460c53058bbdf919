import pytest

from events.expressions import gjson
from sensor.gjson_paths import advise_path

DATA = '{"body":{"x":[{"x":1}],"a-b":{"c":"["},"ref":"a"},"header":{"X-A":["b"]}}'


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("body.#(x==1", "'(' is not closed"),
        ('body.x.#(c=="b)', "'(' is not closed"),
        ("{a,b", "'{' is not closed"),
        ("body.[x,ref", "'[' is not closed"),
        ("body.@nomod", "no modifier '@nomod'"),
        ("@revers", "did you mean 'reverse'?"),
        ("$.body.x[0]", "did you mean 'body.x.0'?"),
        ("body.x[0].x", "did you mean 'body.x.0.x'?"),
        (".body.x", "did you mean 'body.x'?"),
    ],
)
def test_a_path_that_finds_nothing_is_told(path: str, words: str) -> None:
    (finding,) = advise_path(path, "here")
    assert (finding.severity, finding.path) == ("warning", "here")
    assert finding.message.startswith("finds nothing: ")
    assert words in f"{finding.message} {finding.hint}"
    assert not gjson.get(DATA, path).exists


@pytest.mark.parametrize(
    "path",
    [
        "",
        "body",
        "body.x.0.x",
        "body.x.#(x==1)#.x",
        'body.x.#(x=="(")',
        "body.x.#.x",
        "{body.x,header}",
        "[body.ref,{header}]",
        "body|@this",
        'body.@pretty:{"sortKeys":true}',
        "header.X-A.0",
        "..#.body",
        r"body.a\.b",
        "body.$x",
        "body.x(1",
        '!"a"',
        "body.a*",
    ],
)
def test_any_other_path_is_not(path: str) -> None:
    assert advise_path(path, "here") == []
