"""What lies on the bus may have been written by anybody."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from events.errors import EvaluationError
from events.models.event import Event

GOOD = {"specversion": "1.0", "id": "a", "source": "es", "type": "webhook", "subject": "push", "data_base64": "e30="}


@pytest.mark.parametrize(
    "other",
    [
        {"id": 1},
        {"id": None},
        {"id": {}},
        {"source": {"a": 1}},
        {"source": ["es"]},
        {"type": False},
        {"subject": 7},
        {"time": 1.5},
        {"datacontenttype": ["text/plain"]},
        {"data_base64": 5},
        {"data_base64": "é"},
    ],
    ids=str,
)
def test_an_attribute_that_is_no_text_makes_it_no_event(other: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError, match="not a CloudEvent"):
        Event.from_json(orjson.dumps({**GOOD, **other}))


@pytest.mark.parametrize("name", ["subject", "time", "datacontenttype", "traceparent"])
def test_an_attribute_that_is_null_is_absent(name: str) -> None:
    event = Event.from_json(orjson.dumps({**GOOD, name: None}))
    assert getattr(event, name) == ""


@pytest.mark.parametrize("tokens", ['"s3cr3t"', '"s3\\"],cr3t"', '"s3cr3t","s3cr3t"'])
def test_what_people_see_has_no_token(tokens: str) -> None:
    text = '{"headers":{"X-A":["s"],"X-Gitlab-Token":[%s]},"body":{"text":"\\"X-Gitlab-Token\\":[\\"x\\"]"}}'
    event = Event(id="a", source="es", type="gitlab", subject="push", time="", data=(text % tokens).encode())
    assert event.shown.decode() == text % '"***"'
    assert event.data != event.shown
