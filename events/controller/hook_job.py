"""The last thing that an EventSource does, when it asks for that: its hooks are deleted at the forges, by a Job. Pure.

The Job is what its pods were, with other arguments: the same files, variables and account.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from events.controller.desired import Json
from events.controller.names import label_value
from events.controller.workload import child

__all__ = ["DEADLINE", "hook_job", "hook_urls", "job_name", "outcome"]

DEADLINE = 300
"""Seconds that the forges get."""

_NOT_OF_A_JOB = ("livenessProbe", "readinessProbe", "ports")


def job_name(obj: Json) -> str:
    """Beside the Deployment's name; a Job's is a label of its pods."""
    return label_value(f"{obj['metadata']['name']}-eventsource-hooks")


def hook_job(obj: Json, deployment: Json, kept: Iterable[str] = ()) -> Json:
    """``deployment``: the one that ran the EventSource; ``kept``: URLs of hooks that another EventSource wants."""
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    main = {name: value for name, value in container.items() if name not in _NOT_OF_A_JOB}
    keep = [f"--keep-url={url}" for url in kept]
    of_service = ("eventsource-name", "owner-name")
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name not in of_service}
    template = {
        # For a NetworkPolicy it is one of its pods, but not for its Service.
        "metadata": {"labels": labels},
        "spec": {
            **pod["spec"],
            "restartPolicy": "OnFailure",
            "containers": [{**main, "args": ["hooks", "delete", "--on-finish", *keep]}],
        },
    }
    spec = {"backoffLimit": 4, "activeDeadlineSeconds": DEADLINE, "template": template}
    return child(obj, "batch/v1", "Job", job_name(obj), spec=spec)


def hook_urls(spec: Json) -> set[str]:
    """The URLs that deliveries of an EventSource are sent to (spec §3.3), which make hooks its own."""
    contexts = [
        config["webhook"]
        for events in spec.values()
        if isinstance(events, dict)
        for config in events.values()
        if isinstance(config, dict) and isinstance(config.get("webhook"), dict)
    ]
    pairs = [(context.get("url"), context.get("endpoint")) for context in contexts]
    return {
        f"{url.rstrip('/')}/{path.removeprefix('/')}"
        for url, path in pairs
        if isinstance(url, str) and isinstance(path, str) and url
    }


def outcome(job: Json, now: datetime.datetime) -> str | None:
    """None while it is under way; empty when it is done; else why it is not, and will not be."""
    status: dict[str, Any] = job.get("status") or {}
    if status.get("succeeded"):
        return ""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason") or "the Job failed")
    created = datetime.datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    late = (now - created).total_seconds() > DEADLINE + 30
    return f"the Job did not end within {DEADLINE} s" if late else None
