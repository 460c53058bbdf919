"""Source ``pubSub``: messages of a Google Pub/Sub subscription (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class PubSubConfig(PollerConfig):
    """Without ``subscriptionID`` a subscription of the topic is made."""

    project_id: str = Field(default="", alias="projectID")
    topic_project_id: str = Field(default="", alias="topicProjectID")
    topic: str = ""
    subscription_id: str = Field(default="", alias="subscriptionID")
    credential_secret: SecretKeySelector | None = None
    delete_subscription_on_finish: bool = False
    json_body: bool = False


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
