"""Values of Secrets that ``up`` is given: on the command line, in the environment, and as documents. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events import manifests
from events.manifests import Bundle
from events.registry import did_you_mean
from eventsource.endpoint import clients

__all__ = ["VaultKey", "fill", "shell_name", "unused"]

VaultKey = tuple[str, str, str, str]
"""``secret`` or ``configmap``, namespace, name and key."""


def fill(bundle: Bundle, secrets: Mapping[str, bytes], environment: Mapping[str, str]) -> dict[VaultKey, bytes]:
    """All values. Those of the command line (``[namespace/]name/key``) win over the environment, and these over documents."""
    vault = dict(manifests.vault_values(bundle.manifests))
    for namespace, name, key in set(_selected(bundle)):
        short = f"{name}/{key}"
        variable = f"POINTSMAN_SECRET__{shell_name(name)}__{shell_name(key)}"
        given = secrets.get(f"{namespace}/{short}", secrets.get(short))
        if given is not None:
            vault["secret", namespace, name, key] = given
        elif variable in environment:
            vault["secret", namespace, name, key] = os.fsencode(environment[variable])
    for namespace in {m.namespace for m in bundle.of("WorkflowEventBinding")}:
        for text, value in secrets.items():
            where, name, key = _split(text)
            if name == clients.SECRET_NAME and where in ("", namespace):
                vault["secret", namespace, name, key] = value
    return vault


def unused(bundle: Bundle, secrets: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """What was given on the command line although nothing asks for it, and what may have been meant."""
    selected = {f"{namespace}/{name}/{key}" for namespace, name, key in _selected(bundle)}
    known = selected | {text.partition("/")[2] for text in selected}
    for text in secrets:
        where, name, key = _split(text)
        for_posts = name == clients.SECRET_NAME and any(
            where in ("", m.namespace) for m in bundle.of("WorkflowEventBinding")
        )
        previous = text.removesuffix("-previous") if key.endswith("-previous") else text
        if text not in known and previous not in known and not for_posts:
            yield text, did_you_mean(text, sorted(known))


def shell_name(name: str) -> str:
    """As it stands in the name of a variable: upper case, with ``_`` for what else is no letter or digit."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _split(text: str) -> tuple[str, str, str]:
    """Namespace (may be empty), name and key."""
    parts = text.split("/", 2)
    return ("", parts[0], parts[1]) if len(parts) == 2 else (parts[0], parts[1], parts[2])


def _selected(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    """Namespace, name and key of all that has the shape of a selector, in configurations of all kinds."""
    for manifest in bundle.of("EventSource", "Sensor", "EventBus"):
        for name, key in _selectors(manifest.body.get("spec")):
            yield manifest.namespace, name, key


def _selectors(value: Any) -> Iterator[tuple[str, str]]:
    # With a stack of its own: a document may be nested as deep as the interpreter's.
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        inner: Iterable[Any] = ()
        if isinstance(item, dict):
            name, key = item.get("name"), item.get("key")
            if isinstance(name, str) and isinstance(key, str):
                yield name, key
            inner = item.values()
        elif isinstance(item, list):
            inner = item
        stack += inner
