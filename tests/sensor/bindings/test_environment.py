"""What expressions see of an event."""

from __future__ import annotations

import math

import pytest

from events.errors import EvaluationError
from sensor.bindings.environment import Environment, decode_payload


def test_only_headers_that_begin_with_x_are_seen() -> None:
    metadata = {"x-github-event": ["push"], "authorization": ["Bearer s"], "xx-a": ["no"], "x-": ["dash"], "x": ["no"]}

    environment = Environment(event_id="1", namespace="ci", metadata=metadata)

    assert environment.names["metadata"] == {"x-github-event": ["push"], "x-": ["dash"]}


def test_there_are_exactly_four_names() -> None:
    environment = Environment(event_id="1", namespace="ci", discriminator="d", payload=[1])

    assert environment.names == {"namespace": "ci", "discriminator": "d", "metadata": {}, "payload": [1]}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (None, None),
        (b"", None),
        (b"null", None),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"9007199254740993", 9007199254740992.0),
        (b'{"a":[-9007199254740993,"9007199254740993"]}', {"a": [-9007199254740992.0, "9007199254740993"]}),
        (b'"\xff"', "\ufffd"),
    ],
)
def test_numbers_are_those_of_float64(data: bytes | None, value: object) -> None:
    assert decode_payload(data) == value


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, decode_payload(b"-0")) == -1


@pytest.mark.parametrize("data", [b"{", b"1e400", b"[" * 5000 + b"]" * 5000, b"NaN"])
def test_what_is_no_payload_is_an_evaluation_error(data: bytes) -> None:
    with pytest.raises(EvaluationError):
        decode_payload(data)
