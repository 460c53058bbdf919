"""What is to be done so that the hooks at a forge are as an EventSource wants them. Pure.

A hook is ours when its URL is exactly ours: no other is ever touched. Of several with our URL the oldest stays. That choice does
not depend on anything that may change, so two processes that act at the same time choose the same one, and never delete both.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["AS_WANTED", "UNKNOWN_SECRET", "Action", "Desired", "Existing", "Health", "Sealed", "Step", "Target", "plan"]

Action = Literal["create", "update", "delete", "keep"]

Value = str | bool | int

AS_WANTED = "as it should be"
UNKNOWN_SECRET = "whether it has this secret is not known"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What a hook hangs on: ``repository octo/hello``, ``organization octo``, ``project 7``, ``group a/b``, ``app 12``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def place(self) -> tuple[str, str]:
        """The same for names that differ in capitals only: to all forges these are one."""
        return self.kind, self.name.lower()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A hook's secret. It is in no ``repr``; what is remembered of it is its fingerprint."""

    value: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """As it is sent to the forge."""
        return self.value.decode("utf-8", "surrogateescape")

    def fingerprint(self, target: Target, url: str) -> str:
        """The same for the same secret of the same hook; it does not tell whether two hooks share a secret."""
        return hashlib.sha256(b"\x00".join((str(target).encode(), url.encode(), self.value))).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Health:
    """How deliveries of a hook go, as far as the forge says. ``last`` in seconds since 1970."""

    last: float | None = None
    failing: bool = False
    disabled: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """A hook as it should be. ``events`` and ``fields`` are in the words of the forge (``content_type``, ``push_events`` …).

    ``settings`` go to the forge as well, but are not compared: it does not tell them, or the user may change them there.
    """

    target: Target
    url: str
    events: frozenset[str]
    fields: Mapping[str, Value] = field(default_factory=dict)
    secret: Sealed | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    event: str = ""
    """The name of the event in the EventSource, for messages."""

    @property
    def fingerprint(self) -> str:
        """Of the secret; empty when there is none."""
        return self.secret.fingerprint(self.target, self.url) if self.secret is not None else ""

    @property
    def form(self) -> str:
        """The same for those that differ in nothing but target, URL and secret."""
        return hashlib.sha256(repr((sorted(self.events), sorted(self.fields.items()))).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Existing:
    """A hook as the forge tells it. A field that is not in ``fields`` is not known, and not compared.

    ``has_secret`` is None, and ``fingerprint`` (see ``Desired.fingerprint``), where the forge tells nothing of it.
    """

    target: Target
    id: str
    url: str
    events: frozenset[str]
    fields: Mapping[str, Value] = field(default_factory=dict)
    has_secret: bool | None = None
    fingerprint: str | None = None
    health: Health = Health()

    @property
    def age(self) -> tuple[int, str]:
        """Sorts the oldest first: forges count their hooks. (Where they do not, any lasting order will do.)"""
        return len(self.id), self.id


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why, in words for a user. ``desired`` is None for delete, ``hook`` for create."""

    action: Action
    target: Target
    url: str
    reason: str
    desired: Desired | None = None
    hook: Existing | None = None


def plan(
    desired: Iterable[Desired], existing: Iterable[Existing], known: Mapping[tuple[Target, str], str] | None = None
) -> list[Step]:
    """The steps from ``existing`` to ``desired``, in the order in which they may be done: what is deleted comes last.

    ``known``: of hooks, by target and id, the fingerprint of the secret that we set last. Hooks with a URL that nobody desires
    are not mentioned.
    """
    # By id: a hook is told twice when the pages of a list move while they are read.
    ours: dict[tuple[Target, str], dict[str, Existing]] = defaultdict(dict)
    for hook in existing:
        ours[hook.target, hook.url][hook.id] = hook
    steps, surplus = [], []
    for wish in merged(desired):
        hooks = sorted(ours[wish.target, wish.url].values(), key=lambda hook: hook.age)
        if not hooks:
            steps.append(Step("create", wish.target, wish.url, "there is none", wish))
            continue
        kept, *others = hooks
        reasons = differences(wish, kept, (known or {}).get((kept.target, kept.id)))
        action: Action = "update" if reasons else "keep"
        steps.append(Step(action, wish.target, wish.url, "; ".join(reasons) or AS_WANTED, wish, kept))
        surplus += [
            Step("delete", wish.target, wish.url, f"hook {kept.id} has the same URL", hook=other) for other in others
        ]
    return [*steps, *surplus]


def merged(desired: Iterable[Desired]) -> list[Desired]:
    """Several events on one URL are one hook, with all their events; for all else the first counts."""
    found: dict[tuple[tuple[str, str], str], Desired] = {}
    for wish in desired:
        key = (wish.target.place, wish.url)
        other = found.get(key)
        found[key] = wish if other is None else replace(other, events=other.events | wish.events)
    return list(found.values())


def differences(wish: Desired, hook: Existing, known: str | None) -> list[str]:
    """What is to be changed, in words; empty when nothing is."""
    reasons = []
    if wish.events != hook.events:
        reasons.append(f"events: {_names(hook.events)} → {_names(wish.events)}")
    for name, value in sorted(wish.fields.items()):
        if name in hook.fields and hook.fields[name] != value:
            reasons.append(f"{name}: {_text(hook.fields[name])} → {_text(value)}")
    reasons += _secret(wish, hook, known)
    return reasons


def _secret(wish: Desired, hook: Existing, known: str | None) -> list[str]:
    if wish.secret is None:
        return ["it has a secret, and none is wanted"] if hook.has_secret else []
    if hook.has_secret is False:
        return ["it has no secret"]
    told = hook.fingerprint if hook.fingerprint is not None else known
    if told is None:
        return [UNKNOWN_SECRET]
    return [] if told == wish.fingerprint else ["the secret has changed"]


def _names(events: Iterable[str]) -> str:
    return ", ".join(sorted(events)) or "none"


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
