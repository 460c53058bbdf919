from __future__ import annotations

import hmac
import re

import orjson
import pytest

from events.cli.deliveries import EVENTS, Request, change, make_request, read_sample
from events.errors import Rejected, SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.delivery import Delivery
from eventsource.process import Sources

NOW = 1_779_181_322.5
SIGNING = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALL = [(forge, event) for forge, events in EVENTS.items() for event in events]
REQUIRED = {
    "github": {"repositories": [{"owner": "acme", "names": ["rocket"]}]},
    "gitlab": {"events": [], "gitlabBaseURL": "https://gitlab.acme.example", "accessToken": {"name": "n", "key": "k"}},
    "bitbucket": {"repositories": [{"owner": "acme", "repositorySlug": "rocket"}]},
    "bitbucketserver": {
        "repositories": [{"projectKey": "ACME", "repositorySlug": "rocket"}],
        "bitbucketserverBaseURL": "https://bitbucket.acme.example",
    },
}
"""What the configuration of each forge must say besides the webhook."""


def made(forge: str, event: str, *, secret: bytes | None = b"s3cret", payload: str = "", **more: object) -> Request:
    payload = payload or read_sample(forge, event)
    options = {"identity": "an-id", "now": NOW, **more}
    return make_request(forge, event, payload, secret=secret, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("secret", [b"s3cret", SIGNING, None], ids=["secret", "signing", "none"])
@pytest.mark.parametrize(("forge", "event"), ALL)
def test_our_sources_take_what_we_send_and_nothing_forged(forge: str, event: str, secret: bytes | None) -> None:
    field = "secretToken" if forge == "gitlab" else "webhookSecret"
    config = {
        **REQUIRED[forge],
        "webhook": {"endpoint": "/x", "port": "1", "method": "POST"},
        **({field: {"name": "n", "key": "k"}} if secret is not None else {}),
    }
    manifest = {"metadata": {"name": "es", "namespace": "default"}, "spec": {forge: {"event": config}}}
    sources = Sources([parse(EventSource, manifest)], Vault({("secret", "default", "n", "k"): secret or b""}))
    assert sources.errors == []
    [listener] = sources.listeners
    request = made(forge, event, secret=secret)

    def received(one: Request) -> Delivery:
        headers = tuple((name.title(), value) for name, value in one.headers.items())
        return Delivery(one.method, "/x", headers, one.body, "", int(NOW * 1e9))

    listener.webhook.verify(received(request), int(NOW))
    assert listener.webhook.delivery_id(received(request)) == "an-id"
    if secret is not None:
        with pytest.raises(Rejected):
            listener.webhook.verify(received(made(forge, event, secret=b"whsec_AAAA")), int(NOW))


@pytest.mark.parametrize(
    ("forge", "event", "header", "value"),
    [
        ("github", "tag", "X-GitHub-Event", "push"),
        ("github", "ping", "X-GitHub-Delivery", "an-id"),
        ("github", "push", "X-GitHub-Hook-Installation-Target-ID", "755910332"),
        ("gitlab", "merge-request", "X-Gitlab-Event", "Merge Request Hook"),
        ("gitlab", "tag", "X-Gitlab-Event", "Tag Push Hook"),
        ("gitlab", "note", "X-Gitlab-Token", "s3cret"),
        ("gitlab", "note", "Idempotency-Key", "an-id"),
        ("bitbucket", "pull-request", "X-Event-Key", "pullrequest:created"),
        ("bitbucket", "push", "X-Request-UUID", "an-id"),
        ("bitbucket", "push", "X-Attempt-Number", "1"),
        ("bitbucket", "push", "X-Event-Time", "Tue, 19 May 2026 09:02:02 GMT"),
        ("bitbucketserver", "tag", "X-Event-Key", "repo:refs_changed"),
        ("bitbucketserver", "push", "X-Request-Id", "an-id"),
    ],
)
def test_headers_are_those_of_the_forge(forge: str, event: str, header: str, value: str) -> None:
    assert made(forge, event).headers[header] == value


def test_signatures_are_over_the_body_as_sent() -> None:
    payload = '{"ref": "é"}'
    request = made("github", "push", payload=payload)
    assert request.body == payload.encode()
    assert request.headers["X-Hub-Signature"] == f"sha1={hmac.new(b's3cret', payload.encode(), 'sha1').hexdigest()}"
    assert (
        request.headers["X-Hub-Signature-256"]
        == f"sha256={hmac.new(b's3cret', payload.encode(), 'sha256').hexdigest()}"
    )


def test_a_known_signature_of_github() -> None:
    request = made("github", "push", payload="Hello, World!", secret=b"It's a Secret to Everybody")
    assert request.headers["X-Hub-Signature-256"].endswith("1cce984b8a37570b6d7586c22c46f4379c8b043e17")


def test_a_known_signature_of_standard_webhooks() -> None:
    headers = made(
        "gitlab", "push", payload='{"test": 2432232314}', secret=SIGNING, identity="msg_p5jXN8AQM9LWM0D4loKWxJek", now=1614265330.0
    ).headers  # fmt: skip
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"
    assert "X-Gitlab-Token" not in headers


@pytest.mark.parametrize("forge", EVENTS)
def test_without_a_secret_nothing_is_signed(forge: str) -> None:
    names = " ".join(made(forge, "push", secret=None).headers).lower()
    assert not re.search("signature|token", names)


def test_headers_can_be_replaced_in_any_spelling() -> None:
    headers = made("bitbucket", "pull-request", extra={"x-event-key": "pullrequest:fulfilled"}).headers
    assert headers["x-event-key"] == "pullrequest:fulfilled"
    assert "X-Event-Key" not in headers


def test_bitbucket_server_names_the_event_of_its_body() -> None:
    payload = change(read_sample("bitbucketserver", "pull-request"), [("eventKey", "pr:merged")])
    assert made("bitbucketserver", "pull-request", payload=payload).headers["X-Event-Key"] == "pr:merged"


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("a", "x", "x"),
        ("a", "refs/heads/main", "refs/heads/main"),
        ("a", "7", 7),
        ("a", '"7"', "7"),
        ("a", "true", True),
        ("a", "null", None),
        ("a", '{"b":[1]}', {"b": [1]}),
        ("a", "", ""),
        ("a", "0000", "0000"),
        ("l.1", "x", ["one", "x"]),
        ("new.deep", "x", {"deep": "x"}),
    ],
)
def test_a_value_is_json_where_it_is_json(path: str, text: str, value: object) -> None:
    changed = orjson.loads(change('{"a":1,"l":["one","two"]}', [(path, text)]))
    assert changed[path.partition(".")[0]] == value


@pytest.mark.parametrize("path", ["", "l.x", "l.999999999"])
def test_a_path_that_cannot_be_set_is_told(path: str) -> None:
    with pytest.raises(SpecError, match="cannot be set"):
        change('{"l":[1]}', [(path, "x")])


def test_events_are_found_with_either_dash() -> None:
    assert read_sample("gitlab", "merge_request") == read_sample("gitlab", "merge-request")
    assert read_sample("github", "pull-request") == read_sample("github", "pull_request")


def test_an_unknown_event_gets_a_hint() -> None:
    with pytest.raises(SpecError, match="did you mean 'release'"):
        read_sample("github", "releases")
