"""Steps 2 and 3 for any sender: query, form or JSON as it comes. Nothing is checked but ``authSecret`` (spec §3.3)."""

from __future__ import annotations

import secrets as randomness

from events.errors import Rejected
from events.expressions import gojson
from events.models.base import Finding
from events.models.eventsource import SourceFilter
from eventsource.delivery import Delivery
from eventsource.forms import parse_query
from eventsource.webhooks import Webhook, WebhookContext, compacted, register

__all__ = ["GenericWebhook", "WebhookConfig"]

FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "POST")


class WebhookConfig(WebhookContext):
    """Here the context is not below ``webhook`` but inline."""

    filter: SourceFilter | None = None
    """Which events count."""
    on_redelivery: str = ""
    """`rerun`: a request that comes again is another event; `dedupe` (when absent): it is not."""

    @property
    def context(self) -> WebhookContext:
        """Where it is served."""
        return self

    @property
    def secret(self) -> None:
        """Nothing is signed; there is ``authSecret``."""

    @property
    def registers_hooks(self) -> bool:
        """There is nobody to register at."""
        return False


@register("webhook")
class GenericWebhook(Webhook[WebhookConfig]):
    """Takes exactly the configured method. A delivery has an id only when the sender gives one."""

    kind = "webhook"
    names = frozenset(("body", "header", "metadata"))
    config_model = WebhookConfig

    @classmethod
    def validate(cls, config: WebhookConfig, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        findings = list(config.findings(path))
        if config.method not in METHODS:
            what = f"method '{config.method}'" if config.method else "no method"
            findings.append(
                Finding("warning", f"{path}.method", f"{what}: every request will be refused", "write POST or GET")
            )
        return findings

    @property
    def methods(self) -> frozenset[str]:
        """The HTTP methods that it takes."""
        return frozenset({self.context.method}.intersection(METHODS))

    def convert(self, delivery: Delivery) -> list[bytes]:
        """The data of each event of this delivery. Raises Rejected(400)."""
        return [self.envelope(delivery, self._body(delivery), key=b"header")]

    def _body(self, delivery: Delivery) -> bytes:
        if delivery.method == "GET":
            return gojson.string_lists(parse_query(delivery.query)[0])
        if delivery.header("Content-Type") != FORM:  # exactly so: with a charset it counts as JSON, as in the reference
            return compacted(delivery.body)
        fields, problem = parse_query(delivery.body.decode("utf-8", "surrogateescape"))
        problem = problem or parse_query(delivery.query)[1]
        if problem:
            raise Rejected(400, f"the form cannot be read: {problem}", reason="MalformedForm")
        return gojson.string_lists(fields)

    def delivery_id(self, delivery: Delivery) -> str:
        """What the sender gave; else a fresh one: two equal posts are two events."""
        for name in ("Idempotency-Key", "Webhook-Id", "Ce-Id"):
            given = delivery.header(name)
            if given:
                return given
        return randomness.token_hex(16)
