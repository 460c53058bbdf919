"""Names on the bus."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventbus import subjects
from events.errors import SpecError

NATS_NAME = re.compile(r"[^\s.*>/\\\x00-\x1f]{1,200}")


def test_an_event_has_the_subject_of_the_reference() -> None:
    assert subjects.subject("my-source", "push_2") == "default.my-source.push_2"
    assert subjects.subject("quelle", "größe") == "default.quelle.größe"


@pytest.mark.parametrize(
    "name", ["", "a.b", "a b", "*", ">", "a*", "a\tb", "a\nb", "a\x00", "a\u2028b", "\u200b", "\ud800", "x" * 5000]
)
def test_a_name_that_no_subject_can_carry_is_refused_by_name(name: str) -> None:
    with pytest.raises(SpecError, match="event name") as raised:
        subjects.subject("source", name)
    assert name[:40].encode("unicode_escape").decode()[:20] in str(raised.value) or not name
    with pytest.raises(SpecError, match="EventSource name"):
        subjects.subject(name, "event")


@given(st.text(), st.text(), st.text(), st.text())
def test_names_of_consumers_buckets_and_accounts_are_valid_and_tell_sensors_apart(
    a: str, b: str, c: str, d: str
) -> None:
    for make in (subjects.durable, subjects.bucket, subjects.account):
        assert NATS_NAME.fullmatch(make(a, b))
        assert (make(a, b) == make(c, d)) == ((a, b) == (c, d))


def test_names_are_readable() -> None:
    assert subjects.durable("argo-events", "webhook").startswith("sensor-argo-events-webhook-")
    assert subjects.account("argo-events", "default") == "argo-events__default"


@pytest.mark.parametrize("sensor", ["webhook", "sensor", "group-123", "default"])
def test_our_names_are_never_those_of_the_reference(sensor: str) -> None:
    """Its durables are ``group-<number>``; its bucket is the sensor's name, which holds no underscore."""
    assert not re.fullmatch(r"group-\d+", subjects.durable("ns", sensor))
    assert "_" in subjects.bucket("ns", sensor)


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_keys_are_valid_and_never_collide(one: list[str], two: list[str]) -> None:
    assert re.fullmatch(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*", subjects.key(*one))
    assert (subjects.key(*one) == subjects.key(*two)) == (one == two)


def test_plain_names_stay_readable_in_keys() -> None:
    assert subjects.key("trigger", "my-dep_1", "a.b=") == "trigger.my-dep_1.a=2Eb=3D"


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("default.*.*", "default.es.push", True),
        ("default.es.push", "default.es.push", True),
        ("default.es.*", "default.other.push", False),
        ("default.*", "default.es.push", False),
        ("default.>", "default.es.push", True),
        (">", "default", True),
        ("default.>", "default", False),
        ("other.>", "default.es.push", False),
    ],
)
def test_a_pattern_takes_the_subjects_that_the_server_would_take(pattern: str, subject: str, fits: bool) -> None:
    assert subjects.matches(pattern, subject) is fits
