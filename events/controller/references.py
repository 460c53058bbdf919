"""Which Secrets and ConfigMaps a manifest names (spec §0.2, §5.4): found by walking its models. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from events.controller.judging import Reference
from events.models.base import Finding, Spec, walk
from events.models.shared import ConfigMapKeySelector, SecretKeySelector

__all__ = ["keys_of", "missing", "references"]


def references(models: Iterable[tuple[Spec, str]]) -> Iterator[Reference]:
    """All selectors with a name within these models (each with its path), at any depth."""
    for model, path in models:
        for found, where in walk(model, path):
            if isinstance(found, (SecretKeySelector, ConfigMapKeySelector)) and found.name:
                kind = "Secret" if isinstance(found, SecretKeySelector) else "ConfigMap"
                yield Reference(kind, found.name, found.key, where, found.optional)


def missing(wanted: Iterable[Reference], known: Mapping[tuple[str, str], frozenset[str] | None]) -> tuple[Finding, ...]:
    """An error for each that is not there; ``known`` has the keys of each object by kind and name, None where there is no such object.

    Values are never part of it, only names.
    """
    found: list[Finding] = []
    for reference in wanted:
        if reference.optional or (reference.kind, reference.name) not in known:
            continue
        keys = known[reference.kind, reference.name]
        title = f"{reference.kind} '{reference.name}'"
        if keys is None:
            found.append(Finding("error", reference.path, f"there is no {title}", "its pods wait for it"))
        elif reference.key and reference.key not in keys:
            found.append(Finding("error", reference.path, f"{title} has no key '{reference.key}'"))
    return tuple(found)


def keys_of(obj: dict[str, Any] | None) -> frozenset[str] | None:
    """The keys of a Secret or ConfigMap."""
    if obj is None:
        return None
    return frozenset(key for field in ("data", "binaryData") for key in obj.get(field) or {})
