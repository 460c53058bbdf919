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
    """Where events are received."""
    create_webhook: bool = False
    """Whether a webhook is registered."""
    api_key: SecretKeySelector | None = None
    """The key for its API."""
    event_filter: list[str] = []
    """Names of the events that count."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""


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
