"""Source ``gerrit``: its webhooks plugin (spec §3.4). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, Int64, required
from events.models.shared import BasicAuth
from eventsource.webhooks import ForgeConfig, Webhook, check_context, register

__all__ = ["Gerrit", "GerritConfig"]


class GerritConfig(ForgeConfig):
    """What stands here beside ``webhook``, ``metadata`` and ``filter`` serves only to register hooks."""

    hook_name: str = ""
    """Name of the hook."""
    events: list[str] | None = None
    """Names of the events that the hook is for."""
    auth: BasicAuth | None = None
    """How to log in, to register hooks."""
    gerrit_base_url: str = Field(default="", alias="gerritBaseURL")
    """Address of Gerrit."""
    projects: list[str] = []
    """The projects."""
    ssl_verify: bool = False
    """Whether Gerrit checks our certificate."""
    max_tries: Int64 = 0
    """How often a delivery is tried."""


@register("gerrit")
class Gerrit(Webhook[GerritConfig]):
    """Source kind ``gerrit``."""

    kind = "gerrit"
    built = False
    config_model = GerritConfig

    @classmethod
    def validate(cls, config: GerritConfig, path: str = "") -> list[Finding]:
        """Projects, events, server and credentials must be given; the list of events may be empty."""
        findings = check_context(config.webhook, path)
        findings += required(path, projects=config.projects, gerritBaseURL=config.gerrit_base_url, auth=config.auth)
        if config.events is None:
            findings.append(Finding("error", f"{path}.events", "must be given"))
        return findings
