"""A small GitHub: webhooks of repositories and organizations, Apps and their hook, the log of deliveries.

https://docs.github.com/en/rest/repos/webhooks https://docs.github.com/en/rest/orgs/webhooks
https://docs.github.com/en/rest/apps/webhooks https://docs.github.com/en/rest/apps/apps
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jwt

from tests.support.forges.base import Answer, FakeForge, Hook, Request

HIDDEN = "********"


@dataclass
class FakeGitHub(FakeForge):
    """Targets are ``repos/<owner>/<name>`` and ``orgs/<name>``; one that is no key of ``hooks`` does not exist.

    ``limit``: hooks of a target for one event. ``unique``: a hook with the configuration of another and an event in common is refused.
    ``deliveries`` has the log of each hook by its id (0: that of the App), newest first; what was asked for again is in ``attempts``.
    """

    prefix: str = "/api/v3"
    token: str = "t0k3n"
    limit: int = 20
    unique: bool = True
    reset: float = 1_700_000_060.0
    """When there will be a new budget."""
    deliveries: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    attempts: list[int] = field(default_factory=list)
    app: int = 7
    app_key: str = ""
    """The public key of the App, PEM."""
    app_events: list[str] = field(default_factory=lambda: ["push"])
    app_hook: dict[str, Any] = field(default_factory=dict)
    installations: dict[str, str] = field(default_factory=dict)
    """Tokens that were given, by the id of the installation."""
    now: Callable[[], float] = time.time

    def refusal(self, request: Request) -> Answer | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme in ("token", "Bearer") and given:
            as_app = request.path.removeprefix(self.prefix).startswith("/app")
            if self._is_app(given) if as_app else given in (self.token, *self.installations.values()):
                return None
        return Answer(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})

    def _is_app(self, given: str) -> bool:
        checks = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(given, self.app_key, algorithms=["RS256"], options=checks)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError):
            return False
        # At most ten minutes ahead, and not from the future.
        return claims["iss"] == str(self.app) and claims["iat"] <= self.now() < claims["exp"] <= self.now() + 600

    def limited(self) -> Answer:
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(self.reset))}
        return Answer(403, {"message": "API rate limit exceeded"}, headers)

    def missing(self) -> Answer:
        return Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})

    def answer(self, request: Request, steps: list[str]) -> Answer:
        if steps[:1] == ["app"]:
            return self._answer_app(request, steps[1:])
        target, rest = (
            "/".join(steps[: 3 if steps[:1] == ["repos"] else 2]),
            steps[3 if steps[:1] == ["repos"] else 2 :],
        )
        hooks = self.hooks.get(target)
        if hooks is None or rest[:1] != ["hooks"]:
            return self.missing()
        match request.method, rest[1:]:
            case "GET", []:
                return self._page(request, [shown(hook) for hook in hooks])
            case "POST", []:
                return self._create(request, hooks)
        hook = next((hook for hook in hooks if [str(hook["id"])] == rest[1:2]), None)
        if hook is None:
            return self.missing()
        match request.method, rest[2:]:
            case "PATCH", []:
                changed = {**hook}
                _set(changed, request.json)
                if self._is_there(changed, [one for one in hooks if one is not hook]):
                    return _refused("Hook already exists on this repository")
                hook.update(changed)
                return Answer(200, shown(hook))
            case "DELETE", []:
                hooks.remove(hook)
                return Answer(204)
            case method, ["deliveries", *last]:
                return self._deliveries(method, request, hook["id"], last)
        return self.missing()

    def _create(self, request: Request, hooks: list[Hook]) -> Answer:
        given = request.json or {}
        if not given.get("config", {}).get("url"):
            return _refused("config.url is missing")
        hook: Hook = {"id": self.number(), "name": "web", "active": True, "events": ["push"], "config": {}}
        hook["type"] = "Organization" if "/orgs/" in request.path else "Repository"
        hook["last_response"] = {"code": None, "status": "unused", "message": None}
        _set(hook, given)
        for event in hook["events"]:
            if sum(event in other["events"] for other in hooks) >= self.limit:
                return _refused(f'The "{event}" event cannot have more than {self.limit} hooks')
        if self._is_there(hook, hooks):
            return _refused("Hook already exists on this repository")
        hooks.append(hook)
        return Answer(201, shown(hook))

    def _is_there(self, hook: Hook, others: list[Hook]) -> bool:
        """Several hooks can share a configuration as long as they have no events in common."""
        alike = (other for other in others if other["config"] == hook["config"])
        return self.unique and any({*other["events"]} & {*hook["events"]} for other in alike)

    def _page(self, request: Request, items: list[Any]) -> Answer:
        number = int(request.query.get("page", 1))
        size = min(int(request.query.get("per_page", 30)), 100, self.page)
        headers = {}
        if number * size < len(items):
            query = urlencode({**request.query, "page": number + 1})
            headers["Link"] = f'<{self.url}{request.path}?{query}>; rel="next", <{self.url}{request.path}>; rel="last"'
        return Answer(200, items[(number - 1) * size : number * size], headers)

    def _deliveries(self, method: str, request: Request, hook: int, rest: list[str]) -> Answer:
        log = self.deliveries.get(hook, [])
        match method, rest:
            case "GET", []:
                size, start = (
                    min(int(request.query.get("per_page", 30)), self.page),
                    int(request.query.get("cursor", 0)),
                )
                headers = {}
                if start + size < len(log):
                    query = urlencode({"per_page": size, "cursor": start + size})
                    headers["Link"] = f'<{self.url}{request.path}?{query}>; rel="next"'
                return Answer(200, log[start : start + size], headers)
            case "POST", [identifier, "attempts"] if any(str(one["id"]) == identifier for one in log):
                self.attempts.append(int(identifier))
                return Answer(202, {})
        return self.missing()

    def _answer_app(self, request: Request, steps: list[str]) -> Answer:
        match request.method, steps:
            case "GET", []:
                return Answer(200, {"id": self.app, "slug": "pointsman", "events": self.app_events})
            case "POST", ["installations", identifier, "access_tokens"]:
                token = self.installations[identifier] = f"ghs_{identifier}_{self.number()}"
                ends = datetime.fromtimestamp(self.now() + 3600, UTC)
                return Answer(201, {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
            case "PATCH", ["hook", "config"]:
                self.app_hook.update(request.json)
                return Answer(200, _hidden(self.app_hook))
            case "GET", ["hook", "config"]:
                return Answer(200, _hidden(self.app_hook))
            case method, ["hook", "deliveries", *last]:
                return self._deliveries(method, request, 0, last)
        return self.missing()


def shown(hook: Hook) -> Hook:
    """A hook as the API shows it: that it has a secret, but not which."""
    return {**hook, "config": _hidden(hook["config"])}


def _hidden(config: dict[str, Any]) -> dict[str, Any]:
    return {name: HIDDEN if name == "secret" else value for name, value in config.items()}


def _set(hook: Hook, given: dict[str, Any]) -> None:
    """The configuration is replaced as a whole: a secret that isn't given again is removed."""
    hook.update({name: given[name] for name in ("active", "events") if name in given})
    if "config" in given:
        hook["config"] = {"content_type": "form", "insecure_ssl": "0", **given["config"]}


def _refused(sentence: str) -> Answer:
    errors = [{"resource": "Hook", "code": "custom", "message": sentence}]
    return Answer(422, {"message": "Validation Failed", "errors": errors})
