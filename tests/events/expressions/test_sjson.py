import json
from typing import Any

import pytest

from events.errors import EvaluationError
from events.expressions import sjson


@pytest.mark.parametrize(
    ("text", "path", "want"),
    [
        ('{"a":1}', "a", '{"a":"V"}'),
        ('{ "a" : 1 , "b":2}', "a", '{ "a" : "V" , "b":2}'),
        ('{"a":1}', "b", '{"a":1,"b":"V"}'),
        ("", "a.b", '{"a":{"b":"V"}}'),
        ("", "0", '["V"]'),
        ("", "-1", '{"-1":"V"}'),
        ("{}", "a.2", '{"a":[null,null,"V"]}'),
        ("{}", "a.-1.b", '{"a":[{"b":"V"}]}'),
        ("{}", "a..b", '{"a":[{"b":"V"}]}'),
        ("{}", "a.:1", '{"a":{"1":"V"}}'),
        ("{}", ":-1", '{"-1":"V"}'),
        ('{"a":[1, 2]}', "a.-1", '{"a":[1, 2,"V"]}'),
        ('{"a":[1, 2]}', "a.1", '{"a":[1, "V"]}'),
        ('{"a":[1, 2]}', "a.3", '{"a":[1,2,null,"V"]}'),
        ('{"a":{}}', "a.0", '{"a":{"0":"V"}}'),
        ('{"a":null}', "a.b", '{"a":{"b":"V"}}'),
        ('{"a":7}', "a.0", '{"a":["V"]}'),
        ("{}", "app\\.kubernetes\\.io/name", '{"app.kubernetes.io/name":"V"}'),
        ('{"a":[{"b":1},{"b":2},{"c":3}]}', "a.#.b", '{"a":[{"b":"V"},{"b":"V"},{"c":3}]}'),
        ('{"a":[{"b":1},{"b":2}]}', "a.#(b=2).b", '{"a":[{"b":1},{"b":"V"}]}'),
        ('{"a":[{"b":1},{"b":2}]}', "a.#(b>0)#.b", '{"a":[{"b":"V"},{"b":"V"}]}'),
        ('{"abc":1}', "a*", '{"abc":"V"}'),
        ('{"a":1}', "b*", '{"a":1}'),
        ('{"a":1}', "a|@this", '{"a":1}'),
        ('{"a":{"k\\"y":1}}', 'a.k"y', '{"a":{"k\\"y":"V"}}'),
        (' {"a":1} ', "b", '{"a":1,"b":"V"}'),
    ],
)
def test_a_string_is_written(text: str, path: str, want: str) -> None:
    assert sjson.set_value(text, path, "V") == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("a<b", '"a<b"'),
        ('"<', '"\\"\\u003c"'),
        ("é\u2028\n", '"é\\u2028\\n"'),
        ("\ud800", '"\ufffd"'),
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (1e21, "1000000000000000000000"),
        (0.1, "0.1"),
        ({"b": 1, "a": ["<"]}, '{"a":["\\u003c"],"b":1}'),
    ],
)
def test_a_value_is_written_as_go_writes_it(value: Any, want: str) -> None:
    assert sjson.set_value("{}", "v", value) == f'{{"v":{want}}}'


def test_raw_text_is_not_looked_at() -> None:
    assert sjson.set_raw('{"a":{}}', "a.b", "[1,") == '{"a":{"b":[1,}}'


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("{}", "", "V"),
        ("[1]", "a", "V"),
        ("[1]", ":1x", "V"),
        ("{}", "a.99999999999999999999", "V"),
        ("{}", "a.100001", "V"),
        ("{}", ".".join(["60000"] * 3), "V"),
        ("[" + "1," * 5000 + "1]", "#(>0)#", "V" * 10_000),
        ("{}", "a." * 2001, "V"),
        ("{}", "a", float("nan")),
        ("{}", "a", 10**400),
        ("{}", "a", object()),
    ],
)
def test_what_cannot_be_written_is_refused(text: str, path: str, value: Any) -> None:
    with pytest.raises(EvaluationError):
        sjson.set_value(text, path, value)


def test_a_long_path_makes_deep_values() -> None:
    depth = 900
    text = sjson.set_value("", "a.0." * depth + "a", 1)
    assert text == '{"a":[' * depth + '{"a":1}' + "]}" * depth
    assert json.loads(sjson.set_raw("{}", "a.b", "1")) == {"a": {"b": 1}}
