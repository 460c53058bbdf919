"""Selectors, durations and what is checked of TLS and credentials."""

from __future__ import annotations

import pytest

from events.errors import SpecError
from events.models.base import Spec, decode, parse
from events.models.kubernetes import PodTemplate, Quantity, ServicePort
from events.models.shared import (
    Backoff,
    BasicAuth,
    SASLConfig,
    Time,
    TLSConfig,
    check_backoff,
    check_basic_auth,
    check_sasl,
    check_tls,
)

SECRET = {"name": "n", "key": "k"}


class Held(Spec):
    time: Time | None = None
    size: Quantity = "1"


@pytest.mark.parametrize(
    ("raw", "nanoseconds"), [("10s", 10**10), (5, 5), ("1h30m", 5400 * 10**9), ("-1.5s", -15 * 10**8), ("0", 0)]
)
def test_a_backoff_starts_with_a_duration_or_nanoseconds(raw, nanoseconds):
    assert parse(Backoff, {"duration": raw}).duration == nanoseconds


@pytest.mark.parametrize("raw", ["bad", "10", "", "5 s", "300y", "99999999999h"])
def test_a_text_that_is_no_duration_fails_only_when_used(raw):
    backoff = parse(Backoff, {"duration": raw})
    with pytest.raises(SpecError):
        _ = backoff.duration
    assert [f.path for f in check_backoff(backoff, "b")] == ["b.duration"]


@pytest.mark.parametrize("raw", [True, 1.5, {}, [], 2**63])
def test_a_duration_of_another_type_is_refused(raw):
    assert decode(Backoff, {"duration": raw})[0] is None


def test_a_factor_may_be_any_json_but_is_a_number():
    assert [f.path for f in check_backoff(parse(Backoff, {"factor": "2", "jitter": True}), "b")] == [
        "b.factor",
        "b.jitter",
    ]
    assert not check_backoff(parse(Backoff, {"factor": 2, "jitter": 0.2}), "b")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2026-01-31T12:00:00Z", True),
        ("2026-01-31T12:00:00.123456789+02:00", True),
        ("2026-01-31T2:00:00Z", True),
        ("2024-02-29T00:00:00Z", True),
        ("2026-02-29T00:00:00Z", False),
        ("2026-01-31", False),
        ("2026-01-31T24:00:00Z", False),
        ("2026-01-31T12:00:00", False),
        ("bad", False),
        ("", False),
    ],
)
def test_times_are_rfc3339(text, valid):
    assert (decode(Held, {"time": text})[0] is not None) is valid


@pytest.mark.parametrize(
    ("raw", "valid"),
    [("10Gi", True), (5, True), ("1.5", True), ("1e3", True), ("x", False), ("", False), (True, False)],
)
def test_quantities(raw, valid):
    assert (decode(Held, {"size": raw})[0] is not None) is valid


@pytest.mark.parametrize(
    ("raw", "valid"),
    [
        (None, True),
        ({}, False),
        ({"enabled": True}, True),
        ({"insecureSkipVerify": True, "clientKeySecret": SECRET}, True),
        ({"caCertSecret": SECRET}, True),
        ({"clientCertSecret": SECRET}, False),
        ({"clientKeySecret": SECRET, "enabled": True}, False),
        ({"clientCertSecret": SECRET, "clientKeySecret": SECRET}, True),
    ],
)
def test_tls_needs_something_to_trust_or_to_show(raw, valid):
    assert (not check_tls(parse(TLSConfig, raw) if raw is not None else None, "tls")) is valid


def test_credentials_come_in_pairs():
    assert not check_basic_auth(None, "auth")
    half = parse(BasicAuth, {"username": SECRET})
    assert [f.path for f in check_basic_auth(half, "auth")] == ["auth.password"]
    assert not check_sasl(parse(SASLConfig, {"userSecret": SECRET, "passwordSecret": SECRET}), "sasl")
    odd = parse(SASLConfig, {"mechanism": "PLAINS", "userSecret": SECRET})
    assert [f.path for f in check_sasl(odd, "sasl")] == ["sasl.mechanism", "sasl"]


def test_a_number_as_environment_value_is_found():
    _, findings = decode(PodTemplate, {"container": {"env": [{"name": "A", "value": 5}]}}, "spec.template")
    assert [f.path for f in findings] == ["spec.template.container.env[0].value"]
    assert decode(ServicePort, {"port": "80"})[0] is None
    assert decode(ServicePort, {"port": 80, "targetPort": "http"})[0] is not None
