"""Hooks of GitHub: of repositories and organizations, or the one hook of a GitHub App.

With ``githubApp.webhook: true`` (ours) the hook of the App itself is set: it stands for all repositories that the App is installed
on, whatever their number; ``eventsource.webhooks.github`` keeps what comes from the repositories and organizations that are named.
https://docs.github.com/en/rest/repos/webhooks · https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from events.errors import Refused, SpecError
from eventsource.hooks import Connect, Desired, Existing, Forge, Health, Missed, Secret, Target, part, register
from eventsource.hooks.client import Client
from eventsource.hooks.github_app import AppTokens
from eventsource.webhooks.github import GitHubConfig

__all__ = ["GitHub"]

PUBLIC = "https://api.github.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
NOT_TOLD = "********"

_MOST_READ = 1_000
"""Deliveries that are read of a log at once."""


@register("github")
class GitHub(Forge[GitHubConfig]):
    """Hooks are changed with PATCH and all their configuration: without its secret GitHub would remove it.

    ``active`` and ``contentType`` that the manifest does not give decide how a hook is made, as in the reference, and are left as they are then.
    """

    kind = "github"
    redelivers: ClassVar[bool] = True

    def __init__(self, config: GitHubConfig, event: str, secret: Secret, connect: Connect) -> None:
        self._app: AppTokens | None = None
        super().__init__(config, event, secret, connect)

    def connect(self, connect: Connect) -> Client:
        """With a token, or as an App, or as the installation of one."""
        config = self.config
        base = config.github_base_url or PUBLIC
        if config.api_token is None and config.github_app is not None:
            app = config.github_app
            if app.private_key is None or not app.app_id:
                raise SpecError("privateKey and appID must be given", path="githubApp")
            selector = app.private_key
            self._app = AppTokens(app.app_id, lambda: self.secret(selector))
            as_app = connect(base, self._app.as_app, headers=HEADERS)
            if app.webhook:
                return as_app
            if not app.installation_id:
                raise SpecError("must be given", path="githubApp.installationID")
            self._app.installed(as_app, app.installation_id)
            return connect(base, self._app.as_installation, headers=HEADERS)
        return connect(base, self._token, headers=HEADERS)

    async def _token(self) -> Mapping[str, str]:
        if self.config.api_token is None:
            raise SpecError("must be given, or githubApp", path="apiToken")
        return {
            "Authorization": f"token {self.secret(self.config.api_token).decode('utf-8', 'surrogateescape').strip()}"
        }

    def wanted(self) -> list[Desired]:
        """A hook for each repository or organization, or the one of the App."""
        config = self.config
        fields: dict[str, str | bool] = {"insecure_ssl": "1" if config.insecure else "0"}
        if config.content_type:
            fields["content_type"] = config.content_type
        if self._is_app:
            assert config.github_app is not None
            # Which events the App gets is set in its settings, and cannot be set here.
            target = Target("app", str(config.github_app.app_id))
            return [Desired(target, self.url, frozenset(), fields, self.sealed(), event=self.event)]
        if "active" in config.model_fields_set:  # else a hook that somebody has switched on would be switched off
            fields["active"] = config.active
        events = frozenset(("*",) if "*" in config.events else config.events)
        return [
            Desired(target, self.url, events, fields, self.sealed(), event=self.event) for target in targets(config)
        ]

    def path(self, target: Target) -> str:
        """Where the hooks of this target are."""
        if target.kind == "organization":
            return f"/orgs/{part(target.name)}/hooks"
        owner, _, name = target.name.partition("/")
        return f"/repos/{part(owner)}/{part(name)}/hooks"

    def read(self, target: Target, raw: Mapping[str, Any]) -> Existing:
        """A hook as GitHub tells it."""
        config = raw.get("config")
        config = config if isinstance(config, dict) else {}
        events = frozenset(str(event) for event in raw.get("events") or ())
        fields: dict[str, str | bool] = {"content_type": "form", "insecure_ssl": "0"}
        fields.update({name: str(config[name]) for name in fields if name in config})
        if "active" in raw:
            fields["active"] = bool(raw["active"])
        return Existing(
            target,
            str(raw.get("id", "")),
            str(config.get("url", "")),
            frozenset(("*",)) if "*" in events else events,
            fields,
            has_secret=bool(config.get("secret")),
            health=_health(raw),
        )

    def body(self, wish: Desired) -> Mapping[str, Any]:
        """What is sent to create it."""
        config = {name: value for name, value in wish.fields.items() if name != "active"}
        if wish.secret is not None:
            config["secret"] = wish.secret.text
        whole = {"config": {**config, "url": wish.url}, "events": sorted(wish.events), "active": self.config.active}
        return {"name": "web", **whole}

    # -- the hook of the App ---------------------------------------------------------------------------------------------

    @property
    def _is_app(self) -> bool:
        app = self.config.github_app
        return self.config.api_token is None and app is not None and app.webhook

    async def hooks(self, target: Target) -> list[Existing]:
        """All hooks of a target."""
        if target.kind != "app":
            return await super().hooks(target)
        config = (await self.client.call("GET", "/app/hook/config")).json
        hook = self.told(target, {"id": "app", "config": config})
        if hook.url not in ("", self.url):
            raise Refused(
                f"the hook of App {target.name} delivers to {hook.url}",
                hint="clear its URL in the settings of the App, if nobody needs it",
            )
        return (
            [Existing(target, "app", self.url, frozenset(), hook.fields, has_secret=hook.has_secret)]
            if hook.url
            else []
        )

    async def create(self, wish: Desired) -> Existing:
        """Make a hook."""
        if wish.target.kind != "app":
            return await super().create(wish)
        await self.client.call("PATCH", "/app/hook/config", body=self.body(wish)["config"])
        return Existing(wish.target, "app", self.url, frozenset(), wish.fields, has_secret=wish.secret is not None)

    async def update(self, hook: Existing, wish: Desired) -> None:
        """Change a hook to what is wished."""
        body = self.body(wish)
        config = {"content_type": hook.fields["content_type"], **body["config"]}
        if hook.target.kind == "app":
            await self.client.call("PATCH", "/app/hook/config", body=config)
        else:
            active = {name: value for name, value in wish.fields.items() if name == "active"}
            changed = {"config": config, "events": body["events"], **active}
            await self.client.call("PATCH", self.hook_path(hook), body=changed)

    def lasting(self, target: Target) -> str:
        """The hook of an App cannot be deleted."""
        return "switch it off in the settings of the App" if target.kind == "app" else ""

    # -- deliveries ------------------------------------------------------------------------------------------------------

    def _log_path(self, hook: Existing) -> str:
        return "/app/hook/deliveries" if hook.target.kind == "app" else f"{self.hook_path(hook)}/deliveries"

    async def health(self, hook: Existing) -> Health:
        """With the time of the last delivery, from the log."""
        entries = (await self.client.call("GET", self._log_path(hook), query={"per_page": "1"})).json
        last = _delivery(entries[0]) if isinstance(entries, list) and entries else None
        if hook.target.kind == "app" and (lacking := await self._lacking()):
            text = f"the App is not subscribed to {', '.join(lacking)}: choose that in its settings"
            return Health(None if last is None else last.at, failing=True, message=text)
        if hook.fields.get("active") is False and "active" not in self.config.model_fields_set:
            text = "it is switched off: write active: true, or switch it on there"
            return Health(None if last is None else last.at, disabled=True, message=text)
        if last is None:
            return hook.health
        failing = not 200 <= last.status < 300
        message = f"the last delivery was answered with {last.status or 'nothing'}" if failing else ""
        return Health(last.at, failing, message=message)

    async def _lacking(self) -> list[str]:
        """Events that the manifest names and the App does not get."""
        app = (await self.client.call("GET", "/app")).json
        events = app.get("events") if isinstance(app, dict) else None
        return sorted({*self.config.events} - {"*"} - {str(event) for event in events or ()})

    async def missed(self, hook: Existing, since: float) -> list[Missed]:
        """Failed deliveries since then that no later attempt delivered. https://docs.github.com/en/webhooks/using-webhooks"""
        failed: dict[str, Missed] = {}
        delivered: set[str] = set()
        query: Mapping[str, str] | None = {"per_page": "100"}
        read = 0
        while query is not None and read < _MOST_READ:
            page = self.page(await self.client.call("GET", self._log_path(hook), query=query))
            for raw in page.items:
                entry = _delivery(raw)
                if entry is None:
                    continue
                if entry.at < since:
                    return _oldest_first(failed, delivered)
                if 200 <= entry.status < 300:
                    delivered.add(entry.delivery)
                else:
                    failed.setdefault(entry.delivery, entry)
            read += len(page.items)
            query = page.next
        return _oldest_first(failed, delivered)

    async def redeliver(self, hook: Existing, missed: Missed) -> None:
        """Ask for a delivery again; it comes under the same id."""
        await self.client.call("POST", f"{self._log_path(hook)}/{part(missed.id)}/attempts")

    def explain(self, wish: Desired, error: Refused) -> Refused:
        """The same refusal, with what a user should know about it."""
        if error.status == 422 and "more than" in error.message and "hooks" in error.message:
            hint = (
                "GitHub allows 20 hooks for an event; delete one, use a hook of the organization, or githubApp.webhook"
            )
            return Refused(error.message, status=422, hint=hint)
        if error.status == 422 and "already exists" in error.message:
            return Refused(error.message, status=422, hint="somebody else has just made it; it is looked at again soon")
        return error


def targets(config: GitHubConfig) -> list[Target]:
    """Organizations, then repositories, each once, in the order of the manifest."""
    found = [Target("organization", name) for name in config.organizations or ()]
    found += [Target("repository", f"{owned.owner}/{name}") for owned in config.repositories for name in owned.names]
    if config.owner and config.repository and not config.repositories:
        found.append(Target("repository", f"{config.owner}/{config.repository}"))
    return list(dict.fromkeys(found))


def _health(raw: Mapping[str, Any]) -> Health:
    last = raw.get("last_response")
    if not isinstance(last, dict) or not isinstance(last.get("code"), int):
        return Health()
    code = last["code"]
    failing = not 200 <= code < 300
    return Health(failing=failing, message=f"the last delivery was answered with {code}" if failing else "")


def _delivery(raw: Any) -> Missed | None:
    try:
        at = datetime.fromisoformat(str(raw["delivered_at"])).timestamp()
        return Missed(str(raw["id"]), str(raw["guid"]), at, int(raw.get("status_code") or 0))
    except (KeyError, TypeError, ValueError):
        return None


def _oldest_first(failed: Mapping[str, Missed], delivered: set[str]) -> list[Missed]:
    return sorted((one for name, one in failed.items() if name not in delivered), key=lambda one: one.at)
