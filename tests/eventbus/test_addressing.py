"""What manifests say of a bus."""

from typing import Any

import pytest

from eventbus.addressing import (
    UNVERIFIED,
    exotic_address,
    read_credentials,
    read_stream_config,
    read_tls,
    read_url,
)
from eventbus.interface import Address, Tls
from eventbus.stream import OURS, THEIRS
from events.errors import SpecError
from events.models.base import parse
from events.models.shared import TLSConfig


def test_without_a_stream_config_a_bus_of_others_has_no_limits() -> None:
    settings, findings = read_stream_config("", THEIRS)
    assert (settings, findings) == (THEIRS, [])
    asked = settings.request()
    assert (asked["max_msgs"], asked["max_bytes"], asked["max_age"], asked["num_replicas"]) == (-1, -1, 0, 1)
    assert (asked["discard"], asked["retention"], "duplicate_window" in asked) == ("old", "limits", False)


@pytest.mark.parametrize("write", [str, str.lower, str.upper])
def test_keys_are_read_in_any_case(write: Any) -> None:
    text = "maxMsgs: 50000\nmaxAge: 168h\nmaxBytes: -1\nreplicas: 3\nduplicates: 300s\nretention: 1\ndiscard: 1\n"
    lines = (line.partition(":") for line in text.splitlines())
    settings, findings = read_stream_config("".join(f"{write(k)}:{v}\n" for k, _, v in lines), THEIRS)
    assert not findings
    assert (settings.max_msgs, settings.max_age, settings.max_bytes, settings.replicas) == (50000, 604800, -1, 3)
    assert (settings.duplicates, settings.retention, settings.discard) == (300, "interest", "new")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('maxMsgs: "7"', "max_msgs", 7),
        ("maxMsgs: 0", "max_msgs", -1),
        ("maxAge: 5000000000", "max_age", 5),
        ('maxAge: "5000000000"', "max_age", 5),
        ("maxAge: 1h30m", "max_age", 5400),
        ("replicas: 0", "replicas", 1),
        ("retention: 2", "retention", "workqueue"),
        ("discard: 0", "discard", "old"),
    ],
)
def test_values_are_read_as_the_reference_reads_them(text: str, field: str, value: Any) -> None:
    settings, findings = read_stream_config(text, OURS)
    assert (getattr(settings, field), findings) == (value, [])


@pytest.mark.parametrize(
    ("text", "severity", "words"),
    [
        ("maxAge: 7d", "warning", "maxAge: '7d' is not a duration"),
        ("maxMsgs: many", "warning", "maxMsgs: 'many' is no number"),
        ("maxMsgs: .inf", "warning", "maxMsgs: inf is no number"),
        ("maxMsgs: [1]", "warning", "is no number"),
        ("colour: red", "warning", "unknown setting 'colour'"),
        ("retention: 3", "error", "3 is none of 0 (limits)"),
        ("discard: -1", "error", "-1 is none of 0 (old)"),
        ("- a", "error", "must be a mapping"),
        ("a: [", "error", ""),
    ],
)
def test_what_cannot_be_read_is_told_and_counts_as_absent(text: str, severity: str, words: str) -> None:
    settings, findings = read_stream_config(text, OURS)
    assert settings == OURS
    assert [finding.severity for finding in findings] == [severity]
    assert words in findings[0].message


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        (b"username: u\npassword: p", ("u", "p", "")),
        (b"Username: u\nPASSWORD: '12'", ("u", "12", "")),
        (b"token: t", ("", "", "t")),
    ],
)
def test_an_access_secret_is_yaml(text: bytes, credentials: tuple[str, str, str]) -> None:
    assert read_credentials(text) == credentials


@pytest.mark.parametrize("text", [b"hunter2", b"", b"password: hunter2", b"a: [hunter2", b"\xff"])
def test_an_access_secret_without_credentials_is_refused_without_quoting_it(text: bytes) -> None:
    with pytest.raises(SpecError, match="no credentials") as caught:
        read_credentials(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("nats://host", Address("nats://host:4222")),
        ("host:1", Address("nats://host:1")),
        ("tls://[::1]:1", Address("tls://[::1]:1")),
        ("nats://u:p%40@host", Address("nats://host:4222", "u", "p@")),
        ("nats://tok@host", Address("nats://host:4222", token="tok")),
    ],
)
def test_credentials_do_not_stay_in_a_url(url: str, address: Address) -> None:
    assert read_url(url) == address


@pytest.mark.parametrize("url", ["", "nats://", "http://host", "nats://u:hunter2@", "nats://host:port", "nats://["])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_url(url)
    assert "hunter2" not in str(caught.value)


def test_an_exotic_bus_may_name_several_servers() -> None:
    address = exotic_address("nats://a, nats://b:1,", b"token: t", None)
    assert address == Address("nats://a:4222,nats://b:1", token="t", tls=UNVERIFIED)
    with pytest.raises(SpecError):
        exotic_address(" ,", None, None)


def test_certificates_come_from_secrets() -> None:
    values = {("s", "ca"): b"CA", ("s", "crt"): b"CRT", ("s", "key"): b"KEY"}
    config = {
        name: {"name": "s", "key": key}
        for name, key in {"caCertSecret": "ca", "clientCertSecret": "crt", "clientKeySecret": "key"}.items()
    }
    tls = read_tls(parse(TLSConfig, config), lambda name, key: values[name, key])
    assert tls == Tls("CA", "CRT", "KEY")
    assert "KEY" not in repr(tls)
    skipped = read_tls(parse(TLSConfig, {"insecureSkipVerify": True}), lambda name, key: values[name, key])
    assert (skipped.verify, skipped.required) == (False, True)
    del config["clientKeySecret"]
    with pytest.raises(SpecError, match="go together"):
        read_tls(parse(TLSConfig, config), lambda name, key: values[name, key])
