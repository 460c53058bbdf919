"""A small Bitbucket Cloud: webhooks of repositories.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-get
https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

from tests.support.forges.base import Answer, FakeForge, Hook, Request


@dataclass
class FakeBitbucket(FakeForge):
    """Targets are ``<workspace>/<repository>``; one that is no key of ``hooks`` does not exist."""

    prefix: str = "/2.0"
    user: str = "alice"
    password: str = "app-pw"
    token: str = "bb-oauth"
    limit: int | None = None

    def refusal(self, request: Request) -> Answer | None:
        basic = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return (
            None
            if request.headers.get("authorization") in (basic, f"Bearer {self.token}")
            else _error(401, "Unauthorized")
        )

    def limited(self) -> Answer:
        return _error(429, "Rate limit for this resource has been exceeded", {"Retry-After": "1"})

    def missing(self) -> Answer:
        return _error(404, "Not Found")

    def answer(self, request: Request, steps: list[str]) -> Answer:
        match request.method, steps:
            case "GET", ["repositories", owner, slug, "hooks"] if f"{owner}/{slug}" in self.hooks:
                return self._list(request, self.hooks[f"{owner}/{slug}"])
            case "POST", ["repositories", owner, slug, "hooks"] if f"{owner}/{slug}" in self.hooks:
                return self._add(request, self.hooks[f"{owner}/{slug}"])
            case method, ["repositories", owner, slug, "hooks", name]:
                hooks = self.hooks.get(f"{owner}/{slug}", [])
                hook = next((hook for hook in hooks if hook["uuid"] == name), None)
                if hook is not None and method == "PUT":
                    return _set(request, hook) or Answer(200, shown(hook))
                if hook is not None and method == "DELETE":
                    hooks.remove(hook)
                    return Answer(204)
        return self.missing()

    def _list(self, request: Request, hooks: list[Hook]) -> Answer:
        number, size = int(request.query.get("page", 1)), min(int(request.query.get("pagelen", 10)), 100, self.page)
        page = {"pagelen": size, "page": number, "size": len(hooks)}
        page["values"] = [shown(hook) for hook in hooks[(number - 1) * size : number * size]]  # type: ignore[assignment]
        if len(hooks) > number * size:
            page["next"] = f"{self.url}{request.path}?page={number + 1}&pagelen={size}"  # type: ignore[assignment]
        return Answer(200, page)

    def _add(self, request: Request, hooks: list[Hook]) -> Answer:
        if self.limit is not None and len(hooks) >= self.limit:
            return _error(400, f"You can't create more than {self.limit} webhooks")
        hook: Hook = {
            "uuid": f"{{{uuid.UUID(int=self.number())}}}",
            "url": "",
            "description": "",
            "active": True,
            "events": [],
            "type": "webhook_subscription",
            "subject_type": "repository",
        }
        refused = _set(request, hook)
        if refused is None:
            hooks.append(hook)
        return refused or Answer(201, shown(hook))


def shown(hook: Hook) -> Hook:
    """A hook as the API shows it: without its secret."""
    return {**{name: value for name, value in hook.items() if name != "secret"}, "secret_set": bool(hook.get("secret"))}


def _set(request: Request, hook: Hook) -> Answer | None:
    given = request.json or {}
    if not str(given.get("url", hook["url"])).startswith(("http://", "https://")):
        return _error(400, "url: Enter a valid URL.")
    if not given.get("events", hook["events"]):
        return _error(400, "events: This field is required.")
    known = ("url", "description", "active", "events", "secret")
    # A secret that isn't given stays; null or nothing takes it away.
    hook.update({name: given[name] for name in known if name in given})
    return None


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"type": "error", "error": {"message": message}}, headers or {})
