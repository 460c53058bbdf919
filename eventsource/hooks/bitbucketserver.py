"""Hooks of the repositories of Bitbucket Server and Data Center (spec §3.4).

https://developer.atlassian.com/server/bitbucket/rest/v906/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events.errors import SpecError, Unavailable
from events.models.shared import go_duration
from eventsource.hooks import INTERVAL, Connect, Desired, Existing, Forge, Secret, Target, part, register, same_address
from eventsource.hooks.client import Answer, Client, Page
from eventsource.hooks.plan import Sealed
from eventsource.webhooks.bitbucketserver import BitbucketServerConfig

__all__ = ["BitbucketServer", "by_start", "client_of"]

API = "/api/1.0"
NAME = "Pointsman"
SHORTEST_INTERVAL = 1.0
TLS_CHECK = "sslVerificationRequired"


def by_start(answer: Answer) -> Page:
    """A page with ``values`` and where the next one starts."""
    page = answer.json
    if not isinstance(page, dict) or not isinstance(page.get("values"), list):
        raise Unavailable("the answer is no page of a list", hint="is this the address of the API?")
    if page.get("isLastPage", True):
        return Page(page["values"], None)
    start, limit = page.get("nextPageStart"), page.get("limit")
    if type(start) is not int or start < 0:
        raise Unavailable("the answer does not tell where the next page of the list is")
    return Page(page["values"], {**({"limit": str(limit)} if type(limit) is int else {}), "start": str(start)})


@register("bitbucketserver")
class BitbucketServer(Forge[BitbucketServerConfig]):
    """``repositories``, and all that there are in ``projects`` at each look."""

    kind = "bitbucketserver"
    update_method = "PUT"

    def connect(self, connect: Connect) -> Client:
        """As ``client_of``."""
        return client_of(self.config, self.secret, connect)

    @property
    def interval(self) -> float:
        """``checkInterval``, where it is given. A project costs a call more, which may be the second for its only hook."""
        return self._given or (2 * INTERVAL if self.config.projects else INTERVAL)

    def pause(self, cost: float) -> float:
        """``checkInterval`` is meant as it is written."""
        return self._given or super().pause(cost)

    @property
    def _given(self) -> float:
        """``checkInterval``; 0 when there is none."""
        try:
            seconds = go_duration(self.config.check_interval) / 1e9
        except ValueError:
            return 0.0
        return max(seconds, SHORTEST_INTERVAL) if seconds > 0 else 0.0

    def wanted(self) -> list[Desired]:
        """A hook on each of the ``repositories``."""
        return self._wishes(targets(self.config))

    async def desired(self) -> list[Desired]:
        """Also on each repository of the ``projects``."""
        found = targets(self.config)
        for project in self.config.projects:
            query = {"limit": "500", "start": "0"}
            for raw in await self.client.items(f"/projects/{part(project)}/repos", query, by_start):
                if not isinstance(raw, dict) or not isinstance(raw.get("slug"), str):
                    raise Unavailable(f"the answer for project {project} holds what is no repository")
                found.append(Target("repository", f"{project}/{raw['slug']}"))
        return self._wishes(dict.fromkeys(found))

    def _wishes(self, found: Iterable[Target]) -> list[Desired]:
        events, secret = frozenset(self.config.events), self.sealed()
        return [
            Desired(target, self.url, events, {"active": True}, secret, {"name": NAME}, self.event) for target in found
        ]

    def path(self, target: Target) -> str:
        """By project and repository."""
        project, _, slug = target.name.partition("/")
        return f"/projects/{part(project)}/repos/{part(slug)}/webhooks"

    def page_query(self) -> Mapping[str, str]:
        """As many as it gives at once."""
        return {"limit": "1000", "start": "0"}

    page = staticmethod(by_start)

    def read(self, target: Target, raw: Mapping[str, Any]) -> Existing:
        """The secret is in the configuration, unless it is masked or hidden."""
        fields: dict[str, str | bool] = {
            name: raw[name] for name in ("active", TLS_CHECK) if isinstance(raw.get(name), bool)
        }
        if raw.get("name"):
            fields["name"] = str(raw["name"])
        configuration = raw.get("configuration")
        secret = configuration.get("secret") if isinstance(configuration, dict) else None
        told = str(raw.get("url", ""))
        url = self.url if same_address(told, self.url) else told  # the fingerprint is of the URL, too
        shown = secret if isinstance(secret, str) and secret.strip("*") else None
        return Existing(
            target,
            str(raw.get("id") or ""),
            url,
            frozenset(raw.get("events") or ()),
            fields,
            has_secret=None if not secret and self.hides_secrets else bool(secret),
            fingerprint=None if shown is None else Sealed(shown.encode()).fingerprint(target, url),
        )

    def body(self, wish: Desired) -> Mapping[str, Any]:
        """The whole hook."""
        body = {"url": wish.url, "events": sorted(wish.events), **wish.fields, **wish.settings}
        return body if wish.secret is None else {**body, "configuration": {"secret": wish.secret.text}}

    async def create(self, wish: Desired) -> Existing:
        """Make a hook."""
        answer = await self.client.call("POST", self.path(wish.target), body=self.body(wish))
        hook = self.told(wish.target, answer.json)
        self._see(answer, wish)
        return hook

    async def update(self, hook: Existing, wish: Desired) -> None:
        """Change a hook; its name and whether it checks certificates stay, a secret that is not wanted any more goes."""
        kept = {name: hook.fields[name] for name in ("name", TLS_CHECK) if name in hook.fields}
        body = {"configuration": {}, **self.body(wish), **kept}
        answer = await self.client.call("PUT", self.hook_path(hook), body=body)
        self._see(answer, wish)

    def _see(self, answer: Answer, wish: Desired) -> None:
        """Find out whether it hides secrets: one was set, and is not in the answer."""
        told = answer.json
        now = self.read(wish.target, told if isinstance(told, dict) else {})
        self.hides_secrets = self.hides_secrets or (wish.secret is not None and not now.has_secret)


def client_of(config: BitbucketServerConfig, secret: Secret, connect: Connect) -> Client:
    """For ``bitbucketserverBaseURL``, the address of its REST APIs. Raises SpecError."""
    if config.access_token is None:
        raise SpecError("accessToken must be given, or no hook can be made", path="accessToken")
    token = config.access_token

    async def authorize() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {secret(token).decode('utf-8', 'replace').strip()}"}

    base = config.bitbucketserver_base_url.rstrip("/") + API
    headers = {"X-Atlassian-Token": "no-check", "X-Requested-With": "XMLHttpRequest"}
    return connect(base, authorize, headers=headers, tls=config.tls)


def targets(config: BitbucketServerConfig) -> list[Target]:
    """Repositories; the old single one counts when there is no list."""
    if config.repositories:
        return [Target("repository", f"{one.project_key}/{one.repository_slug}") for one in config.repositories]
    if config.project_key and config.repository_slug:
        return [Target("repository", f"{config.project_key}/{config.repository_slug}")]
    return []
