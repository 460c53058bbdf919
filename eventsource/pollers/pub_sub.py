"""Source ``pubSub``: messages of a Google Pub/Sub subscription (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class PubSubConfig(PollerConfig):
    """Without ``subscriptionID`` a subscription of the topic is made."""

    project_id: str = Field(default="", alias="projectID")
    """The project of the subscription."""
    topic_project_id: str = Field(default="", alias="topicProjectID")
    """The project of the topic; that of the subscription when absent."""
    topic: str = ""
    """Name of the topic."""
    subscription_id: str = Field(default="", alias="subscriptionID")
    """The subscription."""
    credential_secret: SecretKeySelector | None = None
    """The key of a service account."""
    delete_subscription_on_finish: bool = False
    """Whether the subscription goes with the EventSource."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""


@register("pubSub")
class PubSub(Poller[PubSubConfig]):
    """Source kind ``pubSub``."""

    kind = "pubSub"
    built = False
    config_model = PubSubConfig

    @classmethod
    def validate(cls, config: PubSubConfig, path: str = "") -> list[Finding]:
        """A topic or a subscription."""
        findings = []
        if config.topic_project_id and not config.topic:
            findings.append(Finding("error", f"{path}.topicProjectID", "needs topic beside it"))
        if not config.topic and not config.subscription_id:
            findings.append(Finding("error", path, "topic or subscriptionID must be given"))
        return findings
