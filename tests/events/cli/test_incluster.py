from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from eventbus.interface import Address, Tls
from eventbus.stream import OURS, THEIRS
from events.cli.incluster import BusFile, pod_options, read_bus, read_object
from events.errors import SpecError
from events.models.eventsource import EventSource
from events.secrets import Vault

CONFIG = {
    "url": "nats://eventbus-default-js-svc.ns.svc:4222",
    "accessSecret": {"name": "auth", "key": "client-auth"},
    "streamConfig": "maxage: 24h\nreplicas: 3\n",
    "tls": {"caCertSecret": {"name": "auth", "key": "ca.crt"}},
}
VAULT = Vault(
    {
        ("secret", "ns", "auth", "client-auth"): b"username: me\npassword: let me in\n",
        ("secret", "ns", "auth", "ca.crt"): b"PEM",
    }
)


def bus_file(tmp_path: Path, **fields: Any) -> BusFile:
    path = tmp_path / "bus.json"
    path.write_text(json.dumps({"name": "default", "ours": True, "config": {"jetstream": CONFIG}, **fields}))
    return read_bus(path)


@pytest.mark.parametrize(
    ("said", "level"), [("debug", "debug"), ("WARN", "warning"), ("Error", "error"), ("trace", "info"), ("", "info")]
)
def test_a_level_that_nobody_knows_keeps_no_pod_from_running(said: str, level: str) -> None:
    @click.command
    @pod_options
    def command(log_level: str, **_: Any) -> None:
        click.echo(log_level)

    assert CliRunner().invoke(command, env={"LOG_LEVEL": said}).output == f"{level}\n"


def test_a_bus_of_ours_is_reached_with_the_credentials_of_the_mounted_secret(tmp_path: Path) -> None:
    address = bus_file(tmp_path).address("ns", VAULT)
    assert address == Address(CONFIG["url"], "me", "let me in", tls=Tls(ca="PEM"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("ours", "base"), [(True, OURS), (False, THEIRS)])
def test_a_stream_of_ours_drops_nothing_and_one_of_others_is_as_they_say(tmp_path: Path, ours: bool, base: Any) -> None:
    stream, findings = bus_file(tmp_path, ours=ours).stream()
    assert (stream.max_age, stream.replicas, stream.discard, stream.trimmed) == (86400, 3, base.discard, base.trimmed)
    assert not findings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no object"),
        ('{"config": {"kafka": {"url": "k:9092"}}}', "names no JetStream bus"),
        ('{"config": {"jetstream": {"url": 1}}}', "must be a string"),
    ],
)
def test_a_bus_file_that_cannot_be_used_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bus.json").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_bus(tmp_path / "bus.json")


def test_an_object_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"object\.json cannot be read: No such file"):
        read_object(tmp_path / "object.json", EventSource)
