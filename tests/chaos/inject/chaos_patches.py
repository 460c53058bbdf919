"""What can be patched into the product's processes: shorter waits, and (see ``planted_faults``) faults that the suite must find."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType, str], None]
Applied = tuple[str, Callable[[ModuleType], None]]

PATCHES: dict[str, list[tuple[str, Patch]]] = {}
"""Name → the modules of the product, and what is done to each after its import."""


def patch(name: str, module: str) -> Callable[[Patch], Patch]:
    """The decorated function belongs to the patch of this name: it gets the module, after its import, and the text after ``=``."""

    def register(function: Patch) -> Patch:
        PATCHES.setdefault(name, []).append((module, function))
        return function

    return register


def wanted(text: str) -> dict[str, list[Applied]]:
    """Module → patches, for the ``name=value,name`` of the environment."""
    importlib.import_module("planted_faults")  # which registers its own

    found: dict[str, list[Applied]] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        for module, function in PATCHES[name]:
            found.setdefault(module, []).append((name, partial(_apply, function, value)))
    return found


def _apply(function: Patch, value: str, module: ModuleType) -> None:
    function(module, value)


def replace(owner: Any, name: str, value: Any) -> Any:
    """Set what must be there already; returns what it was."""
    old = getattr(owner, name)
    setattr(owner, name, value)
    return old


# -- shorter waits -----------------------------------------------------------------------------------------------------


@patch("ack_wait", "eventbus.subscription")
def _ack_wait(module: ModuleType, value: str) -> None:
    """Seconds after which an unsettled message is delivered again."""
    replace(module, "ACK_WAIT", float(value))


@patch("ack_wait", "sensor.settling")
def _heartbeat(module: ModuleType, value: str) -> None:
    """… and the heartbeat that prevents it."""
    replace(module, "HEARTBEAT", float(value) / 3)


@patch("slow", "sensor.settling")
def _slow(module: ModuleType, value: str) -> None:
    """Seconds after which what is at work is written down."""
    replace(module, "SLOW", float(value))


@patch("restart_pause", "events.cli.workers")
def _child_pause(module: ModuleType, value: str) -> None:
    """Seconds before a child that died is started again, at most."""
    replace(module, "_BACKOFF", (min(0.05, float(value)), float(value)))


@patch("restart_pause", "eventbus.embedded")
def _bus_pause(module: ModuleType, value: str) -> None:
    """The same for the bus."""
    replace(module, "_BACKOFF_SECONDS", (min(0.05, float(value)), float(value)))


@patch("cluster_timeout", "events.kube.client")
def _cluster_timeout(module: ModuleType, value: str) -> None:
    """Seconds for an answer of the API server."""
    replace(module, "_TIMEOUT", float(value))


@patch("retry_pause", "events.backoff")
def _retry_pause(module: ModuleType, value: str) -> None:
    """Seconds between two attempts, at most."""
    most, old = float(value), module.full_jitter

    def full_jitter(random: Any, *, first: float = 0.5, factor: float = 2.0, cap: float = 60.0) -> Any:
        return old(random, first=min(first, most), factor=factor, cap=min(cap, most))

    replace(module, "full_jitter", full_jitter)


@patch("retry_pause", "sensor.submitting")
def _parked_pause(module: ModuleType, value: str) -> None:
    """The same for a round that waits on disk."""
    replace(module, "MAX_PAUSE", float(value))


@patch("dedupe_window", "eventbus.stream")
def _dedupe_window(module: ModuleType, value: str) -> None:
    """Seconds for which the bus itself knows an id."""
    old = module.StreamSettings.request

    def request(self: Any) -> Any:
        return {**old(self), "duplicate_window": int(float(value) * 1e9)}

    replace(module.StreamSettings, "request", request)
