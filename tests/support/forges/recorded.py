"""A fake forge in the state that a recorded case began in, and what a list of recorded calls makes of it.

A case has the calls that one EventSource made and what a tiny static server answered (``../shared/conformance/eventsource/README.md``):
its lists of hooks are the state at the beginning, and what it refused is refused again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.forges.base import Answer, FakeForge, Fault, Hook, Request
from tests.support.forges.bitbucket import FakeBitbucket
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.github import FakeGitHub
from tests.support.forges.gitlab import GROUP, PROJECT, FakeGitLab

Case = dict[str, Any]

LISTS = {
    "github": r"(?P<prefix>.*?)/(?P<target>repos/[^/]+/[^/]+|orgs/[^/]+)/hooks/?",
    "gitlab": r"(?P<prefix>.*/api/v4)/(?P<target>(projects|groups)/[^/]+)/hooks/?",
    "bitbucket": r"(?P<prefix>.*/2\.0)/repositories/(?P<target>[^/]+/[^/]+)/hooks/?",
    "bitbucketserver": r"(?P<prefix>.*/api/1\.0)/projects/(?P<project>[^/]+)/repos/(?P<slug>[^/]+)/webhooks/?",
}
"""The paths of lists of hooks."""


def event_of(case: Case) -> dict[str, Any]:
    """The event of a case; the first, should there be several."""
    return dict(next(iter(case["spec"][case["kind"]].values())))


def stopping(case: Case) -> list[Any]:
    """The calls that were made when the process was told to stop."""
    return list((case.get("outcome") or {}).get("calls_on_sigterm") or [])


def request_of(call: Any) -> Request:
    """A recorded call."""
    recorded = call["request"]
    path = urlsplit(recorded["path"])
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    return Request(recorded["method"], path.path, dict(parse_qsl(path.query)), headers, recorded.get("json"))


@functools.cache
def app_key() -> tuple[bytes, str]:
    """A private key, as PEM, and its public one: recordings only say that there was one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), public.decode()


def secret_of(case: Case, selector: Any) -> bytes:
    """The value of a Secret's key."""
    text = str(case["secrets"].get(f"{selector['name']}/{selector['key']}", ""))
    return app_key()[0] if text.startswith("<") else text.removesuffix("\n").encode()


def target_of(kind: str, path: str) -> str | None:
    """The target whose hooks are listed at a path."""
    found = re.fullmatch(LISTS[kind], path)
    if found is None:
        return None
    parts = found.groupdict()
    return unquote(parts["target"]) if "target" in parts else unquote(f"{parts['project']}/{parts['slug']}")


def owner_of(kind: str, path: str) -> str | None:
    """The target that a hook at a path, or a list of hooks, belongs to."""
    return target_of(kind, path) or target_of(kind, path.rpartition("/")[0])


def forge_of(case: Case) -> FakeForge:
    """The forge before the first call."""
    forge = empty(case)
    kind = case["kind"]
    refused: dict[tuple[str, str], Answer] = {}
    for call in case["calls"]:
        request, response = request_of(call), call["response"]
        at = (request.method, unquote(request.path).rstrip("/"))
        target = target_of(kind, request.path)
        if target is not None:
            forge.prefix = re.fullmatch(LISTS[kind], request.path)["prefix"]  # type: ignore[index]
            listed = response.get("json") if request.method == "GET" else None
            values = listed.get("values", []) if isinstance(listed, dict) else listed
            if target not in forge.hooks:
                forge.hooks[target] = [{**_left_out(forge, target), **hook} for hook in values or []]
        if response["status"] >= 400 or _is_nonsense(case, call):
            refused[at] = Answer(response["status"], response.get("json"))
    known = {(call["request"]["method"], unquote(call["request"]["path"])) for call in stopping(case)}

    def fault(request: Request) -> Fault | None:
        at = (request.method, unquote(request.path).rstrip("/"))
        return Fault(refused[at]) if at in refused and at not in known else None

    forge.fault = fault
    return forge


def _left_out(forge: FakeForge, target: str) -> Hook:
    """What the hooks of the recorded server lack: the switches that are off."""
    if not isinstance(forge, FakeGitLab):
        return {}
    return dict.fromkeys(GROUP if target.startswith("groups/") else PROJECT, False)


def _is_nonsense(case: Case, call: Any) -> bool:
    """Whether a list was answered with something that is none."""
    at_list = call["request"]["method"] == "GET" and target_of(case["kind"], request_of(call).path) is not None
    answer = call["response"].get("json")
    return at_list and not isinstance(answer.get("values") if isinstance(answer, dict) else answer, list)


def empty(case: Case) -> FakeForge:
    """A forge without hooks that lets in whoever the case says."""
    event = event_of(case)
    by_token = {"gitlab": FakeGitLab, "bitbucketserver": FakeBitbucketServer, "github": FakeGitHub}

    def text(selector: Any) -> str:
        return secret_of(case, selector).decode()

    if case["kind"] in by_token:
        selector = event.get("accessToken") or event.get("apiToken")
        forge = by_token[case["kind"]](page=100, **({"token": text(selector)} if selector else {}))
    else:
        auth = event.get("auth") or {}
        basic = auth.get("basic") or {}
        parts = {"user": basic.get("username"), "password": basic.get("password"), "token": auth.get("oauthToken")}
        forge = FakeBitbucket(page=100, **{name: text(part) for name, part in parts.items() if part})
    if isinstance(forge, FakeGitLab):
        forge.signs = False  # the recorded server showed nothing of tokens
    if isinstance(forge, FakeGitHub):
        forge.unique = False  # it took whatever came
    if isinstance(forge, FakeGitHub) and "githubApp" in event:
        app = event["githubApp"]
        forge.app, forge.app_key = int(app["appID"]), app_key()[1]
        forge.installations[str(app["installationID"])] = "ghs_installation"
    return forge


def play(forge: FakeForge, kind: str, calls: Iterable[Any]) -> list[tuple[Any, Answer]]:
    """Make recorded calls: each with the answer of the fake. What was created gets the id that it was recorded with."""
    answers = []
    for call in calls:
        request = request_of(call)
        answer = forge.ask(request)
        target = target_of(kind, request.path)
        if request.method == "POST" and answer.status < 300 and target is not None:
            recorded = call["response"]["json"]
            forge.hooks[target][-1].update({name: recorded[name] for name in ("id", "uuid") if name in recorded})
        answers.append((call, answer))
    return answers


def state(forge: FakeForge, kind: str) -> dict[str, list[Any]]:
    """The hooks of each target in a form that can be compared: what decides what comes, and where and how."""
    return {target: in_order(essence(kind, hook) for hook in hooks) for target, hooks in sorted(forge.hooks.items())}


def in_order(hooks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted, as the order of a list means nothing."""
    return sorted(hooks, key=lambda hook: repr(sorted(hook.items())))


def essence(kind: str, hook: Hook) -> dict[str, Any]:
    """URL, events, activity, TLS, form and secret of a hook, as far as its forge has them."""
    if kind == "gitlab":
        return {
            "url": hook["url"],
            "events": sorted(name for name, on in hook.items() if name.endswith("_events") and on),
            "ssl": hook.get("enable_ssl_verification"),
            "secret": hook.get("token"),
            "signing": hook.get("signing_token"),
        }
    named = hook.get("events") or ()
    common = {"events": ["*"] if "*" in named else sorted({*named}), "active": hook.get("active", True)}
    if kind == "github":
        config = hook.get("config") or {}
        form, insecure = config.get("content_type") or "form", str(config.get("insecure_ssl") or 0)
        told = {"url": config.get("url"), "secret": config.get("secret")}
        return {**common, **told, "content_type": form, "insecure_ssl": insecure}
    secret = hook.get("secret") if kind == "bitbucket" else (hook.get("configuration") or {}).get("secret")
    return {**common, "url": hook["url"], "secret": secret}
