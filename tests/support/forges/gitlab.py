"""A small GitLab: webhooks of projects and groups, the log of their events, and sending one again.

https://docs.gitlab.com/api/project_webhooks/ https://docs.gitlab.com/api/group_webhooks/
https://docs.gitlab.com/api/rest/#pagination https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/
"""

from __future__ import annotations

import base64
import binascii
import collections
from dataclasses import dataclass, field
from typing import Any

from tests.support.forges.base import Answer, FakeForge, Hook, Request

PROJECT = (
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "repository_update_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
)
GROUP = (*PROJECT, "member_events", "project_events", "subgroup_events")
SETTABLE = (
    "url",
    "name",
    "description",
    "enable_ssl_verification",
    "push_events_branch_filter",
    "token",
    "signing_token",
)
STATUS = {"successful": range(200, 300), "client_failure": range(400, 500), "server_failure": range(500, 600)}


@dataclass
class FakeGitLab(FakeForge):
    """Targets are ``projects/<id or path>`` and ``groups/<id or path>``; one that is no key of ``hooks`` does not exist.

    ``signs``: it knows signing tokens (19.0) and shows which tokens a hook has. ``events`` has the log of each hook by its id, newest
    first; an event that is sent again succeeds when ``reachable``.
    """

    prefix: str = "/api/v4"
    token: str = "glpat-abc"
    signs: bool = True
    limit: int | None = None
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    reachable: bool = True
    resends_left: int = 5
    """Events that it still sends again in this minute."""
    resent: collections.Counter[int] = field(default_factory=collections.Counter)
    """How often an event of the log was sent again, by its id."""

    def refusal(self, request: Request) -> Answer | None:
        given = request.headers.get("private-token") or request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if given == self.token else Answer(401, {"message": "401 Unauthorized"})

    def limited(self) -> Answer:
        return Answer(429, None, {"Retry-After": "1", "RateLimit-Limit": "500", "RateLimit-Remaining": "0"})

    def answer(self, request: Request, steps: list[str]) -> Answer:
        scope, owner, what, *rest = [*steps, *[""] * 3][:3] + steps[3:]
        hooks = self.hooks.get(f"{scope}/{owner}")
        if hooks is None or what != "hooks" or scope not in ("projects", "groups"):
            return Answer(404, {"message": f"404 {'Group' if scope == 'groups' else 'Project'} Not Found"})
        if not rest:
            return (
                self._list(request, [self.shown(hook) for hook in hooks])
                if request.method == "GET"
                else self._add(request, hooks)
            )
        hook = next((hook for hook in hooks if str(hook["id"]) == rest[0]), None)
        if hook is None:
            return self.missing()
        match request.method, rest[1:]:
            case "GET", []:
                return Answer(200, self.shown(hook))
            case "PUT", []:
                return self._edit(request, hook, hooks)
            case "DELETE", []:
                hooks.remove(hook)
                return Answer(204)
            case "GET", ["events"]:
                return self._list(request, self._log(request, hook))
            case "POST", ["events", event, "resend"]:
                return self._resend(hook, event)
        return Answer(405, {"error": "405 Not Allowed"})

    def shown(self, hook: Hook) -> Hook:
        """A hook as the API shows it: without its tokens."""
        seen = {name: value for name, value in hook.items() if name not in ("token", "signing_token")}
        if self.signs:
            seen |= {f"{name}_present": bool(hook.get(name)) for name in ("token", "signing_token")}
        return seen

    def _add(self, request: Request, hooks: list[Hook]) -> Answer:
        if self.limit is not None and len(hooks) >= self.limit:
            return Answer(422, {"message": {"base": [f"Maximum number of project webhooks ({self.limit}) exceeded"]}})
        switches = GROUP if "/groups/" in request.path else PROJECT
        hook = {
            "id": self.number(),
            "url": "",
            "name": None,
            "description": None,
            **{name: name == "push_events" for name in switches},
            "enable_ssl_verification": True,
            "alert_status": "executable",
            "disabled_until": None,
            "created_at": "2026-01-01T00:00:00.000Z",
        }
        return self._set(request, hook, hooks) or (hooks.append(hook) or Answer(201, self.shown(hook)))

    def _edit(self, request: Request, hook: Hook, hooks: list[Hook]) -> Answer:
        if (request.json or {}).get("url") != hook["url"]:
            hook.pop("token", None)
            hook.pop("signing_token", None)
        return self._set(request, hook, hooks) or Answer(200, self.shown(hook))

    def _set(self, request: Request, hook: Hook, hooks: list[Hook]) -> Answer | None:
        given = request.json or {}
        if "url" not in given:
            return Answer(400, {"error": "url is missing"})
        if not str(given["url"]).startswith(("http://", "https://")):
            return Answer(422, {"message": "Invalid url given"})
        signing = given.get("signing_token") if self.signs else None
        if signing and not _is_signing_token(signing):
            return Answer(422, {"message": {"signing_token": ["must be whsec_ and the base64 of 32 bytes"]}})
        known = {*SETTABLE, *(name for name in hook if name.endswith("_events"))} - (
            set() if self.signs else {"signing_token"}
        )
        hook.update({name: value for name, value in given.items() if name in known})
        return None

    def _list(self, request: Request, items: list[Any]) -> Answer:
        number, size = (
            int(request.query.get("page", 1)),
            min(int(request.query.get("per_page", self.page)), 100, self.page),
        )
        more = len(items) > number * size
        headers = {"X-Page": str(number), "X-Per-Page": str(size), "X-Next-Page": str(number + 1) if more else ""}
        if more:
            headers["Link"] = f'<{self.url}{request.path}?page={number + 1}&per_page={size}>; rel="next"'
        return Answer(200, items[(number - 1) * size : number * size], headers)

    def _log(self, request: Request, hook: Hook) -> list[dict[str, Any]]:
        wanted = request.query.get("status", "")
        events = self.events.get(hook["id"], [])
        if not wanted:
            return events
        statuses = [str(number) for number in STATUS[wanted]] if wanted in STATUS else [wanted]
        return [event for event in events if event["response_status"] in statuses]

    def _resend(self, hook: Hook, identifier: str) -> Answer:
        event = next((e for e in self.events.get(hook["id"], []) if str(e["id"]) == identifier), None)
        if event is None:
            return self.missing()
        if self.resends_left <= 0:
            return Answer(
                429, {"message": {"error": "This endpoint has been requested too many times. Try again later."}}
            )
        self.resends_left -= 1
        self.resent[event["id"]] += 1
        status = 200 if self.reachable else 500
        again = {**event, "id": self.number(), "response_status": str(status)}
        self.events[hook["id"]].insert(0, again)
        return Answer(201, {"response_status": status})


def _is_signing_token(text: str) -> bool:
    try:
        return text.startswith("whsec_") and len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) == 32
    except binascii.Error:
        return False
