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
    events: list[str] | None = None
    filter: S3Filter | None = None
    topic_arn: str = ""
    bucket: str = ""
    region: str = ""
    auth_token: SecretKeySelector | None = None
    api_url: str = Field(default="", alias="apiURL")
    metadata: dict[str, str] = {}
    tls: TLSConfig | None = None


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
