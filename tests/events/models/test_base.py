"""How models decode: as Go's encoding/json, but strict where it is, and telling of what it ignores."""

from __future__ import annotations

import pytest
from pydantic import Field

from events.errors import SpecError
from events.models.base import Int32, Int32OrString, Json, Spec, decode, join_path, parse, required, unknown_fields


class Inner(Spec):
    text: str = ""
    items: list[str] = []


class Outer(Spec):
    event_name: str = ""
    count: Int32 = 0
    port: Int32OrString = 0
    truth: bool = False
    inner: Inner | None = None
    many: list[Inner] = []
    maybe: list[Inner | None] = []
    words: dict[str, str] = {}
    server_url: str = Field(default="", alias="serverURL")
    anything: Json = None


@pytest.mark.parametrize(
    "raw",
    [
        {"eventName": 5},
        {"count": "5"},
        {"count": 1.5},
        {"count": 2**31},
        {"count": True},
        {"port": 1.5},
        {"truth": "true"},
        {"truth": 1},
        {"inner": []},
        {"inner": "x"},
        {"many": {}},
        {"many": "x"},
        {"words": {"a": 1}},
        {"words": ["a"]},
        {"inner": {"items": [1]}},
        [],
        "x",
    ],
)
def test_a_value_of_another_type_is_an_error(raw):
    value, findings = decode(Outer, raw)
    assert value is None
    assert findings


@pytest.mark.parametrize(
    ("raw", "attribute", "value"),
    [
        ({"eventName": None}, "event_name", ""),
        ({"inner": None}, "inner", None),
        ({"many": [None]}, "many", [Inner()]),
        ({"maybe": [None]}, "maybe", [None]),
        ({"words": {"a": None}}, "words", {"a": ""}),
        ({"EVENTNAME": "x"}, "event_name", "x"),
        ({"ServerUrl": "u"}, "server_url", "u"),
        ({"EventName": "odd", "eventName": "later"}, "event_name", "later"),
        ({"eventName": "exact", "EventName": "later"}, "event_name", "later"),
        ({"event_name": "python's name"}, "event_name", ""),
        ({"count": -(2**31)}, "count", -(2**31)),
        ({"port": "http"}, "port", "http"),
        ({"anything": {"a": [None]}}, "anything", {"a": [None]}),
        (None, "event_name", ""),
    ],
)
def test_null_case_and_aliases_are_read_as_in_go(raw, attribute, value):
    assert getattr(parse(Outer, raw), attribute) == value


def test_an_error_names_the_field_and_what_was_expected():
    with pytest.raises(SpecError) as caught:
        parse(Outer, {"many": [{}, {"items": ["a", 7]}]}, "spec")
    assert caught.value.path == "spec.many[1].items[1]"
    assert caught.value.message == "must be a string, not the number 7"


def test_all_errors_are_found_at_once():
    _, findings = decode(Outer, {"eventName": 1, "count": "x"}, "spec")
    assert {f.path for f in findings} == {"spec.eventName", "spec.count"}


def test_unknown_fields_are_named_with_what_was_meant():
    outer = parse(Outer, {"evntName": "x", "inner": {"txt": 1}, "many": [{"Text": "y"}], "anything": {"zzz": 1}})
    assert [(f.path, f.hint or f.message) for f in unknown_fields(outer, "spec")] == [
        ("spec.evntName", "did you mean 'eventName'?"),
        ("spec.inner.txt", "did you mean 'text'?"),
        ("spec.many[0].Text", "a cluster's controller drops a field in the wrong case"),
    ]


def test_deep_values_are_refused_or_left_alone():
    deep: Json = {}
    for _ in range(900):
        deep = {"inner": deep}
    assert decode(Outer, {"inner": {"inner": deep}, "anything": deep})[0] is not None

    class Nested(Spec):
        nested: Nested | None = None

    chain: Json = {}
    for _ in range(900):
        chain = {"nested": chain}
    value, findings = decode(Nested, chain)
    assert value is None
    assert findings[0].message == "is nested too deeply"


def test_paths_escape_dots_in_names():
    assert join_path("spec", ("webhook", "a.b", 0)) == r"spec.webhook.a\.b[0]"
    assert [f.path for f in required("spec", a="", b="x", c=None)] == ["spec.a", "spec.c"]
