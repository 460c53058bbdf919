"""Which event takes a recorded delivery, and what its sources say of it, step by step."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.delivery import MASKED, Delivery
from eventsource.explain import Intake, explain, find
from eventsource.sources import Sources

SECRET = b"s3cret"
BODY = b'{"ref":"main"}'


def sources(**kinds: Any) -> Sources:
    raw = {"metadata": {"name": "es"}, "spec": kinds}
    found = Sources([parse(EventSource, raw)], Vault({("secret", "default", "n", "k"): SECRET}))
    assert found.errors == []
    return found


def hook(endpoint: str = "/push", port: str = "12000", **more: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "port": port, "method": "POST", **more}


def github(**more: Any) -> dict[str, Any]:
    repositories = [{"owner": "o", "names": ["r"]}]
    secret = {"webhookSecret": {"name": "n", "key": "k"}}
    return {"push": {"webhook": hook(), "repositories": repositories, "events": ["*"], **secret, **more}}


def delivery(body: bytes = BODY, **headers: str) -> Delivery:
    signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    fields = {
        "Content-Type": "application/json", "X-Github-Event": "push", "X-Github-Delivery": "d-1",
        "X-Hub-Signature-256": signature, **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    return Delivery("POST", "/push", tuple(fields.items()), body, received=10**18)


def explained(found: Sources, one: Delivery, *, verify: bool = True) -> Intake:
    return explain(find(found, "POST", "/push"), one, verify=verify)


def steps(intake: Intake) -> list[tuple[str, str]]:
    return [(step.name, step.outcome) for step in intake.steps]


def test_a_genuine_delivery_becomes_an_event() -> None:
    intake = explained(sources(github=github()), delivery())
    assert steps(intake) == [("receive", "passed"), ("verify", "passed"), ("convert", "passed")]
    assert "n/k" in intake.steps[1].reason
    [taken] = intake.taken
    assert taken.event is not None
    assert (intake.delivery_id, taken.filter, taken.event.id, taken.event.subject) == ("d-1", None, taken.id, "push")


def test_it_is_the_event_that_the_server_would_store() -> None:
    found = sources(github=github())
    [listener] = found.listeners
    assert [t.event for t in explained(found, delivery()).taken] == listener.receive(delivery()).events


def test_a_forged_delivery_ends_there_unless_nobody_asks() -> None:
    forged = delivery(X_Hub_Signature_256="sha256=00")
    intake = explained(sources(github=github()), forged)
    assert steps(intake) == [("receive", "passed"), ("verify", "refused")]
    assert (intake.steps[1].status, intake.steps[1].reason) == (401, "the signature does not match")
    assert intake.taken == ()

    intake = explained(sources(github=github()), forged, verify=False)
    assert steps(intake) == [("receive", "passed"), ("verify", "skipped"), ("convert", "passed")]
    assert len(intake.taken) == 1


@pytest.mark.parametrize(
    ("one", "step", "status"),
    [
        (delivery(b" " * (1 << 20) + b"1"), "receive", 413),
        (delivery(Content_Encoding="gzip"), "receive", 415),
        (delivery(b"no json"), "convert", 400),
        (delivery(Content_Type="text/plain"), "convert", 400),
    ],
)
def test_what_the_server_refuses_is_refused_at_its_step(one: Delivery, step: str, status: int) -> None:
    last = explained(sources(github=github()), one).steps[-1]
    assert (last.name, last.outcome, last.status) == (step, "refused", status)


def test_the_bearer_token_is_asked_for_and_masked() -> None:
    found = sources(webhook={"push": hook(authSecret={"name": "n", "key": "k"})})
    assert steps(explained(found, delivery(Authorization="Bearer x")))[-1] == ("verify", "refused")
    intake = explained(found, delivery(Authorization="Bearer s3cret"))
    assert steps(intake)[-1] == ("convert", "passed")
    assert intake.delivery.header("Authorization") == MASKED


@pytest.mark.parametrize(
    ("expression", "kind"), [("body.ref == 'main'", "passed"), ("body.ref == 'x'", "failed"), ("body.ref > 1", "error")]
)
def test_the_filter_of_the_source_is_told(expression: str, kind: str) -> None:
    [taken] = explained(sources(github=github(filter={"expression": expression})), delivery()).taken
    assert taken.filter is not None
    assert (taken.filter.kind, taken.event is not None) == (kind, kind == "passed")
    assert expression in taken.filter.clause


def test_the_path_decides_and_the_port_where_two_serve_it() -> None:
    found = sources(webhook={"a": hook(), "b": hook(port="13000"), "c": hook("/repo/{name}")})
    assert find(found, "POST", "/repo/x").listener.name == "c"
    assert find(found, "POST", "/push", 13000).listener.name == "b"
    assert find(found, "POST", "/repo/x", 4711).port == 12000, "a port before ours is of no account"
    with pytest.raises(SpecError, match="ports 12000 and 13000 both serve '/push'"):
        find(found, "POST", "/push")
    with pytest.raises(
        SpecError, match=r"nothing is served at '/pull' \(served: /push on port 12000, /push on port 13000"
    ):
        find(found, "POST", "/pull")
    with pytest.raises(SpecError, match="takes POST, not GET"):
        find(found, "GET", "/repo/x")


def test_without_a_path_the_only_event_takes_it() -> None:
    assert find(sources(webhook={"a": hook("/x/{y}")}), "POST", None).listener.name == "a"
    for found in (sources(webhook={"a": hook(), "b": hook("/b")}), sources()):
        with pytest.raises(SpecError, match="--to"):
            find(found, "POST", None)
