"""What an edit of the manifests has changed, for the log of ``up --watch``. Pure."""

from __future__ import annotations

from typing import Any

from events.cli.plan import Plan

__all__ = ["changes", "new_urls"]

_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


def changes(old: Plan, new: Plan) -> dict[str, list[str]]:
    """The objects that came, that are different and that are gone, as ``Kind namespace/name``; only what there is of it."""
    before, after = _objects(old), _objects(new)
    found = {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        "removed": sorted(before.keys() - after.keys()),
    }
    return {word: names for word, names in found.items() if names}


def new_urls(old: Plan, new: Plan) -> list[str]:
    """Addresses of webhooks that were not served before."""
    before = {where for _, _, where in old.lines}
    return [where for _, _, where in new.lines if where.startswith("http") and where not in before]


def _objects(plan: Plan) -> dict[str, Any]:
    """What runs and what it reads, by its title. Secrets are there to be compared, never to be shown."""
    objects: dict[str, Any] = {}
    for body in plan.sources:
        metadata = body.get("metadata") or {}
        objects[f"EventSource {metadata.get('namespace') or 'default'}/{metadata.get('name')}"] = body
    for namespace, body in plan.sensors:
        objects[f"Sensor {namespace}/{body['metadata']['name']}"] = body
    for namespace, body in plan.bindings:
        objects[f"WorkflowEventBinding {namespace}/{body['metadata']['name']}"] = body
    for kind, namespace, name, body in plan.templates:
        objects[f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"] = body
    for (kind, namespace, name, key), value in plan.vault.items():
        objects.setdefault(f"{_KINDS[kind]} {namespace}/{name}", {})[key] = value
    return objects
