"""Only what is rightly signed is accepted: a matrix of forges and forgeries, then thousands of mutations of signed requests.

Everything goes to the real process over HTTP. Signatures are made here, by the forges' own rules; an accepted forgery or a 5xx fails.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.chaos.bench import Run, bench
from tests.chaos.manifests import API, BUS, Manifest
from tests.chaos.report import Report, bound

KEY = b"a-secret-that-only-two-know"
OTHER = b"another-secret"
SIGNING = b"whsec_" + base64.b64encode(b"k" * 32)
BODY = json.dumps(
    {"ref": "refs/heads/main", "repository": {"full_name": "acme/rocket"}, "eventKey": "repo:refs_changed"}
).encode()

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Size:
    mutations: int


TIERS = {"short": Size(20_000), "nightly": Size(1_000_000)}


@dataclass(frozen=True)
class Request:
    """A delivery; ``what`` names the case. ``good``: it must be accepted."""

    forge: str
    what: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = BODY
    good: bool = False

    def with_header(self, what: str, name: str, *values: str, good: bool = False) -> Request:
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        return replace(self, what=what, headers=(*kept, *((name, value) for value in values)), good=good)


def mac(key: bytes, body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(key, body, algorithm).hexdigest()}"


def standard(secret: bytes, identity: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    signed = b".".join((identity.encode(), str(moment).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


@dataclass(frozen=True)
class Forge:
    """A forge: the path of its event here, the header of its signature, and how it signs."""

    name: str
    header: str
    sign: Callable[[bytes, bytes], str]
    more: tuple[tuple[str, str], ...]

    def good(self, identity: str, body: bytes = BODY) -> Request:
        values = tuple((n, v.replace("{id}", identity)) for n, v in self.more)
        fixed = (("Content-Type", "application/json"), *values, (self.header, self.sign(KEY, body)))
        return Request(self.name, "good", fixed, body, good=True)


HUB = [
    Forge("github", "X-Hub-Signature-256", mac, (("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "{id}"))),
    Forge("bitbucket", "X-Hub-Signature", mac, (("X-Event-Key", "repo:push"), ("X-Request-UUID", "{id}"))),
    Forge("bitbucketserver", "X-Hub-Signature", mac, (("X-Event-Key", "repo:refs_changed"), ("X-Request-Id", "{id}"))),
]
TOKEN = Forge(
    "gitlab",
    "X-Gitlab-Token",
    lambda key, _: key.decode(),
    (("X-Gitlab-Event", "Push Hook"), ("Idempotency-Key", "{id}")),
)
BEARER = Forge("webhook", "Authorization", lambda key, _: f"Bearer {key.decode()}", (("X-Request-Id", "{id}"),))


def manifests(port: int) -> list[Manifest]:
    """An EventSource with an event of each kind, at the path of its name."""

    def hook(name: str, **more: object) -> Manifest:
        return {"webhook": {"endpoint": f"/{name}", "port": str(port), "method": "POST", **more}}

    def secret(key: str) -> Manifest:
        return {"name": "keys", "key": key}

    spec = {
        "github": {"github": {**hook("github"), "repositories": [{"owner": "acme", "names": ["rocket"]}], "events": ["*"], "webhookSecret": secret("hub")}},
        "gitlab": {
            "gitlab": {**hook("gitlab"), "projects": ["1"], "gitlabBaseURL": "https://gitlab.example.com", "accessToken": secret("hub"), "events": ["PushEvents"], "secretToken": secret("hub")},
            "signed": {**hook("signed"), "projects": ["1"], "gitlabBaseURL": "https://gitlab.example.com", "accessToken": secret("hub"), "events": ["PushEvents"], "secretToken": secret("signing")},
        },
        "bitbucket": {"bitbucket": {**hook("bitbucket"), "repositories": [{"owner": "acme", "repositorySlug": "rocket"}], "events": ["repo:push"], "webhookSecret": secret("hub")}},
        "bitbucketserver": {"bitbucketserver": {**hook("bitbucketserver"), "repositories": [{"projectKey": "A", "repositorySlug": "rocket"}], "events": ["repo:refs_changed"], "webhookSecret": secret("hub"), "bitbucketserverBaseURL": "https://bitbucket.example.com/rest"}},
        "webhook": {"webhook": {**hook("webhook")["webhook"], "authSecret": secret("hub")}},
    }  # fmt: skip
    keys = {"hub": KEY.decode(), "signing": SIGNING.decode()}
    return [
        BUS,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": keys},
        {"apiVersion": API, "kind": "EventSource", "metadata": {"name": "forges"}, "spec": spec},
    ]


def matrix(now: int) -> Iterator[Request]:
    """Every forge with every forgery that fits it."""
    for forge in [*HUB, TOKEN, BEARER]:
        good = forge.good("good-1")
        value, name = forge.sign(KEY, BODY), forge.header
        yield good
        yield good.with_header("header name in small letters", name.lower(), value, good=True)
        yield good.with_header("no signature", name)
        yield good.with_header("of another secret", name, forge.sign(OTHER, BODY))
        yield good.with_header("of the empty secret", name, forge.sign(b"", BODY))
        for wrong in (
            "",
            " ",
            "=",
            ",",
            "null",
            "None",
            "true",
            "0",
            "*",
            "[]",
            "{}",
            "\u00e9\u00e8",
            "\u00ff" * 64,
            "a" * 8000,
            "%00",
            "'--",
        ):
            yield good.with_header(f"the signature is {wrong[:8]!r}", name, wrong)
        for cut in (1, 2, 8, len(value) // 2, len(value) - 1):
            yield good.with_header(f"the last {cut} characters are missing", name, value[:-cut])
            yield good.with_header(f"the first {cut} characters are missing", name, value[cut:])
        for more in ("0", "a", "==", "\t.", ";", ",", value):
            yield good.with_header(f"followed by {more[:8]!r}", name, value + more)
            yield good.with_header(f"preceded by {more[:8]!r}", name, more + value)
        for place in (0, 3, 7, 12, len(value) // 2, len(value) - 1):
            yield good.with_header(
                f"character {place} is another", name, value[:place] + _another(value[place]) + value[place + 1 :]
            )
        yield good.with_header("two headers, the first is wrong", name, "x" * 64, value)
        yield good.with_header("backwards", name, value[::-1])
        yield good.with_header("quoted", name, f'"{value}"')
        yield good.with_header("in a comma-separated list", name, f"x, {value}")
    for forge in HUB:
        good, digest = forge.good("good-2"), mac(KEY, BODY).partition("=")[2]
        name = forge.header
        for algorithm in ("sha512", "md5", "sha224", "sha384"):
            known = forge.name == "github" and algorithm == "sha512"  # which the reference takes, too
            yield good.with_header(f"{algorithm} instead", name, mac(KEY, BODY, algorithm), good=known)
            yield good.with_header(f"{algorithm} is what it is called", name, f"{algorithm}={digest}")
        for prefix in ("", "SHA256=", "sha256:", "sha256 =", "sha256==", " sha256=x", "hmac-sha256=", "none="):
            yield good.with_header(f"prefix {prefix!r}", name, prefix + digest)
        yield good.with_header("no key: plain digest", name, f"sha256={hashlib.sha256(BODY).hexdigest()}")
        yield good.with_header("of another body", name, mac(KEY, BODY + b" "))
        yield good.with_header(
            "base64 instead of hex", name, "sha256=" + base64.b64encode(bytes.fromhex(digest)).decode()
        )
        for body in (b"", BODY[:-1], BODY + b"\n", b" " + BODY, BODY.replace(b"main", b"evil"), BODY.upper(), BODY * 2):
            yield replace(good, what="another body", body=body, good=False)
    yield from _standard(now)


def _standard(now: int) -> Iterator[Request]:
    """GitLab's signing token (Standard Webhooks)."""

    def signed(
        what: str,
        *,
        identity: str = "msg-1",
        moment: str = str(now),
        signature: str | None = None,
        body: bytes = BODY,
        good: bool = False,
    ) -> Request:
        made = signature if signature is not None else standard(SIGNING, identity, int(moment), body)
        sent = (
            ("Content-Type", "application/json"),
            ("X-Gitlab-Event", "Push Hook"),
            ("webhook-id", identity),
            ("webhook-timestamp", moment),
            ("webhook-signature", made),
        )
        return Request("signed", what, sent, body, good)  # fmt: skip

    right = standard(SIGNING, "msg-1", now, BODY)
    other = b"whsec_" + base64.b64encode(b"o" * 32)
    yield signed("good", good=True)
    yield signed("good, among others", signature=f"v1,AAAA {right} v2,BBBB", good=True)
    for late in (-100_000, -3600, -600, -310, 310, 600, 3600, 100_000):
        yield signed(f"{late} s away", moment=str(now + late))
    for moment in ("", "now", "-1", "1e9", " ", "0x10", "9" * 30, f"{now}.5", f"+{now}"):
        yield signed(f"timestamp {moment[:10]!r}", moment=moment, signature=right)
    for signature in (
        "",
        "v1",
        "v1,",
        right[3:],
        "v2" + right[2:],
        "v1a" + right[2:],
        right[:-1],
        right + "=",
        right.lower(),
        right.replace(",", ";"),
    ):
        yield signed(f"signature {signature[:10]!r}", signature=signature)
    yield signed("of another secret", signature=standard(other, "msg-1", now, BODY))
    yield signed("of another id", identity="msg-2", signature=right)
    yield signed("of another time", moment=str(now + 1), signature=right)
    yield signed("of another body", body=BODY + b" ", signature=right)
    good = signed("good")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        yield good.with_header(f"no {name}", name)
    yield replace(TOKEN.good("x"), forge="signed", what="the token instead of a signature", good=False)
    downgraded = good.with_header("downgrade to the token", "webhook-signature")
    yield downgraded.with_header("downgrade to the token", "X-Gitlab-Token", SIGNING.decode())


def _another(character: str) -> str:
    return "0" if character.lower() != "0" else "1"


def mutated(rng: random.Random, number: int) -> Request:
    """A rightly signed request in which something that is signed, or the signature, was changed."""
    forge = rng.choice([*HUB, TOKEN, BEARER])
    good = forge.good(f"mutated-{number}")
    value = dict(good.headers)[forge.header]
    over_body = forge in HUB and rng.random() < 0.5
    if over_body:
        body = bytearray(BODY)
        for _ in range(rng.randint(1, 4)):
            _mutate(body, rng)
        return replace(good, what="body", body=bytes(body), good=bytes(body) == BODY)
    text = bytearray(value.encode())
    for _ in range(rng.randint(1, 4)):
        _mutate(text, rng)
    header = text.decode("latin-1").replace("\r", "").replace("\n", "").replace("\0", "")
    # What is only trimmed or written in other letters by HTTP's or the forge's own rules is the same signature.
    same = header.strip(" \t").lower() == value.lower()
    return good.with_header("signature", forge.header, value if same else header, good=same)


def _mutate(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data)) if data else 0
    match rng.randrange(5) if data else 1:
        case 0:
            data[place] ^= 1 << rng.randrange(8)
        case 1:
            data.insert(place, rng.randrange(256))
        case 2:
            del data[place]
        case 3:
            data[place:] = data[place:][::-1]
        case _:
            del data[place:]


def post(connection: http.client.HTTPConnection, request: Request) -> int:
    """Send it as it is (also headers that no client library would send); the status, 0 when the connection was closed instead."""
    try:
        connection.putrequest("POST", f"/{request.forge}", skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value.encode("latin-1", "replace"))
        connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        return 0


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run, make=manifests) as b:
        cases = list(matrix(int(time.time())))
        report.figures["matrix"] = len(cases)
        report.expect(len(cases) >= 300, f"the matrix has only {len(cases)} cases")
        for request, status in await asyncio.to_thread(_post_all, b.port, cases):
            accepted = 200 <= status < 300
            report.expect(accepted == request.good and status < 500, f"{request.forge}, {request.what}: {status}")
        mutations = (mutated(run.rng, n) for n in range(size.mutations))
        statuses: Counter[int] = Counter()
        forged = 0
        for share in await asyncio.gather(
            *(asyncio.to_thread(_post_all, b.port, part) for part in _dealt(mutations, 2))
        ):
            for request, status in share:
                statuses[status] += 1
                forged += not request.good
                report.expect(
                    request.good or not 200 <= status < 300, f"accepted, with a mutated {request.what}: {request}"
                )
        report.figures |= {"mutated": forged, "by_status": dict(statuses), "accepted_rate": bound(0, forged)}
        report.expect(not any(status >= 500 for status in statuses), f"answers 5xx: {statuses}")
        report.expect(statuses[401] > 0.9 * forged, f"too few reached the check of their signature: {statuses}")
        report.expect(await b.up.stop() == 0, "up did not end well")
    return report


def _dealt(requests: Iterator[Request], hands: int) -> list[list[Request]]:
    dealt = list(requests)
    return [dealt[hand::hands] for hand in range(hands)]


def _post_all(port: int, requests: list[Request]) -> list[tuple[Request, int]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        return [(request, post(connection, request)) for request in requests]
    finally:
        connection.close()
