"""What every forge must do with a delivery, as a test class to inherit; and small helpers of the event source tests."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from eventbus.interface import Stored
from events.errors import Rejected
from events.models.base import parse
from events.models.event import Event
from events.models.eventsource import EventSource
from events.secrets import Key, Vault
from eventsource.delivery import Delivery, canonical
from eventsource.listener import Listener
from eventsource.sources import Sources

SECOND = 1_000_000_000
NOW = 1_700_000_000


def delivery(body: bytes, headers: dict[str, str], *, method: str = "POST", query: str = "") -> Delivery:
    fields = tuple((canonical(name), value) for name, value in headers.items())
    return Delivery(method, "/hook", fields, body, query, NOW * SECOND)


def sources(spec: dict[str, Any], secrets: dict[str, bytes] | None = None, *, name: str = "es") -> Sources:
    vault: dict[Key, bytes] = {("secret", "ns", "s", key): value for key, value in (secrets or {}).items()}
    return Sources([parse(EventSource, {"metadata": {"name": name, "namespace": "ns"}, "spec": spec})], Vault(vault))


def listener(kind: str, config: dict[str, Any], secrets: dict[str, bytes] | None = None) -> Listener:
    compiled = sources({kind: {"hook": config}}, secrets)
    assert not compiled.errors
    return compiled.listeners[0]


def sha256(key: bytes, body: bytes) -> str:
    return "sha256=" + hmac.new(key, body, "sha256").hexdigest()


class MemoryBus:
    """A bus that is a list, and knows an id when it sees it again."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.events: list[Event] = []

    async def publish(self, event: Event, *, delivery_id: str = "") -> Stored:
        if self.error is not None:
            raise self.error
        duplicate = any(known.id == event.id for known in self.events)
        if not duplicate:
            self.events.append(event)
        return Stored(len(self.events), duplicate)


class ForgeContract:
    """Inherit, and say how a genuine delivery looks."""

    kind: str
    config: dict[str, Any]
    """Without a filter; the secret is the Secret ``s``, key ``now``."""
    signature: str
    """The header that proves the sender."""
    key = b"first secret of the tests"
    other = b"second secret of the tests"
    body = b'{"action": "opened", "number": 7}'

    def headers(self, key: bytes, body: bytes) -> dict[str, str]:
        """The headers of a genuine delivery with the id ``d-1``."""
        raise NotImplementedError

    def receive(self, headers: dict[str, str], body: bytes | None = None, **secrets: bytes) -> Any:
        chosen = {"now": self.key, **{name.replace("_", "-"): value for name, value in secrets.items()}}
        return listener(self.kind, self.config, chosen).receive(delivery(self.body if body is None else body, headers))

    def refused(self, headers: dict[str, str], body: bytes | None = None) -> None:
        with pytest.raises(Rejected) as caught:
            self.receive(headers, body)
        assert caught.value.status == 401
        told = f"{caught.value} {caught.value.reason}"
        assert self.key.decode() not in told
        sent = headers.get(self.signature, "")
        assert len(sent) < 20 or sent not in told

    def test_a_genuine_delivery_becomes_one_event(self) -> None:
        received = self.receive(self.headers(self.key, self.body))
        assert [event.type for event in received.events] == [self.kind]
        assert b'"number":7' in received.events[0].data

    def test_a_changed_body_is_refused(self) -> None:
        self.refused(self.headers(self.key, self.body), self.body.replace(b"7", b"8"))

    def test_a_missing_signature_is_refused(self) -> None:
        headers = self.headers(self.key, self.body)
        del headers[self.signature]
        self.refused(headers)

    @pytest.mark.parametrize("length", [0, 1, 6, 7, 20])
    def test_a_truncated_signature_is_refused(self, length: int) -> None:
        headers = self.headers(self.key, self.body)
        self.refused({**headers, self.signature: headers[self.signature][:length]})

    def test_a_signature_with_more_behind_it_is_refused(self) -> None:
        headers = self.headers(self.key, self.body)
        self.refused({**headers, self.signature: headers[self.signature] + "0"})

    def test_a_signature_by_somebody_else_is_refused(self) -> None:
        self.refused(self.headers(self.other, self.body))

    def test_a_signature_that_is_no_text_is_refused(self) -> None:
        self.refused({**self.headers(self.key, self.body), self.signature: "sha256=\udcff\u00e9"})

    def test_during_a_rotation_either_key_will_do(self) -> None:
        for key in (self.key, self.other):
            assert self.receive(self.headers(key, self.body), now=self.key, now_previous=self.other).events

    def test_a_redelivery_is_the_same_event(self) -> None:
        headers = self.headers(self.key, self.body)
        first, again = self.receive(headers), self.receive({**headers, "X-Attempt-Number": "2"})
        assert first.ids == again.ids

    def test_without_a_delivery_id_the_body_tells(self) -> None:
        headers = {k: v for k, v in self.headers(self.key, self.body).items() if v != "d-1"}
        if "webhook-timestamp" in headers:
            return  # there the id is signed, and cannot be missing
        other = self.body.replace(b"7", b"9")
        changed = {k: v for k, v in self.headers(self.key, other).items() if v != "d-1"}
        assert self.receive(headers).ids == self.receive(headers).ids
        assert self.receive(headers).ids != self.receive(changed, other).ids

    def test_a_body_that_is_no_json_is_refused_as_malformed(self) -> None:
        for body in (b"", b"{", b'{"a":1} x', b"[" * 10_000):
            with pytest.raises(Rejected) as caught:
                self.receive(self.headers(self.key, body), body)
            assert caught.value.status == 400

    def test_a_missing_secret_is_an_error_at_start(self) -> None:
        (error,) = sources({self.kind: {"hook": self.config}}).errors
        assert error.reason == "SecretMissing"

    def test_an_empty_secret_is_an_error_at_start(self) -> None:
        (error,) = sources({self.kind: {"hook": self.config}}, {"now": b"\n"}).errors
        assert error.reason == "SecretEmpty"
