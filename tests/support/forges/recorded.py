"""A fake forge in the state that a recorded case began in, and what a list of recorded calls makes of it.

A case has the calls that one EventSource made and what a tiny static server answered (``../shared/conformance/eventsource/README.md``):
its lists of hooks are the state at the beginning, and what it refused is refused again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from tests.support.forges.base import Answer, FakeForge, Fault, Hook, Request
from tests.support.forges.bitbucket import FakeBitbucket
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.gitlab import FakeGitLab

Case = dict[str, Any]

LISTS = {
    "gitlab": r"(?P<prefix>.*/api/v4)/(?P<target>(projects|groups)/[^/]+)/hooks/?",
    "bitbucket": r"(?P<prefix>.*/2\.0)/repositories/(?P<target>[^/]+/[^/]+)/hooks/?",
    "bitbucketserver": r"(?P<prefix>.*/api/1\.0)/projects/(?P<project>[^/]+)/repos/(?P<slug>[^/]+)/webhooks/?",
}
"""The paths of lists of hooks."""

BASE_URLS = {"gitlab": "gitlabBaseURL", "bitbucketserver": "bitbucketserverBaseURL", "github": "githubBaseURL"}


def event_of(case: Case) -> dict[str, Any]:
    """The only event of a case."""
    (event,) = case["spec"][case["kind"]].values()
    return dict(event)


def stopping(case: Case) -> list[Any]:
    """The calls that were made when the process was told to stop."""
    return list((case.get("outcome") or {}).get("calls_on_sigterm") or [])


def request_of(call: Any) -> Request:
    """A recorded call."""
    recorded = call["request"]
    path = urlsplit(recorded["path"])
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    return Request(recorded["method"], path.path, dict(parse_qsl(path.query)), headers, recorded.get("json"))


def moved(url: str, root: str) -> str:
    """The URL of the recorded server, at another root."""
    here, there = urlsplit(url), urlsplit(root)
    return urlunsplit((there.scheme, there.netloc, here.path, here.query, ""))


def target_of(kind: str, path: str) -> str | None:
    """The target whose hooks are listed at a path."""
    found = re.fullmatch(LISTS[kind], path)
    if found is None:
        return None
    parts = found.groupdict()
    return unquote(parts["target"]) if "target" in parts else unquote(f"{parts['project']}/{parts['slug']}")


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
                forge.hooks[target] = [dict(hook) for hook in values or []]
        if response["status"] >= 400 or _is_nonsense(case, call):
            refused[at] = Answer(response["status"], response.get("json"))
    known = {(call["request"]["method"], unquote(call["request"]["path"])) for call in stopping(case)}

    def fault(request: Request) -> Fault | None:
        at = (request.method, unquote(request.path).rstrip("/"))
        return Fault(refused[at]) if at in refused and at not in known else None

    forge.fault = fault
    return forge


def _is_nonsense(case: Case, call: Any) -> bool:
    """Whether a list was answered with something that is none."""
    at_list = call["request"]["method"] == "GET" and target_of(case["kind"], request_of(call).path) is not None
    answer = call["response"].get("json")
    return at_list and not isinstance(answer.get("values") if isinstance(answer, dict) else answer, list)


def empty(case: Case) -> FakeForge:
    """A forge without hooks that lets in whoever the case says."""
    secrets, event = case["secrets"], event_of(case)

    def secret(selector: Any) -> str:
        return str(secrets.get(f"{selector['name']}/{selector['key']}", "")).removesuffix("\n")

    match case["kind"]:
        case "gitlab":
            return FakeGitLab(token=secret(event["accessToken"]), signs=False, page=100)
        case "bitbucketserver":
            return FakeBitbucketServer(token=secret(event["accessToken"]), page=100)
        case "bitbucket":
            auth = event["auth"]
            if "basic" in auth:
                return FakeBitbucket(
                    user=secret(auth["basic"]["username"]), password=secret(auth["basic"]["password"]), page=100
                )
            return FakeBitbucket(token=secret(auth["oauthToken"]), page=100)
    raise NotImplementedError(case["kind"])


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
    return {
        target: sorted((essence(kind, hook) for hook in hooks), key=repr)
        for target, hooks in sorted(forge.hooks.items())
    }


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
    common = {"events": sorted(hook["events"]), "active": hook["active"]}
    if kind == "github":
        config = hook["config"]
        return {**common, **{name: config.get(name) for name in ("url", "content_type", "insecure_ssl", "secret")}}
    secret = hook.get("secret") if kind == "bitbucket" else hook["configuration"].get("secret")
    return {**common, "url": hook["url"], "secret": secret}
