"""What can be patched into the product's processes: shorter waits, and (see ``planted_faults``) faults that the suite must find."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType, str], None]
Applied = tuple[str, Callable[[ModuleType], None]]

PATCHES: dict[str, list[tuple[str, Patch]]] = {}
"""Name → the modules of the product, and what is done to each after its import."""


def after(module: str) -> Callable[[Patch], Patch]:
    """The decorated function is a patch of ``module``; its name is the patch's name. It gets the module and the text after ``=``."""

    def register(patch: Patch) -> Patch:
        PATCHES.setdefault(patch.__name__, []).append((module, patch))
        return patch

    return register


def wanted(text: str) -> dict[str, list[Applied]]:
    """Module → patches, for the ``name=value,name`` of the environment."""
    import planted_faults  # noqa: F401  # registers its own

    found: dict[str, list[Applied]] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        for module, patch in PATCHES[name]:
            found.setdefault(module, []).append((name, lambda m, patch=patch, value=value: patch(m, value)))
    return found


def replace(owner: Any, name: str, value: Any) -> Any:
    """Set what must be there already; returns what it was."""
    old = getattr(owner, name)
    setattr(owner, name, value)
    return old


# -- shorter waits -----------------------------------------------------------------------------------------------------


@after("eventbus.subscription")
def ack_wait(module: ModuleType, value: str) -> None:
    """Seconds after which an unsettled message is delivered again."""
    replace(module, "ACK_WAIT", float(value))


@after("sensor.runner")
def ack_wait(module: ModuleType, value: str) -> None:  # noqa: F811  # the same patch, in another module
    """… and the heartbeat that prevents it."""
    replace(module, "HEARTBEAT", float(value) / 3)


@after("events.cli.workers")
def restart_pause(module: ModuleType, value: str) -> None:
    """Seconds before a child that died is started again, at most."""
    replace(module, "_BACKOFF", (min(0.05, float(value)), float(value)))


@after("eventbus.embedded")
def restart_pause(module: ModuleType, value: str) -> None:  # noqa: F811
    """The same for the bus."""
    replace(module, "_BACKOFF_SECONDS", (min(0.05, float(value)), float(value)))


@after("events.kube.client")
def cluster_timeout(module: ModuleType, value: str) -> None:
    """Seconds for an answer of the API server."""
    replace(module, "_TIMEOUT", float(value))


@after("events.backoff")
def retry_pause(module: ModuleType, value: str) -> None:
    """Seconds between two attempts, at most."""
    old = module.full_jitter
    most = float(value)

    def full_jitter(random: Any, *, first: float = 0.5, factor: float = 2.0, cap: float = 60.0) -> Any:
        return old(random, first=min(first, most), factor=factor, cap=min(cap, most))

    replace(module, "full_jitter", full_jitter)


@after("eventbus.stream")
def dedupe_window(module: ModuleType, value: str) -> None:
    """Seconds for which the bus itself knows an id."""
    old = module.StreamSettings.request

    def request(self: Any) -> Any:
        return {**old(self), "duplicate_window": int(float(value) * 1e9)}

    replace(module.StreamSettings, "request", request)
