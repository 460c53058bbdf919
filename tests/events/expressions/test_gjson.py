import math

import pytest

from events.expressions import gjson
from events.expressions.document import Document

STORE = """{
  "name": {"first": "Ann", "last": "Lee"}, "name": {"middle": "M"},
  "tags": ["red", "green", "blue"], "none": null, "yes": true, "no": false,
  "items": [
    {"id": 1, "price": 1.50, "of": ["a", "b"], "on": true},
    {"id": 2, "price": 1e3, "of": ["b"], "note": "a \\"quoted\\" {text}"},
    {"id": 12345678901234567890, "price": -0, "of": []}
  ],
  "a.b": "dotted", "1": "one", "tab\\u0065": "escaped name", "packed": "{\\"in\\":[1,2]}", "": "nameless"
}"""


def found(path: str, text: str = STORE) -> str | None:
    """The text of what a path finds, the same from the parsed document and from a scan; None for nothing."""
    parsed, scanned = Document(text.encode()).get(path), gjson.get(text, path)
    for result in (parsed, scanned):
        assert result.exists or result.raw == result.string() == ""
    assert (parsed.exists, parsed.type, parsed.raw) == (scanned.exists, scanned.type, scanned.raw)
    assert parsed.string() == scanned.string()
    return parsed.string() if parsed.exists else None


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("name.last", "Lee"),
        ("name.middle", "M"),  # the first "name" does not lead there
        ("name", '{"first": "Ann", "last": "Lee"}'),
        ("tags.1", "green"),
        ("tags.01", "green"),
        ("tags.18446744073709551617", "green"),  # 64 bits wrap around
        ("tags.3", None),
        ("tags.-1", None),
        ("tags.#", "3"),
        ("items.#.id", "[1,2,12345678901234567890]"),
        ("items.#.note.x", "[]"),
        ("a\\.b", "dotted"),
        ("1", "one"),
        ("table", None),
        ("tabe", "escaped name"),
        ("", "nameless"),
        ("none", ""),
        ("yes.x", None),
        ("missing", None),
        ("items.0.price", "1.5"),
        ("items.1.price", "1000"),
        ("items.2.price", "-0"),
        ("items.2.id", "12345678901234567890"),
        ("n*.fir?t", "Ann"),
        ("?ame.last", "Lee"),
        ("tags|1", "green"),
        ("items.#.of|0", '["a", "b"]'),
        ("items.#.of.0", '["a","b"]'),
        ("[tags.0,missing,yes]", '["red",true]'),
        ('{"first":name.first,tags.2,items.#}', '{"first":"Ann","2":"blue","_":3}'),
        ("name.[first,last]|1", "Lee"),
        ("[tags.0", "nameless"),  # brackets that do not close
        ('!{"a":1}.a', "1"),
        ("tags.!true", None),
        ("@this.tags.0", "red"),
        ("@unknown", None),
    ],
)
def test_a_path_finds(path: str, want: str | None) -> None:
    assert found(path) == want


@pytest.mark.parametrize(
    ("query", "want"),
    [
        ("#(id=2).price", "1000"),
        ("#(id==2).missing", None),
        ("#(price>1)#.id", "[1,2]"),
        ("#(price<=1.5)#.id", "[1,12345678901234567890]"),
        ("#(id!=1)#.id", "[2,12345678901234567890]"),
        ('#(note%"a *").id', "2"),
        ('#(note!%"a *")#', "[]"),
        ('#(note="a \\"quoted\\" {text}").id', "2"),
        ("#(on)#.id", "[1]"),
        ("#(on=~false)#.id", "[2,12345678901234567890]"),
        ("#(note=~*)#.id", "[2]"),
        ("#(note=~null)#.id", "[1,12345678901234567890]"),
        ('#(of.#(="b"))#.id', "[1,2]"),
        ("#(of.#>1)#.id", "[1]"),
        ("#[id=2].id", "2"),
        ("#(id>1)#|0.id", "2"),
        ("#(id>1", None),
        ("#(id>=false)#", "[" + STORE[STORE.index('{"id": 1') : STORE.rindex("\n  ],")].replace(",\n    ", ",") + "]"),
    ],
)
def test_a_query_finds(query: str, want: str | None) -> None:
    assert found(f"items.{query}") == want


@pytest.mark.parametrize(
    ("path", "text", "want"),
    [
        ("@reverse", "[1,[2,3], 4]", "[4,[2,3],1]"),
        ("@reverse", '{"a":1,"b":2}', '{"b":2,"a":1}'),
        ("@flatten", "[1,[ 2 ],[[3]],[]]", "[1,2,[3]]"),
        ('@flatten:{"deep":true}', "[1,[ 2 ],[[3]],[]]", "[1,2,3]"),
        ("@join", '[{"a":1,"b":1},7,{"a":2}]', '{"a":2,"b":1}'),
        ('@join:{"preserve":true}', '[{"a":1},{"a":2}]', '{"a":1,"a":2}'),
        ("@keys", '{"a":1,"\\u0062":2}', '["a","\\u0062"]'),
        ("@keys", "[1,2]", "[null,null]"),
        ("@values", '{"a":1,"b":[2]}', "[1,[2]]"),
        ("@values", "7", "[7]"),
        ("@tostr", '{"a":"<"}', '{"a":"<"}'),
        ("@tostr.@fromstr.a", '{"a":"<"}', "<"),
        ("a.@fromstr.b", '{"a":"{\\"b\\":1}"}', "1"),
        ("@valid.a", '{"a":1', None),
        ("@group", '{"a":[1,2],"b":[3],"c":4}', '[{"a":1,"b":3},{"a":2}]'),
        ("@dig:a", '{"a":{"a":1},"b":[{"a":2}]}', '[{"a":1},1,2]'),
        ("@ugly", '{ "a b" : [ 1 , 2 ] }', '{"a b":[1,2]}'),
        ("@ugly:x|a", '{"a":1}', "1"),
        ("@ugly:{}x|a", '{"a":1}', '{"a":1}'),
        ("..#.a", '{"a":1}\n{"a":2}\n', "[1,2]"),
        ("..1.a", '{"a":1}\n{"a":2}\n', "2"),
    ],
)
def test_a_modifier_makes(path: str, text: str, want: str | None) -> None:
    assert found(path, text) == want


@pytest.mark.parametrize(
    ("argument", "want"),
    [
        ("", '{\n  "b": [1, [2, 3]],\n  "a": [\n    {}\n  ]\n}\n'),
        (':{"sortKeys":true}', '{\n  "a": [\n    {}\n  ],\n  "b": [1, [2, 3]]\n}\n'),
        (':{"indent":"\\t","prefix":" x"}', '{\n \t"b": [1, [2, 3]],\n \t"a": [\n \t\t{}\n \t]\n }\n'),
        (':{"width":17}', '{\n  "b": [\n    1,\n    [2, 3]\n  ],\n  "a": [\n    {}\n  ]\n}\n'),
    ],
)
def test_pretty_writes_lines(argument: str, want: str) -> None:
    assert found("@pretty" + argument, '{"b":[1,[2,3]],"a":[{}]}') == want


@pytest.mark.parametrize(
    ("pattern", "text", "want"),
    [
        ("a*c", "abc", True),
        ("a*c", "ab", False),
        ("*a*a*", "ba", False),
        ("*a*a*", "bab?a", True),
        ("a**", "a", True),
        ("?", "é", True),
        ("?*?", "x", False),
        ("*?b", "aab", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a\\", "a\\", False),
        ("*\\", "a\\", True),
        ("ab*ba", "aba", False),
        ("a*?*c", "ac", False),
    ],
)
def test_a_glob_matches_the_whole_text(pattern: str, text: str, want: bool) -> None:
    quoted = text.replace("\\", "\\\\")
    assert (found(f'#(%"{pattern.replace(chr(92), chr(92) * 2)}")', f'["{quoted}"]') is not None) is want


@pytest.mark.parametrize(
    ("raw", "number", "boolean", "value"),
    [
        ('"1_0"', 10.0, False, "1_0"),
        ('"0x1p4"', 16.0, False, "0x1p4"),
        ('"T"', 0.0, True, "T"),
        ('"1"', 1.0, True, "1"),
        ('"-Inf"', -math.inf, False, "-Inf"),
        ("1e999", math.inf, True, math.inf),
        ("-2", -2.0, True, -2.0),
        ("true", 1.0, True, True),
        ("null", 0.0, False, None),
        ('{"a":1,"a":2,"b":[null]}', 0.0, False, {"a": 1.0, "b": [None]}),
        ('"\\ud800\\u0041\\udc00"', 0.0, False, "\ufffd\ufffd"),
        ('{"a":"\\ud83d\\ude00"}', 0.0, False, {"a": "😀"}),
    ],
)
def test_conversions_follow_go(raw: str, number: float, boolean: bool, value: object) -> None:
    for result in (gjson.get(f'{{"v":{raw}}}', "v"), Document(f'{{"v":{raw}}}'.encode()).get("v")):
        assert (result.raw, result.number(), result.boolean(), result.value()) == (raw, number, boolean, value)


BIG = 1 << 16
HOSTILE_PATHS = [
    "*" * BIG,
    "#" * BIG,
    "(" * BIG,
    "#(" * (BIG // 2),
    "[" * (BIG // 2) + "]" * (BIG // 2),
    "#." * (BIG // 2),
]
HOSTILE_PATHS += [
    "a." * (BIG // 2),
    "@tostr|" * (BIG // 7),
    "[" + "*," * (BIG // 2) + "]",
    '#(%"' + "*a" * (BIG // 2) + 'b")',
    "@pretty",
]
HOSTILE_TEXTS = [
    "[" * BIG,
    '{"a":' * (BIG // 10) + "1" + "}" * (BIG // 10),
    "[" + "1," * (BIG // 2) + "1]",
    '["' + "a" * BIG + '"]',
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=range(len(HOSTILE_PATHS)))
@pytest.mark.timeout(20)
def test_hostile_paths_and_texts_are_answered(path: str, text: str) -> None:
    result = gjson.get(text, path)
    assert isinstance(result.string(), str)
    assert result.exists or result.value() is None


def test_depth_is_no_limit_for_plain_paths() -> None:
    depth = 1500
    text = '{"a":' * depth + "7" + "}" * depth
    assert found(".".join(["a"] * depth), text) == "7"


def test_multipaths_nest_up_to_a_bound() -> None:
    assert found("[" * 40 + "a" + "]" * 40, '{"a":1}') == "[" * 40 + "1" + "]" * 40
    assert found("[" * 400 + "a" + "]" * 400, '{"a":1}') is None
