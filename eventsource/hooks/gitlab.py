"""Hooks of GitLab's projects and groups (spec §3.4), and what its log of deliveries says.

https://docs.gitlab.com/api/project_webhooks/ https://docs.gitlab.com/api/group_webhooks/
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from events.errors import Refused, SpecError
from events.registry import did_you_mean
from eventsource.hooks import Connect, Desired, Existing, Forge, Health, Missed, Target, part, register, same_address
from eventsource.hooks.client import Answer, Client, Page, by_link
from eventsource.hooks.plan import Sealed
from eventsource.webhooks.gitlab import EVENTS, PREFIX, GitLabConfig

__all__ = ["GitLab"]

API = "/api/v4"

SPELLED_OTHERWISE = {"SubGroupEvents": "subgroup_events"}
"""Names of the reference that are not the API's with capitals for underscores."""

GROUP_ONLY = ("member_events", "project_events", "subgroup_events")

LOG_PAGES = 25
"""Pages of the log that are read at most: it goes back for days, and each entry has the whole delivery in it."""

PRESENT = {"token_present": "token", "signing_token_present": "signing_token"}
"""The fields that tell whether a hook has a token, by what sets it."""

UNSIGNED = "this GitLab keeps no signing token for its hooks, so it will not sign deliveries"


def _switch(event: str) -> str:
    """``MergeRequestsEvents`` → ``merge_requests_events``."""
    letters = (f"_{letter.lower()}" if letter.isupper() else letter for letter in event)
    return SPELLED_OTHERWISE.get(event) or "".join(letters).lstrip("_")


SWITCHES = {event: _switch(event) for event in EVENTS}
"""The field of the API for each event as the reference names it."""


def next_page(answer: Answer) -> Page:
    """The next page is that of the ``Link`` header (any kind of paging), else that of ``X-Next-Page``."""
    page = by_link(answer)
    number = answer.headers.get("x-next-page", "")
    if page.next is not None or not number:
        return page
    return Page(page.items, {"page": number, "per_page": answer.headers.get("x-per-page") or "20"})


@register("gitlab")
class GitLab(Forge[GitLabConfig]):
    """``projects`` and ``groups``; a switch for each event. What a user set besides (branch filters, headers) stays."""

    kind = "gitlab"
    update_method = "PUT"
    redelivers = True

    def connect(self, connect: Connect) -> Client:
        """``gitlabBaseURL`` is GitLab's address, or that of its API."""
        if self.config.access_token is None:
            raise SpecError("accessToken must be given, or no hook can be made", path="accessToken")
        token = self.config.access_token
        base = self.config.gitlab_base_url.rstrip("/")

        async def authorize() -> Mapping[str, str]:
            return {"PRIVATE-TOKEN": self.secret(token).decode("utf-8", "replace").strip()}

        return connect(base if base.endswith(API) else base + API, authorize)

    def wanted(self) -> list[Desired]:
        """A hook on each group and each project."""
        events = frozenset(switches(self.config.events or ()))
        fields = {"enable_ssl_verification": self.config.enable_ssl_verification}
        secret = self.sealed()
        return [Desired(target, self.url, events, fields, secret, event=self.event) for target in targets(self.config)]

    def path(self, target: Target) -> str:
        """By id or by path."""
        return f"/{target.kind}s/{part(target.name)}/hooks"

    def read(self, target: Target, raw: Mapping[str, Any]) -> Existing:
        """A switch that this GitLab does not know is left out of account; so are tokens, which it shows since 19.0 only."""
        on = {switch for switch in SWITCHES.values() if raw.get(switch)}
        unknown = {switch for switch in switches(self.config.events or ()) if switch not in raw}
        fields = {name: raw[name] for name in ("enable_ssl_verification", *PRESENT) if isinstance(raw.get(name), bool)}
        present = [fields.get(name) for name in self._present()]
        return Existing(
            target,
            str(raw.get("id") or ""),
            str(raw.get("url", "")),
            frozenset(on | unknown),
            fields,
            has_secret=None if None in present else any(present),
            health=_health(raw),
        )

    def body(self, wish: Desired) -> Mapping[str, Any]:
        """All switches that there are, so that none is left on."""
        allowed = (s for s in SWITCHES.values() if wish.target.kind == "group" or s not in GROUP_ONLY)
        body = {
            "url": wish.url,
            **{switch: switch in wish.events for switch in allowed},
            **wish.fields,
            **wish.settings,
        }
        return body if wish.secret is None else {**body, _token_field(wish.secret): wish.secret.text}

    page = staticmethod(next_page)

    async def create(self, wish: Desired) -> Existing:
        """Make a hook. Raises Refused when deliveries are to be signed, and will not be."""
        answer = await self.client.call("POST", self.path(wish.target), body=self.body(wish))
        _check_signing(wish, answer)
        return self.told(wish.target, answer.json)

    async def update(self, hook: Existing, wish: Desired) -> None:
        """Change a hook; a token that is not wanted any more goes."""
        cleared = {field: "" for name, field in PRESENT.items() if hook.fields.get(name)}
        answer = await self.client.call("PUT", self.hook_path(hook), body={**cleared, **self.body(wish)})
        _check_signing(wish, answer)

    async def health(self, hook: Existing) -> Health:
        """With the time of the last delivery, from the log."""
        events = (await self.client.call("GET", f"{self.hook_path(hook)}/events", query={"per_page": "1"})).json
        dates = [_date(event) for event in events if isinstance(event, dict)] if isinstance(events, list) else []
        last = next((date for date in dates if date is not None), None)
        return Health(last, hook.health.failing, hook.health.disabled, hook.health.message)

    async def missed(self, hook: Existing, since: float) -> list[Missed]:
        """From the log of the hook (GitLab 17.3)."""
        events: list[Any] = []
        query: Mapping[str, str] | None = {"per_page": "20"}
        for _ in range(LOG_PAGES):
            page = next_page(await self.client.call("GET", f"{self.hook_path(hook)}/events", query=query))
            events += page.items
            query = page.next
            if query is None or any((_date(event) or since) < since for event in page.items):
                break
        return failed(events, hook.url, since, time.time())

    async def redeliver(self, hook: Existing, missed: Missed) -> None:
        """GitLab 17.4; five a minute for each hook."""
        await self.client.call("POST", f"{self.hook_path(hook)}/events/{part(missed.id)}/resend")

    def explain(self, wish: Desired, error: Refused) -> Refused:
        """What a user of GitLab runs into first."""
        if error.status == 422 and "url" in error.message.rpartition("422 ")[2].lower():
            hint = "does GitLab allow requests to this address? Admin → Settings → Network → Outbound requests"
            return Refused(error.message, status=422, hint=hint)
        if error.status in (403, 404) and wish.target.kind == "group":
            hint = "hooks of groups need a Premium GitLab and the Owner role; list the projects instead"
            return Refused(error.message, status=error.status, hint=hint)
        return error

    def _present(self) -> list[str]:
        """What tells whether the kind of token that is wanted is there; any kind, when none is."""
        secret = self.sealed()
        return [name for name, field in PRESENT.items() if secret is None or field == _token_field(secret)]


def targets(config: GitLabConfig) -> list[Target]:
    """Groups and projects; ``projectID`` counts when there is no ``projects``."""
    projects = config.projects or [config.project_id] * bool(config.project_id)
    return [*(Target("group", name) for name in config.groups), *(Target("project", name) for name in projects)]


def switches(events: Iterable[str]) -> list[str]:
    """The API's names of events. Raises SpecError for one that is none."""
    for event in events:
        if event not in SWITCHES:
            hint = did_you_mean(event, [*EVENTS]) or f"known: {', '.join(EVENTS)}"
            raise SpecError(f"no hook has an event '{event}'", path="events", hint=hint)
    return [SWITCHES[event] for event in events]


def failed(events: Iterable[Any], url: str, since: float, now: float) -> list[Missed]:
    """Deliveries to this URL that failed since then, and did not succeed later, the oldest first; ``events`` is the log, the newest first.

    An attempt without an answer has no time in the log: it is taken for that of the one before it in the list.
    """
    found: dict[str, Missed] = {}
    delivered: set[str] = set()
    at = now
    for event in events:
        if not isinstance(event, dict) or not same_address(str(event.get("url")), url):
            continue
        at = _date(event) or at
        if at < since:
            break
        status = str(event.get("response_status", ""))
        headers = event.get("request_headers")
        delivery = str(headers.get("Idempotency-Key", "")) if isinstance(headers, dict) else ""
        if not delivery:
            continue
        if status.startswith("2") and len(status) == 3:
            delivered.add(delivery)
        elif delivery not in delivered:
            number = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 0
            found.setdefault(delivery, Missed(str(event.get("id", "")), delivery, at, number))
    return [missed for delivery, missed in reversed(found.items()) if delivery not in delivered]


def _date(event: Any) -> float | None:
    """When the answer to an attempt came."""
    headers = event.get("response_headers") if isinstance(event, dict) else None
    text = headers.get("Date") if isinstance(headers, dict) else None
    try:
        return parsedate_to_datetime(text).timestamp() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _health(raw: Mapping[str, Any]) -> Health:
    match raw.get("alert_status"):
        case "disabled":
            return Health(
                failing=True, disabled=True, message="GitLab has disabled it after failures; test it there once"
            )
        case "temporarily_disabled":
            return Health(
                failing=True, disabled=True, message=f"GitLab has disabled it until {raw.get('disabled_until')}"
            )
    return Health()


def _token_field(secret: Sealed) -> str:
    return "signing_token" if secret.value.startswith(PREFIX) else "token"


def _check_signing(wish: Desired, answer: Answer) -> None:
    """A GitLab that knows no signing tokens leaves them out of account, without a word."""
    if wish.secret is not None and _token_field(wish.secret) == "signing_token":
        told = answer.json
        if not isinstance(told, dict) or told.get("signing_token_present") is not True:
            raise Refused(UNSIGNED, hint="it does since 19.0, with the feature turned on; else use a plain secretToken")
