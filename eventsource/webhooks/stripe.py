"""Source ``stripe`` (spec §3.4). Judged by lint, not built yet."""

from __future__ import annotations

from typing import Any

from events.models.base import Finding, Spec
from events.models.shared import SecretKeySelector
from eventsource.webhooks import Webhook, WebhookContext, check_context, register

__all__ = ["Stripe", "StripeConfig"]


class StripeConfig(Spec):
    """``eventFilter`` lists the types of events; there is no ``filter``."""

    webhook: WebhookContext | None = None
    create_webhook: bool = False
    api_key: SecretKeySelector | None = None
    event_filter: list[str] = []
    metadata: dict[str, str] = {}


@register("stripe")
class Stripe(Webhook[Any]):
    """Source kind ``stripe``."""

    kind = "stripe"
    built = False
    names = None
    config_model = StripeConfig

    @classmethod
    def validate(cls, config: StripeConfig, path: str = "") -> list[Finding]:
        """A key is needed to create the webhook."""
        findings = check_context(config.webhook, path)
        if config.create_webhook and config.api_key is None:
            findings.append(Finding("error", f"{path}.apiKey", "must be given to create a webhook at Stripe"))
        return findings
