"""Source ``slack``: events, commands and interactions (spec §3.4). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.webhooks import ForgeConfig, Webhook, check_context, register

__all__ = ["Slack", "SlackConfig"]


class SlackConfig(ForgeConfig):
    """``token`` is that of url verification; every delivery is signed with ``signingSecret``."""

    signing_secret: SecretKeySelector | None = None
    """What requests are signed with."""
    token: SecretKeySelector | None = None
    """The token that each request brings."""


@register("slack")
class Slack(Webhook[SlackConfig]):
    """Source kind ``slack``."""

    kind = "slack"
    built = False
    names = None
    config_model = SlackConfig

    @classmethod
    def validate(cls, config: SlackConfig, path: str = "") -> list[Finding]:
        """Both secrets must be given."""
        findings = check_context(config.webhook, path)
        return findings + required(path, token=config.token, signingSecret=config.signing_secret)
