"""Trigger ``slack``: post a message (spec §2.10). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_parameters


class SlackThread(Spec):
    """Messages of one key go into one thread."""

    message_aggregation_key: str = ""
    """Messages of one key make a thread."""
    broadcast_message_to_channel: bool = False
    """Show answers in the channel, too."""


class SlackSender(Spec):
    """As whom the message is posted."""

    username: str = ""
    """The name."""
    icon: str = ""
    """An emoji or the URL of a picture."""


class SlackConfig(Spec):
    """``attachments`` and ``blocks`` are texts that hold JSON lists."""

    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    slack_token: SecretKeySelector | None = None
    """The token."""
    channel: str = ""
    """Name of the channel."""
    message: str = ""
    """The text."""
    attachments: str = ""
    """Attachments, JSON text."""
    blocks: str = ""
    """Blocks, JSON text."""
    thread: SlackThread = SlackThread()
    """Which thread it belongs to."""
    sender: SlackSender = SlackSender()
    """Who it seems to come from."""


@register("slack")
class Slack(TriggerKind[SlackConfig]):
    """Trigger kind ``slack``."""

    kind = "slack"
    built = False
    Config = SlackConfig

    @classmethod
    def validate(cls, config: SlackConfig, path: str) -> list[Finding]:
        """A token must be given."""
        findings = [] if config.slack_token else [Finding("error", f"{path}.slackToken", "must be given")]
        return findings + check_parameters(config.parameters, f"{path}.parameters")
