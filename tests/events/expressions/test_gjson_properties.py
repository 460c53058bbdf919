"""What holds for any path and any document."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import EvaluationError
from events.expressions import gjson, sjson
from events.expressions.document import Document

NAMES = st.sampled_from(["a", "b", "c", "0", "1", "", "a.b", "x*", "é", '"', "\\", "@this"])
SPACES = st.sampled_from(["", "", " ", "\n\t"])
NUMBERS = [
    "0",
    "-0",
    "7",
    "-3",
    "1.0",
    "1.5e3",
    "1e21",
    "0.1",
    "9223372036854775808",
    "18446744073709551616",
    "123456789012345678901",
    "-0.0",
]
STRINGS = [
    '"x"',
    '""',
    '"\\u0061"',
    '"\\""',
    '"\\u0022"',
    '"é<&>"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"{[1]"',
    '"a\\nb\\/"',
    '":"',
]
SCALARS = st.sampled_from([*NUMBERS, *STRINGS, "true", "false", "null"])


def _escaped(name: str) -> str:
    return "".join("\\" + char if char in ".*?|#@\\!{}[]()" else char for char in name)


def _texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Containers as people write them: spaces anywhere, names twice, names with needless escapes."""
    name = st.one_of(
        NAMES.map(json.dumps), NAMES.map(lambda n: json.dumps(n, ensure_ascii=False)), st.just('"\\u0061"')
    )
    member = st.tuples(name, SPACES, SPACES, inner, SPACES).map(lambda m: f"{m[0]}{m[1]}:{m[2]}{m[3]}{m[4]}")
    objects = st.lists(member, max_size=4).map(lambda members: f"{{{','.join(members)}}}")
    lists = st.tuples(SPACES, st.lists(inner, max_size=4)).map(lambda t: f"[{t[0]}{(',' + t[0]).join(t[1])}]")
    return st.one_of(objects, lists)


TEXTS = st.recursive(SCALARS, _texts, max_leaves=20)
PLAIN_PATHS = st.lists(
    st.one_of(NAMES.map(_escaped), st.sampled_from(["0", "1", "2", "00"])), min_size=1, max_size=4
).map(".".join)
PIECES = [
    "a",
    "b",
    "0",
    "#",
    ".",
    ".",
    "|",
    "*",
    "?",
    "\\",
    "#(a>1)#",
    "#(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "!",
    "@keys",
    "@dig:a",
    "@tostr",
]
ODD_PATHS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ANY_PATHS = st.one_of(PLAIN_PATHS, ODD_PATHS, st.text(max_size=20))


def _all_of(result: gjson.Result) -> list[Any]:
    return [result.exists, result.type, result.raw, result.string(), result.number(), result.boolean(), result.value()]


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.one_of(PLAIN_PATHS, ODD_PATHS))
def test_the_parsed_document_answers_as_the_scan(text: str, path: str) -> None:
    assert repr(_all_of(Document(text.encode()).get(path))) == repr(_all_of(gjson.get(text, path)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=30), st.text('{}[]":,\\ 1atrn', max_size=30)), ANY_PATHS)
def test_nothing_is_an_error(text: str, path: str) -> None:
    data = text.encode(errors="surrogatepass")
    _all_of(gjson.get(text, path))
    _all_of(Document(data).get(path))
    for value in ("V", {"a": [1]}):
        try:
            written = sjson.set_value(text, path, value)
        except EvaluationError:
            continue
        written.encode()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_document(data: bytes) -> None:
    document = Document(data)
    assert document.valid in (True, False)
    _all_of(document.get("a.0"))


@settings(max_examples=300, deadline=None)
@given(
    TEXTS.filter(lambda text: text[0] in "{["),
    PLAIN_PATHS.filter(lambda path: all(path.split("."))),
    st.text(max_size=8),
)
def test_what_is_set_is_got(text: str, path: str, value: str) -> None:
    try:
        written = sjson.set_value(text, path, value)
    except EvaluationError:  # a name in a list
        return
    assert Document(written.encode()).valid
    assert gjson.get(written, path).string() == value
