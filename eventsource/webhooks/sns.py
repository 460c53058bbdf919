"""Source ``sns``: notifications of an AWS topic (spec §3.4). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.webhooks import ForgeConfig, Webhook, check_context, register

__all__ = ["SNS", "SNSConfig"]


class SNSConfig(ForgeConfig):
    """``endpoint`` is that of AWS, not of the webhook; ``roleARN`` wins over the keys."""

    topic_arn: str = ""
    """The topic."""
    access_key: SecretKeySelector | None = None
    """The access key."""
    secret_key: SecretKeySelector | None = None
    """The secret key."""
    region: str = ""
    """The region."""
    role_arn: str = Field(default="", alias="roleARN")
    """The role to take on."""
    validate_signature: bool = False
    """Whether signatures are checked."""
    endpoint: str = ""
    """Address of the service."""


@register("sns")
class SNS(Webhook[SNSConfig]):
    """Source kind ``sns``."""

    kind = "sns"
    built = False
    names = None
    config_model = SNSConfig

    @classmethod
    def validate(cls, config: SNSConfig, path: str = "") -> list[Finding]:
        """Topic and region must be given."""
        findings = check_context(config.webhook, path)
        return findings + required(path, topicArn=config.topic_arn, region=config.region)
