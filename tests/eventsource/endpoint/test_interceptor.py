import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from events.errors import Unavailable
from eventsource.delivery import Delivery, canonical
from eventsource.endpoint import clients
from eventsource.endpoint.clients import Clients
from eventsource.endpoint.interceptor import (
    MAX_BODY,
    Anonymous,
    Authorized,
    Forbidden,
    Matched,
    Outcome,
    Untouched,
    intercept,
    token_secret_name,
    which,
)

BODY = b"{}"
GITHUB = "type: github\nsecret: s1"
NOW = 1_700_000_000


def delivery(
    *headers: tuple[str, str], path: str = "/api/v1/events/ns/d", method: str = "POST", body: bytes = BODY
) -> Delivery:
    return Delivery(method, path, tuple((canonical(name), value) for name, value in headers), body)


def github(key: bytes = b"s1", body: bytes = BODY, **more: Any) -> Delivery:
    signature = hmac.new(key, body, "sha256").hexdigest()
    return delivery(
        ("X-GitHub-Event", "push"),
        ("X-Hub-Signature-256", f"sha256={signature}"),
        *more.pop("headers", ()),
        body=body,
        **more,
    )


def read(**entries: str) -> Clients:
    return clients.read({name: text.encode() for name, text in entries.items()})


@dataclass
class Cluster:
    """One namespace ``ns`` with a client, its account and its token."""

    entries: Clients | None = field(default_factory=lambda: read(sa=GITHUB))
    accounts: Mapping[str, Any] = field(default_factory=lambda: {"sa": {"metadata": {"name": "sa"}}})
    tokens: Mapping[str, str] = field(default_factory=lambda: {"sa.service-account-token": "t1"})
    asked: list[str] = field(default_factory=list)

    async def clients(self, namespace: str) -> Clients | None:
        self.asked.append(namespace)
        return self.entries if namespace == "ns" else None

    async def service_account(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        self.asked.append(name)
        return self.accounts.get(name)

    async def token(self, namespace: str, secret: str) -> str | None:
        self.asked.append(secret)
        return self.tokens.get(secret)


async def decide(request: Delivery, **cluster: Any) -> Outcome:
    return await intercept(request, Cluster(**cluster), NOW)


async def test_a_signed_request_gets_the_token_of_its_account() -> None:
    got = await decide(github(headers=[("X-GitHub-Delivery", "d-1")]))
    assert got == Authorized(Matched("sa", "github", "d-1"), "t1")
    assert "t1" not in repr(got)


@pytest.mark.parametrize("value", ["Bearer x", "", "junk"])
async def test_an_authorization_header_switches_clients_off(value: str) -> None:
    assert await decide(github(headers=[("authorization", value)]), entries=None) == Untouched()


@pytest.mark.parametrize(
    "request_",
    [
        github(method="GET"),
        github(method="PATCH"),
        github(path="/api/v1/events"),
        github(path="/api/v1/events/ns"),
        github(path="/API/v1/events/ns/d"),
        github(path="/api/v1/workflows/ns/submit"),
        github(path="/"),
    ],
    ids=lambda request: f"{request.method} {request.path}",
)
async def test_what_is_no_event_is_not_looked_at(request_: Delivery) -> None:
    cluster = Cluster()
    assert await intercept(request_, cluster, NOW) == Anonymous()
    assert cluster.asked == []


@pytest.mark.parametrize("path", ["/api/v1/events/ns/", "/api/v1/events/ns/a/b", "/api/v1/events/ns/d:v"])
async def test_any_discriminator_will_do(path: str) -> None:
    assert isinstance(await decide(github(path=path)), Authorized)


@pytest.mark.parametrize(
    "change",
    [
        {"entries": None},
        {"accounts": {}},
        {"tokens": {}},
        {"accounts": {"sa": {"metadata": {"name": "sa"}, "secrets": [{"name": ""}]}}},
        {
            "accounts": {"sa": {"metadata": {"name": "sa"}, "secrets": [{"name": "../../x"}]}},
            "tokens": {"../../x": "t"},
        },
    ],
    ids=lambda change: "-".join(change),
)
async def test_a_request_is_forbidden_when_its_client_cannot_act(change: dict[str, Any]) -> None:
    assert isinstance(await decide(github(), **change), Forbidden)


@pytest.mark.parametrize("name", ["..", ".", "../kube-system", "a/b", "A b", ""])
async def test_an_impossible_name_is_never_asked_for(name: str) -> None:
    cluster = Cluster(entries=read(**{name: GITHUB}), accounts={name: {"metadata": {"name": name}}})
    assert isinstance(await intercept(github(), cluster, NOW), Forbidden)
    assert cluster.asked == ["ns"]


@pytest.mark.parametrize("namespace", ["", ".", "..", "NS", "a b"])
async def test_an_impossible_namespace_is_never_asked_for(namespace: str) -> None:
    cluster = Cluster()
    assert isinstance(await intercept(github(path=f"/api/v1/events/{namespace}/d"), cluster, NOW), Forbidden)
    assert cluster.asked == []


async def test_without_a_proof_the_accounts_do_not_matter() -> None:
    assert await decide(delivery(), accounts={}) == Anonymous()


async def test_a_cluster_that_is_away_is_not_taken_for_an_answer() -> None:
    class Away(Cluster):
        async def token(self, namespace: str, secret: str) -> str | None:
            raise Unavailable("away")

    with pytest.raises(Unavailable):
        await intercept(github(), Away(), NOW)


async def test_an_empty_token_is_passed_on() -> None:
    got = await decide(github(), tokens={"sa.service-account-token": ""})
    assert isinstance(got, Authorized)
    assert got.token == ""


ANNOTATED = {"annotations": {"workflows.argoproj.io/service-account-token.name": "annotated"}}


@pytest.mark.parametrize(
    ("account", "secret"),
    [
        ({"metadata": {"name": "sa"}}, "sa.service-account-token"),
        ({"metadata": {"name": "sa", "annotations": None}, "secrets": []}, "sa.service-account-token"),
        ({"metadata": {"name": "sa", **ANNOTATED}}, "annotated"),
        ({"metadata": {"name": "sa", **ANNOTATED}, "secrets": [{"name": "first"}, {"name": "second"}]}, "first"),
        ({"metadata": {"name": "sa", **ANNOTATED}, "secrets": [{}]}, ""),
    ],
)
def test_the_token_secret_is_found_as_in_the_reference(account: dict[str, Any], secret: str) -> None:
    assert token_secret_name(account) == secret


def test_a_body_may_have_two_mebibytes() -> None:
    known = read(sa="type: gitlab\nsecret: s1")
    headers = (("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", "s1"))
    assert isinstance(which(known, delivery(*headers, body=b"x" * MAX_BODY), NOW), Matched)
    assert isinstance(which(known, delivery(*headers, body=b"x" * (MAX_BODY + 1)), NOW), Forbidden)


def test_a_broken_entry_stops_only_those_whom_no_other_one_knows() -> None:
    known = read(a="type: nope\nsecret: s1", b=GITHUB, c="{")
    assert which(known, github(), NOW) == Matched("b", "github", which_id(github()))
    assert isinstance(which(known, github(b"other"), NOW), Forbidden)
    assert isinstance(which(known, delivery(), NOW), Forbidden)


def which_id(request: Delivery) -> str:
    found = which(read(sa=GITHUB), request, NOW)
    assert isinstance(found, Matched)
    return found.delivery_id


def test_of_several_clients_the_one_with_the_right_secret_matches() -> None:
    known = read(a=GITHUB, b="type: github\nsecret: s2", c="type: github\nsecret: s2")
    got = which(known, github(b"s2"), NOW)
    assert isinstance(got, Matched)
    assert got.name == "b"


def test_a_bad_proof_names_the_clients_that_it_was_meant_for() -> None:
    known = read(a=GITHUB, b="type: gitlab\nsecret: s1", c="type: gitea\nsecret: s1")
    assert which(known, github(b"other"), NOW) == Anonymous({"a": "SignatureMismatch"})
    assert which(known, delivery(("X-Hub-Signature", "sha1=00"), ("X-GitHub-Event", "push")), NOW) == Anonymous(
        {"a": "SignatureMissing"}
    )
    assert not Anonymous().bad_proof


def test_without_clients_nobody_is_known() -> None:
    assert which(read(), github(), NOW) == Anonymous()
    assert isinstance(which(None, github(), NOW), Forbidden)


OPEN = {
    "github": ("X-GitHub-Event", "X-Hub-Signature-256"),
    "gitlab": ("X-Gitlab-Event", "X-Gitlab-Token"),
    "bitbucket": ("X-Event-Key", "X-Hook-UUID"),
    "bitbucketserver": ("X-Event-Key", "X-Hub-Signature"),
}


@pytest.mark.parametrize("kind", OPEN)
def test_a_client_without_a_secret_lets_in_whoever_names_an_event(kind: str) -> None:
    event, proof = OPEN[kind]
    known = read(sa=f"type: {kind}\nsecret: ''")
    got = which(known, delivery((event, "any")), NOW)
    assert isinstance(got, Matched)
    assert got.open
    assert isinstance(which(known, delivery((event, "any"), (proof, "x")), NOW), Matched) is (kind != "gitlab")
    assert which(known, delivery(), NOW) == Anonymous()
    assert which(known, delivery((event, "")), NOW) == Anonymous()


def test_a_client_with_a_secret_goes_before_one_without() -> None:
    got = which(read(a="type: github", b=GITHUB), github(), NOW)
    assert isinstance(got, Matched)
    assert (got.name, got.open) == ("b", False)


@pytest.mark.parametrize(
    ("kind", "headers", "identifier"),
    [
        ("github", {"X-GitHub-Event": "push", "X-GitHub-Delivery": "g"}, "g"),
        ("gitlab", {"X-Gitlab-Event": "x", "Idempotency-Key": "i", "webhook-id": "w", "X-Gitlab-Event-UUID": "u"}, "i"),
        ("gitlab", {"X-Gitlab-Event": "x", "webhook-id": "w", "X-Gitlab-Event-UUID": "u"}, "w"),
        ("bitbucket", {"X-Event-Key": "x", "X-Request-UUID": "r", "X-Hook-UUID": "h"}, "r"),
        ("bitbucketserver", {"X-Event-Key": "x", "X-Request-Id": "r"}, "r"),
    ],
)
def test_the_id_of_a_delivery_is_the_senders(kind: str, headers: dict[str, str], identifier: str) -> None:
    got = which(read(sa=f"type: {kind}"), delivery(*headers.items()), NOW)
    assert isinstance(got, Matched)
    assert got.delivery_id == identifier


@pytest.mark.parametrize(
    ("headers", "identifier"),
    [
        ([("webhook-id", "w"), ("Idempotency-Key", "i")], "w"),
        ([("Idempotency-Key", "i")], "i"),
    ],
)
def test_any_sender_may_give_an_id(headers: list[tuple[str, str]], identifier: str) -> None:
    known = read(sa="type: hmac\nsecret: s1\nheader: X-Mac")
    mac = ("X-Mac", hmac.new(b"s1", BODY, "sha256").hexdigest())
    got = which(known, delivery(mac, *headers), NOW)
    assert isinstance(got, Matched)
    assert got.delivery_id == identifier


def test_without_an_id_the_same_event_with_the_same_body_is_the_same_delivery() -> None:
    first = which_id(github())
    assert first == which_id(github(headers=[("X-Other", "1")]))
    assert first != which_id(github(body=b"[]"))
