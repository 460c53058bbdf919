"""A small Bitbucket Server or Data Center: webhooks of repositories, and the repositories of a project.

https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get
https://confluence.atlassian.com/bitbucketserver/improving-instance-stability-with-rate-limiting-976171954.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.forges.base import Answer, FakeForge, Hook, Request


@dataclass
class FakeBitbucketServer(FakeForge):
    """Targets are ``<project>/<repository>``; one that is no key of ``hooks`` does not exist.

    ``masks``: it does not show secrets. ``pulls``: states of the pull requests that a commit is in.
    """

    prefix: str = "/rest/api/1.0"
    token: str = "bbs-token"
    masks: bool = False
    pulls: dict[str, list[str]] = field(default_factory=dict)

    def refusal(self, request: Request) -> Answer | None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "Authentication failed. Please check your credentials and try again.")
        if request.method != "GET" and request.headers.get("x-atlassian-token") != "no-check":
            return _error(403, "XSRF check failed")
        return None

    def limited(self) -> Answer:
        headers = {"X-RateLimit-Interval-Seconds": "1", "X-RateLimit-Remaining": "0", "Retry-After": "1"}
        return Answer(429, {"errors": [{"message": "You have been rate limited"}]}, headers)

    def missing(self) -> Answer:
        return _error(404, "Repository does not exist.")

    def answer(self, request: Request, steps: list[str]) -> Answer:
        match steps:
            case ["projects", project, "repos"] if request.method == "GET":
                found = [key.partition("/")[2] for key in self.hooks if key.partition("/")[0] == project]
                return self._list(
                    request, [{"slug": s, "name": s, "project": {"key": project}} for s in found], most=1000
                )
            case ["projects", project, "repos", slug, "webhooks", *rest] if f"{project}/{slug}" in self.hooks:
                return self._webhooks(request, self.hooks[f"{project}/{slug}"], rest)
            case ["projects", project, "repos", slug, "commits", commit, "pull-requests"] if (
                f"{project}/{slug}" in self.hooks
            ):
                states = enumerate(self.pulls.get(commit, []))
                return self._list(request, [{"id": number, "state": state} for number, state in states], most=self.page)
        return self.missing()

    def _webhooks(self, request: Request, hooks: list[Hook], rest: list[str]) -> Answer:
        if not rest and request.method == "GET":
            return self._list(request, [self._shown(hook) for hook in hooks], most=self.page)
        if not rest:
            hook: Hook = {"id": self.number(), "configuration": {}, "active": True}
            refused = _set(request, hook)
            if refused is None:
                hooks.append(hook)
            return refused or Answer(201, self._shown(hook))
        found = next((hook for hook in hooks if str(hook["id"]) == rest[0]), None)
        if found is None:
            return _error(404, f"The webhook {rest[0]} does not exist.")
        if request.method == "PUT":
            return _set(request, found) or Answer(200, self._shown(found))
        hooks.remove(found)
        return Answer(204)

    def _shown(self, hook: Hook) -> Hook:
        if not self.masks or not (hook.get("configuration") or {}).get("secret"):
            return dict(hook)
        return {**hook, "configuration": {"secret": "*****"}}

    def _list(self, request: Request, items: list[Any], most: int) -> Answer:
        start, limit = int(request.query.get("start", 0)), min(int(request.query.get("limit", 25)), most)
        values = items[start : start + limit]
        page: dict[str, Any] = {"size": len(values), "limit": limit, "start": start, "values": values}
        page["isLastPage"] = start + limit >= len(items)
        if not page["isLastPage"]:
            page["nextPageStart"] = start + limit
        return Answer(200, page)


def _set(request: Request, hook: Hook) -> Answer | None:
    given = request.json or {}
    for name in ("name", "url", "events"):
        if not given.get(name):
            return _error(400, f"{name} must be given", name)
    hook.update(
        {name: given[name] for name in ("name", "url", "events", "active", "sslVerificationRequired") if name in given}
    )
    if "configuration" in given:
        hook["configuration"] = given["configuration"] or {}
    return None


def _error(status: int, message: str, context: str | None = None) -> Answer:
    return Answer(status, {"errors": [{"context": context, "message": message, "exceptionName": None}]})
