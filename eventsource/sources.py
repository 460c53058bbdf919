"""EventSource objects compiled into what is served: listeners and their routes by port. Pure.

What is wrong is collected, not raised: one bad event does not keep the others from being served, and a user sees all at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any

from eventbus import subjects
from events.errors import ExpressionError, SpecError
from events.models.base import Finding, Spec, join_path, parse, walk
from events.models.eventsource import EventSource, SourceFilter
from events.models.shared import SecretKeySelector, check_selector
from events.secrets import Vault
from eventsource import filtering, kinds, routes
from eventsource.filtering import Keep
from eventsource.listener import Listener
from eventsource.webhooks import Secrets, Webhook, for_another_bus

__all__ = ["Certificate", "Sources"]

Certificate = tuple[str, SecretKeySelector, SecretKeySelector]
"""Namespace, certificate and key of a port that speaks TLS."""


class Sources:
    """All webhook events of some EventSources.

    ``errors`` name what cannot be served (then it is left out), ``warnings`` what a user should know. Secrets are read from the
    vault for each delivery, so ``Vault.replace`` takes effect at once. ``elsewhere``: EventBuses (namespace and name) that are servers of
    somebody else.
    """

    def __init__(
        self,
        sources: Iterable[EventSource],
        vault: Vault,
        *,
        namespace: str = "default",
        elsewhere: Container[tuple[str, str]] = (),
    ) -> None:
        self.vault = vault
        self._elsewhere = elsewhere
        self.errors: list[SpecError] = []
        self.warnings: list[Finding] = []
        self.listeners: list[Listener] = []
        self._fields: dict[Webhook[Any], str] = {}
        for source in sources:
            self._add(source, source.metadata.namespace or namespace)
        wishes = [(_endpoint(listener), listener) for listener in self.listeners]
        self.tables, clashes = routes.build(wishes)
        fields = {listener.owner: self._fields[listener.webhook] for listener in self.listeners}
        for clash in clashes:
            clash.path = fields[clash.path]
        self.errors += clashes

    def _add(self, source: EventSource, namespace: str) -> None:
        name = source.metadata.name
        seen: Counter[str] = Counter()
        for kind, event, raw in source.spec.events():
            path = f"EventSource {namespace}/{name}: {join_path(f'spec.{kind}', (event,))}"
            seen[event] += 1
            try:
                if seen[event] > 1:
                    raise SpecError(f"more than one event is named '{event}'", reason="DuplicateName")
                subjects.subject(name, event)
                webhook, keep = self._compile(kind, raw, path, (namespace, source.bus))
            except SpecError as error:
                error.path = error.path or path
                self.errors.append(error)
                continue
            self._fields[webhook] = path
            self.listeners.append(Listener(webhook, namespace, name, event, source.bus, keep))

    def _compile(self, kind: str, raw: Any, path: str, bus: tuple[str, str]) -> tuple[Webhook[Any], Keep | None]:
        """Raises SpecError for the first thing that is wrong."""
        model = kinds.get(kind)
        if not model.built or not issubclass(model, Webhook):
            raise SpecError(f"event source '{kind}' is not built yet", reason="NotBuilt")
        config = parse(model.config_model, raw, path)
        namespace = bus[0]
        for finding in (*model.validate(config, path), *model.advise(config, path)):
            if bus in self._elsewhere:
                finding = for_another_bus(finding)
            if finding.severity == "error":
                raise SpecError(finding.message, path=finding.path, hint=finding.hint)
            self.warnings.append(finding)
        webhook = model(config, self._secrets(namespace))
        tls = webhook.context.tls or ()
        _check_selectors(config, path, [*webhook.secret_selectors(), *tls])
        webhook.check_secrets()
        for selector in tls:
            self.vault.get(namespace, selector)
        if not webhook.secured:
            self.warnings.append(Finding("warning", path, "anybody can send: no secret is configured"))
        return webhook, _filter(config.filter, path, model.names)

    def _secrets(self, namespace: str) -> Secrets:
        return lambda selector: self.vault.accepted(namespace, selector)

    def certificates(self) -> Iterator[tuple[int, bytes, bytes]]:
        """``(port, certificate chain, key)`` in PEM, of each port that speaks TLS."""
        for port, table in self.tables.items():
            if table.tls is not None:
                namespace, certificate, key = table.tls
                yield port, self.vault.get(namespace, certificate), self.vault.get(namespace, key)


def _endpoint(listener: Listener) -> routes.Endpoint:
    context = listener.webhook.context
    path = context.endpoint if context.endpoint.startswith("/") else f"/{context.endpoint}"
    tls: Certificate | None = (listener.namespace, *context.tls) if context.tls else None
    return routes.Endpoint(int(context.port), path, listener.webhook.methods, tls, listener.owner)


def _check_selectors(config: Spec, path: str, needed: list[SecretKeySelector]) -> None:
    """Raise SpecError when one of these, which stand in ``config``, leaves something out. Others may never be read."""
    for model, where in walk(config, path):
        if any(model is selector for selector in needed):
            for finding in check_selector(model, where):
                raise SpecError(finding.message, path=finding.path)


def _filter(wanted: SourceFilter | None, path: str, names: frozenset[str] | None) -> Keep | None:
    if wanted is None:
        return None
    try:
        return filtering.prepare(wanted.expression, names)
    except ExpressionError as error:
        error.path = f"{path}.filter.expression"
        raise
