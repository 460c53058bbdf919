"""Hooks of Bitbucket Cloud's repositories (spec §3.4).

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-get
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from events.errors import SpecError, Unavailable
from eventsource.hooks import Connect, Desired, Existing, Forge, Target, part, register
from eventsource.hooks.client import Answer, Client, Page, query_of
from eventsource.webhooks.bitbucket import BitbucketConfig

__all__ = ["Bitbucket"]

API = "https://api.bitbucket.org/2.0"
API_VARIABLE = "BITBUCKET_API_BASE_URL"
"""Another address of the API, as in the reference: an environment variable of the process."""

DESCRIPTION = "webhook managed by Pointsman"


def by_next(answer: Answer) -> Page:
    """A page with ``values`` and the URL of the next one."""
    page = answer.json
    if not isinstance(page, dict) or not isinstance(page.get("values"), list):
        raise Unavailable("the answer is no page of a list", hint="is this the address of the API?")
    following = page.get("next")
    return Page(page["values"], query_of(following) if isinstance(following, str) else None)


@register("bitbucket")
class Bitbucket(Forge[BitbucketConfig]):
    """A hook that is there already is changed where it differs; the reference deletes it and makes another."""

    kind = "bitbucket"
    update_method = "PUT"

    def connect(self, connect: Connect) -> Client:
        """With a user and password (or API token), or a bearer token."""
        auth = self.config.auth
        if auth is None or not auth.given:
            raise SpecError("auth needs basic with username and password, or oauthToken", path="auth")
        basic, token = auth.basic, auth.oauth_token

        async def authorize() -> Mapping[str, str]:
            if basic is not None and basic.username is not None and basic.password is not None:
                pair = b":".join((self.secret(basic.username), self.secret(basic.password)))
                return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
            assert token is not None
            return {"Authorization": f"Bearer {self.secret(token).decode('utf-8', 'replace').strip()}"}

        return connect(os.environ.get(API_VARIABLE) or API, authorize)

    def wanted(self) -> list[Desired]:
        """A hook on each repository."""
        events, secret = frozenset(self.config.events), self.sealed()
        return [
            Desired(target, self.url, events, {"active": True}, secret, {"description": DESCRIPTION}, self.event)
            for target in targets(self.config)
        ]

    def path(self, target: Target) -> str:
        """By workspace and repository."""
        owner, _, slug = target.name.partition("/")
        return f"/repositories/{part(owner)}/{part(slug)}/hooks"

    def page_query(self) -> Mapping[str, str]:
        """As many as it gives at once."""
        return {"pagelen": "100"}

    page = staticmethod(by_next)

    def read(self, target: Target, raw: Mapping[str, Any]) -> Existing:
        """It tells whether there is a secret, not which."""
        fields: dict[str, str | bool] = {"active": raw["active"]} if isinstance(raw.get("active"), bool) else {}
        if raw.get("description"):
            fields["description"] = str(raw["description"])
        told = raw.get("secret_set")
        return Existing(
            target,
            str(raw.get("uuid") or ""),
            str(raw.get("url", "")),
            frozenset(raw.get("events") or ()),
            fields,
            has_secret=told if isinstance(told, bool) else None,
        )

    def body(self, wish: Desired) -> Mapping[str, Any]:
        """The whole hook."""
        body = {"url": wish.url, "events": sorted(wish.events), **wish.fields, **wish.settings}
        return body if wish.secret is None else {**body, "secret": wish.secret.text}

    async def update(self, hook: Existing, wish: Desired) -> None:
        """Change a hook; its description stays, a secret that is not wanted any more goes."""
        cleared = {"secret": None} if hook.has_secret else {}
        kept = {name: hook.fields[name] for name in ("description",) if name in hook.fields}
        await self.client.call("PUT", self.hook_path(hook), body={**cleared, **self.body(wish), **kept})


def targets(config: BitbucketConfig) -> list[Target]:
    """Repositories; the old single one counts when there is no list."""
    if config.repositories:
        return [Target("repository", f"{one.owner}/{one.repository_slug}") for one in config.repositories]
    if config.owner and config.repository_slug:
        return [Target("repository", f"{config.owner}/{config.repository_slug}")]
    return []
