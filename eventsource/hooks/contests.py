"""Hooks that manifests want in two ways, before anything is asked of a forge. Pure.

One URL at one target is one hook. Of several EventSources that want it the first by name has it, of several events of one EventSource the
first: it gets the events of all of them, but of all else, what the first wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from events.errors import SpecError, Unavailable
from events.models.base import Finding
from events.models.eventsource import EventSource
from events.models.shared import SecretKeySelector
from events.secrets import Vault
from eventsource.hooks.client import Answer, Call, Client
from eventsource.hooks.found import forges_of
from eventsource.hooks.plan import Desired, Existing, differences

__all__ = ["contests"]


@dataclass(frozen=True, slots=True)
class _Wish:
    source: tuple[str, str]
    """Namespace and name of its EventSource."""
    kind: str
    wish: Desired
    secret: tuple[str, str, str] | None
    """Namespace, name and key of the Secret."""


def contests(sources: Iterable[tuple[str, EventSource]]) -> Iterator[tuple[tuple[str, str], Finding]]:
    """What loses against another event: namespace and name of its EventSource, and the finding. ``sources`` with their namespaces."""
    first: dict[tuple[str, tuple[str, str], str], _Wish] = {}
    told: set[tuple[tuple[str, str], str]] = set()
    for namespace, source in sorted(sources, key=lambda one: (one[0], one[1].metadata.name)):
        for instance, one in _wishes(namespace, source):
            other = first.setdefault((instance, one.wish.target.place, one.wish.url), one)
            path = f"spec.{one.kind}.{one.wish.event}.webhook.url"
            reasons = _reasons(one, other)
            if reasons and (one.source, path) not in told:
                told.add((one.source, path))
                yield one.source, _finding(one, other, reasons, path)


def _finding(one: _Wish, other: _Wish, reasons: list[str], path: str) -> Finding:
    whose = "" if other.source == one.source else f" of EventSource {'/'.join(other.source)}"
    hook = f"the hook of {one.wish.target} at {one.wish.url}"
    text = f"{hook} is that of event '{other.wish.event}'{whose}, which wants it otherwise ({'; '.join(reasons)})"
    return Finding("warning", path, text, "give each its own endpoint")


def _reasons(one: _Wish, other: _Wish) -> list[str]:
    """In what ways they differ. Events of one EventSource are put together."""
    events = one.wish.events if one.source == other.source else other.wish.events
    reasons = differences(one.wish, Existing(one.wish.target, "", one.wish.url, events, other.wish.fields), None)
    return reasons if one.secret == other.secret else [*reasons, "another secret"]


def _wishes(namespace: str, source: EventSource) -> Iterator[tuple[str, _Wish]]:
    """With the instance of the forge. What is wrong is told elsewhere; repositories that only the forge knows are left out."""
    forges, _ = forges_of(source, Vault({}), _offline, namespace=namespace)
    for forge in forges:
        selector: SecretKeySelector | None = forge.config.secret
        secret = None if selector is None else (namespace, selector.name, selector.key)
        try:
            wishes = forge.without_secret().wanted()
        except SpecError:
            continue
        for wish in wishes:
            yield forge.instance, _Wish((namespace, source.metadata.name), forge.kind, wish, secret)


def _offline(base: str, authorize: object, **_: object) -> Client:
    return Client(_never, base, _nobody)


async def _never(call: Call) -> Answer:
    raise Unavailable("nothing is asked")


async def _nobody() -> NoReturn:
    raise SpecError("nobody is logged in")
