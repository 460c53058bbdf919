"""Source ``storageGrid``: notifications of a NetApp bucket (spec §3.4). Judged by lint, not built yet."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from events.models.base import Finding, Spec, required
from events.models.shared import S3Filter, SecretKeySelector, TLSConfig
from eventsource.webhooks import Webhook, WebhookContext, check_context, register

__all__ = ["StorageGrid", "StorageGridConfig"]


class StorageGridConfig(Spec):
    """``filter`` is one on the object's key."""

    webhook: WebhookContext | None = None
    """Where notifications are received."""
    events: list[str] | None = None
    """Names of S3 events."""
    filter: S3Filter | None = None
    """Which objects count."""
    topic_arn: str = ""
    """The topic."""
    bucket: str = ""
    """Name of the bucket."""
    region: str = ""
    """The region."""
    auth_token: SecretKeySelector | None = None
    """The token for its API."""
    api_url: str = Field(default="", alias="apiURL")
    """Address of its API."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""
    tls: TLSConfig | None = None
    """How to speak TLS."""


@register("storageGrid")
class StorageGrid(Webhook[Any]):
    """Source kind ``storageGrid``."""

    kind = "storageGrid"
    built = False
    names = None
    config_model = StorageGridConfig

    @classmethod
    def validate(cls, config: StorageGridConfig, path: str = "") -> list[Finding]:
        """Topic, API with its token, bucket and events must be given; the list of events may be empty."""
        findings = check_context(config.webhook, path)
        findings += required(path, topicArn=config.topic_arn, apiURL=config.api_url, bucket=config.bucket)
        findings += required(path, authToken=config.auth_token)
        if config.events is None:
            findings.append(Finding("error", f"{path}.events", "must be given"))
        return findings
