import json
from typing import Any

import pytest

from events.errors import Rejected
from tests.eventsource.suite import delivery, listener, sources

CONFIG = {"endpoint": "/hook", "port": "12000", "method": "POST"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def data(body: bytes, headers: dict[str, str], **more: Any) -> Any:
    method = more.get("method", "POST")
    (event,) = listener("webhook", {**CONFIG, "method": method}).receive(delivery(body, headers, **more)).events
    return json.loads(event.data)


def test_the_data_has_header_in_the_singular() -> None:
    assert data(b'{"a":1}', {"x-b": "1", "X-a": "2"}) == {"header": {"X-A": ["2"], "X-B": ["1"]}, "body": {"a": 1}}


def test_a_get_request_is_its_query() -> None:
    assert data(b"", {}, method="GET", query="a=1&b=%zz&a=2&c")["body"] == {"a": ["1", "2"], "c": [""]}


def test_a_form_is_lists_of_values() -> None:
    assert data(b"a+b=c%20d&x=1", FORM, query="q=1")["body"] == {"a b": ["c d"], "x": ["1"]}


@pytest.mark.parametrize("form", [b"a=%zz", b"a;b", b"%"])
def test_a_malformed_form_is_refused(form: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        data(form, FORM)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["Idempotency-Key", "webhook-id", "ce-id"])
def test_an_id_of_the_sender_counts(name: str) -> None:
    one = listener("webhook", CONFIG)
    assert len({one.receive(delivery(b"{}", {name: "d-1"})).ids[0] for _ in range(2)}) == 1


def test_two_equal_posts_are_two_events() -> None:
    one = listener("webhook", CONFIG)
    assert len({one.receive(delivery(b"{}", {})).ids[0] for _ in range(2)}) == 2


def test_bytes_that_are_no_text_stay_as_go_writes_them() -> None:
    (event,) = listener("webhook", CONFIG).receive(delivery(b'"\xff"', {"X-A": "\udcff<"})).events
    assert event.data == b'{"header":{"X-A":["\\ufffd\\u003c"]},"body":"\xff"}'


@pytest.mark.parametrize("method", ["", "post", "PUT"])
def test_a_method_that_is_never_served_is_a_warning(method: str) -> None:
    compiled = sources({"webhook": {"hook": {**CONFIG, "method": method}}})
    assert any(finding.path.endswith(".method") for finding in compiled.warnings)


def test_a_source_without_a_secret_is_a_warning() -> None:
    assert any("anybody can send" in finding.message for finding in sources({"webhook": {"hook": CONFIG}}).warnings)
