"""Each type of client against each way to get a proof wrong: only what is genuine gets in."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from eventsource.delivery import Delivery, canonical
from eventsource.endpoint import clients
from eventsource.endpoint.interceptor import Anonymous, Matched, which

NOW = 1_700_000_000
BODY = b'{"ref": "refs/heads/main"}'
KEY = b"a secret of the tests"
SIGNING = b"whsec_" + base64.b64encode(b"0123456789abcdef01234567")
OTHER_SIGNING = b"whsec_" + base64.b64encode(b"another key of 24 bytes!")


@dataclass(frozen=True)
class Kind:
    """``entry`` without its secret; ``sign`` gives the value of the header ``proof``; ``rest`` are the other headers."""

    entry: str
    proof: str
    sign: Callable[[bytes, bytes], str]
    rest: tuple[tuple[str, str], ...] = ()
    secret: bytes = KEY
    other: bytes = b"another secret"


def digest(algorithm: str, prefix: str = "") -> Callable[[bytes, bytes], str]:
    return lambda key, body: prefix + hmac.new(key, body, algorithm).hexdigest()


def encoded(key: bytes, body: bytes) -> str:
    return base64.b64encode(hmac.digest(key, body, "sha256")).decode()


def token(key: bytes, body: bytes) -> str:
    return key.decode()


def standard(key: bytes, body: bytes) -> str:
    key = base64.b64decode(key.removeprefix(b"whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, b"d-1.%d.%s" % (NOW, body), "sha256")).decode()


TIMED = (("webhook-id", "d-1"), ("webhook-timestamp", str(NOW)))
GITLAB = ("X-Gitlab-Event", "Release Hook")
KINDS = {
    "github": Kind("type: github", "X-Hub-Signature-256", digest("sha256", "sha256="), (("X-GitHub-Event", "star"),)),
    "gitlab": Kind("type: gitlab", "X-Gitlab-Token", token, (GITLAB,)),
    "gitlab signing": Kind(
        "type: gitlab", "webhook-signature", standard, (GITLAB, *TIMED), secret=SIGNING, other=OTHER_SIGNING
    ),
    "bitbucket": Kind("type: bitbucket", "X-Hook-UUID", token, (("X-Event-Key", "repo:push"),)),
    "bitbucketserver": Kind(
        "type: bitbucketserver", "X-Hub-Signature", digest("sha256", "sha256="), (("X-Event-Key", "diagnostics:ping"),)
    ),
    "gitea": Kind("type: gitea", "X-Gitea-Signature", digest("sha256"), (("X-Gitea-Event", "push"),)),
    "hmac hex": Kind(
        "type: hmac\nheader: x-mac\nalgorithm: sha512\nprefix: 'sha512:'", "X-Mac", digest("sha512", "sha512:")
    ),
    "hmac base64": Kind("type: hmac\nheader: X-Shop-Hmac\nencoding: base64", "X-Shop-Hmac", encoded),
    "standard": Kind(
        "type: standard-webhooks", "webhook-signature", standard, TIMED, secret=SIGNING, other=OTHER_SIGNING
    ),
}
TOKENS = {"gitlab", "bitbucket"}
"""Their proof is the secret itself and does not cover the body."""
TIMED_KINDS = {"gitlab signing", "standard"}
WITH_EVENT = {"github", "gitlab", "gitlab signing", "bitbucket", "bitbucketserver", "gitea"}
ALL = set(KINDS)
NONE: set[str] = set()

Headers = list[tuple[str, str]]


def sent(kind: Kind, *values: str) -> Headers:
    """The headers of a delivery with these values of the proof."""
    return [*kind.rest, *((kind.proof, value) for value in values)]


def changed(change: Callable[[str], str]) -> Callable[[Kind], Headers]:
    return lambda kind: sent(kind, change(kind.sign(kind.secret, BODY)))


ATTEMPTS: dict[str, tuple[Callable[[Kind], Headers], set[str]]] = {
    "genuine": (lambda kind: sent(kind, kind.sign(kind.secret, BODY)), ALL),
    "names in capitals": (lambda kind: [(n.upper(), v) for n, v in sent(kind, kind.sign(kind.secret, BODY))], ALL),
    "missing": (lambda kind: sent(kind), NONE),
    "empty": (lambda kind: sent(kind, ""), NONE),
    "one character short": (changed(lambda value: value[:-1]), NONE),
    "half": (changed(lambda value: value[: len(value) // 2]), NONE),
    "six characters": (changed(lambda value: value[:6]), NONE),
    "one character": (changed(lambda value: value[:1]), NONE),
    "one character more": (changed(lambda value: value + "0"), NONE),
    "first character wrong": (changed(lambda value: "~" + value[1:]), {"bitbucketserver"}),
    "last character wrong": (changed(lambda value: value[:-1] + "~"), NONE),
    "a space before": (changed(lambda value: " " + value), {"gitlab signing", "standard"}),
    "twice in one": (changed(lambda value: value + "," + value), NONE),
    "not ASCII": (changed(lambda value: "é" + value), NONE),
    "not UTF-8": (changed(lambda value: value[:-1] + "\udcff"), NONE),
    "digits in capitals": (
        lambda kind: sent(kind, kind.sign(kind.secret, BODY).upper().replace("SHA512:", "sha512:")),
        {"hmac hex"},
    ),
    "a prefix alone": (lambda kind: sent(kind, "sha256="), NONE),
    "a prefix too many": (changed(lambda value: "sha256=" + value), NONE),
    "another secret": (lambda kind: sent(kind, kind.sign(kind.other, BODY)), NONE),
    "an empty secret": (
        lambda kind: sent(kind, kind.sign(b"whsec_" if kind.secret == SIGNING else b"", BODY)),
        NONE,
    ),
    "another body": (lambda kind: sent(kind, kind.sign(kind.secret, BODY + b" ")), TOKENS),
    "SHA-1": (lambda kind: sent(kind, digest("sha1", "sha1=")(kind.secret, BODY)), NONE),
    "MD5": (lambda kind: sent(kind, digest("md5")(kind.secret, BODY)), NONE),
    "in another header": (
        lambda kind: [*kind.rest, ("X-Signature-Of-Ours", kind.sign(kind.secret, BODY))],
        NONE,
    ),
    "wrong, then genuine": (lambda kind: sent(kind, "wrong", kind.sign(kind.secret, BODY)), NONE),
    "genuine, then wrong": (lambda kind: sent(kind, kind.sign(kind.secret, BODY), "wrong"), ALL),
    "without event": (
        lambda kind: [(n, v) for n, v in sent(kind, kind.sign(kind.secret, BODY)) if "Event" not in n],
        ALL - WITH_EVENT,
    ),
}


def outcome(kind: Kind, headers: Headers, *, now: int = NOW, body: bytes = BODY) -> object:
    known = clients.read({"sa": kind.entry.encode() + b"\nsecret: '" + kind.secret + b"'\n"})
    assert not known.problems
    fields = tuple((canonical(name), value) for name, value in headers)
    return which(known, Delivery("POST", "/api/v1/events/ns/d", fields, body), now)


def claims_an_event(headers: list[tuple[str, str]]) -> bool:
    return any(value and name.lower().endswith(("-event", "-event-key")) for name, value in headers)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_only_a_genuine_proof_gets_in(attempt: str, name: str) -> None:
    make, accepted = ATTEMPTS[attempt]
    kind = KINDS[name]
    headers = make(kind)
    got = outcome(kind, headers)
    if name in accepted:
        assert isinstance(got, Matched)
    else:
        proof = next((v for n, v in headers if n == kind.proof), "")
        assert isinstance(got, Anonymous)
        # Who names an event of the forge claims to be it, also without a proof.
        assert got.bad_proof is (bool(proof) or (name in WITH_EVENT and any("Event" in n for n, _ in headers)))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("seconds", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_only_a_signed_time_can_be_too_old(name: str, seconds: int, good: bool) -> None:
    kind = KINDS[name]
    got = outcome(kind, sent(kind, kind.sign(kind.secret, BODY)), now=NOW + seconds)
    assert isinstance(got, Matched) is (good or name not in TIMED_KINDS)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("body", [b"", b"null", b"\xff\xfe", b"payload=%7B%7D", b"\x00" * 100_000])
def test_any_signed_bytes_get_in(name: str, body: bytes) -> None:
    kind = KINDS[name]
    assert isinstance(outcome(kind, sent(kind, kind.sign(kind.secret, body)), body=body), Matched)


PAIRS = [(name, other) for name in KINDS for other in KINDS if KINDS[name].entry != KINDS[other].entry]


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_a_delivery_for_one_type_is_nothing_to_another(name: str, other: str) -> None:
    sender = KINDS[other]
    got = outcome(KINDS[name], sent(sender, sender.sign(sender.secret, BODY)))
    # GitLab's signature is that of Standard Webhooks.
    assert isinstance(got, Matched) is ((name, other) == ("standard", "gitlab signing"))


@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_the_prefix_of_github_may_be_left_out(prefix: str) -> None:
    kind = KINDS["github"]
    assert isinstance(outcome(kind, sent(kind, digest("sha256", prefix)(KEY, BODY))), Matched)


@pytest.mark.parametrize("prefix", ["sha256=", "SHA256=", "0000000", "ééé="])
def test_seven_bytes_before_the_signature_of_bitbucket_server_are_not_looked_at(prefix: str) -> None:
    kind = KINDS["bitbucketserver"]
    assert isinstance(outcome(kind, sent(kind, digest("sha256", prefix)(KEY, BODY))), Matched)
