"""What a Git server would send: method, headers and signed body of one webhook delivery. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#HTTP-headers
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html#Eventpayload-HTTPheaders
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

from events.errors import EvaluationError, SpecError
from events.expressions import sjson
from events.registry import did_you_mean

__all__ = ["EVENTS", "Request", "change", "make_request", "read_sample"]

EVENTS: dict[str, dict[str, str]] = {
    "github": {
        "push": "push",
        "tag": "push",
        "pull_request": "pull_request",
        "pull_request_review": "pull_request_review",
        "issue_comment": "issue_comment",
        "release": "release",
        "ping": "ping",
    },
    "gitlab": {
        "push": "Push Hook",
        "tag": "Tag Push Hook",
        "merge-request": "Merge Request Hook",
        "note": "Note Hook",
    },
    "bitbucket": {"push": "repo:push", "tag": "repo:push", "pull-request": "pullrequest:created"},
    "bitbucketserver": {"push": "repo:refs_changed", "tag": "repo:refs_changed", "pull-request": "pr:opened"},
}
"""By forge: the events that there is a sample of, and what the forge's own event header calls them."""

_HOOK = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/acme/rocket/settings/hooks")
"""The hook of the sample repository: the same in all of its deliveries."""
_SIGNING_PREFIX = b"whsec_"

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One delivery, ready to be sent. ``identity`` is the forge's id of it."""

    method: str
    headers: Headers
    body: bytes
    identity: str


def find_event(forge: str, event: str) -> str:
    """The name of the sample for what a user wrote: dashes are underscores, a merge request is a pull request. Raises SpecError."""
    known = EVENTS[forge]
    for name in known:
        if _meant(name) == _meant(event):
            return name
    hint = did_you_mean(event, list(known)) or f"known: {', '.join(known)}"
    raise SpecError(f"there is no sample of the {forge} event '{event}'", hint=hint, reason="UnknownKind")


def _meant(event: str) -> str:
    return event.lower().replace("_", "-").replace("merge-request", "pull-request")


def read_sample(forge: str, event: str) -> str:
    """The payload of a sample as compact JSON, as forges send it. Raises SpecError for an unknown event."""
    name = find_event(forge, event)
    file = resources.files("events.cli") / "samples" / forge / f"{name}.json"
    return orjson.dumps(orjson.loads(file.read_bytes())).decode()


def change(payload: str, changes: list[tuple[str, str]]) -> str:
    """The payload with other values at some sjson paths; a value that is JSON is taken as such. Raises SpecError."""
    for path, text in changes:
        try:
            value: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text
        try:
            payload = sjson.set_value(payload, path, value)
        except EvaluationError as error:
            raise SpecError(f"'{path}' cannot be set: {error.message}", path=path) from None
    return payload


def make_request(
    forge: str,
    event: str,
    payload: str,
    *,
    secret: bytes | None,
    identity: str,
    now: float,
    extra: Mapping[str, str] | None = None,
) -> Request:
    """A delivery of ``payload`` at ``now`` (seconds since 1970); unsigned without a secret.

    ``identity`` is the id of the delivery (a UUID in earnest); ``extra`` headers win over those of the forge.
    """
    body = payload.encode()
    headers = _FORGES[forge](EVENTS[forge][find_event(forge, event)], body, secret, identity, now)
    given = {name.lower() for name in extra or ()}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    return Request("POST", {**headers, **(extra or {})}, body, identity)


def _github(event: str, body: bytes, secret: bytes | None, identity: str, now: float) -> Headers:
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/6b1c0fe",
        "X-GitHub-Delivery": identity,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "471930265",
        "X-GitHub-Hook-Installation-Target-ID": "755910332",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if secret is not None:
        headers["X-Hub-Signature"] = _signature(secret, body, "sha1")
        headers["X-Hub-Signature-256"] = _signature(secret, body)
    return headers


def _gitlab(event: str, body: bytes, secret: bytes | None, identity: str, now: float) -> Headers:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.1.0-ee",
        "Idempotency-Key": identity,
        "X-Gitlab-Event": event,
        "X-Gitlab-Webhook-UUID": str(_HOOK),
        "X-Gitlab-Instance": "https://gitlab.acme.example",
        "X-Gitlab-Event-UUID": str(uuid.uuid5(_HOOK, identity)),
    }
    if secret is not None and secret.startswith(_SIGNING_PREFIX):
        headers["webhook-id"] = identity
        headers["webhook-timestamp"] = str(int(now))
        headers["webhook-signature"] = _standard_signature(secret, identity, int(now), body)
    elif secret is not None:
        headers["X-Gitlab-Token"] = _header_text(secret)
    return headers


def _bitbucket(event: str, body: bytes, secret: bytes | None, identity: str, now: float) -> Headers:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Bitbucket-Webhooks/2.0",
        "X-Attempt-Number": "1",
        "X-Event-Key": event,
        "X-Event-Time": moment.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "X-Hook-UUID": str(_HOOK),
        "X-Request-UUID": identity,
    }
    if secret is not None:
        headers["X-Hub-Signature"] = _signature(secret, body)
    return headers


def _bitbucket_server(event: str, body: bytes, secret: bytes | None, identity: str, now: float) -> Headers:
    # The body names the event, too: a changed `eventKey` changes both.
    payload = orjson.loads(body)
    key = payload.get("eventKey") if isinstance(payload, dict) else None
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Atlassian HttpClient 4.2.0 / Bitbucket-9.4.0 (9004000) / Default",
        "X-Event-Key": key if isinstance(key, str) else event,
        "X-Request-Id": identity,
    }
    if secret is not None:
        headers["X-Hub-Signature"] = _signature(secret, body)
    return headers


_FORGES: dict[str, Callable[[str, bytes, bytes | None, str, float], Headers]] = {
    "github": _github,
    "gitlab": _gitlab,
    "bitbucket": _bitbucket,
    "bitbucketserver": _bitbucket_server,
}


def _signature(secret: bytes, body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"


def _standard_signature(secret: bytes, identity: str, timestamp: int, body: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(_SIGNING_PREFIX), validate=True)
    except ValueError:
        raise SpecError("a signing secret is 'whsec_' and base64", path="--secret") from None
    signed = b".".join((identity.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _header_text(secret: bytes) -> str:
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise SpecError("a token in a header cannot hold control characters", path="--secret")
    return secret.decode("latin-1")
