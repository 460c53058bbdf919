"""What in the configuration of a bus can lose events that it has accepted, in sentences. Pure.

https://docs.nats.io/nats-concepts/jetstream/streams#configuration · the reasons: docs/reliability.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["server_risks", "stream_risks"]


def stream_risks(config: Mapping[str, Any]) -> list[str]:
    """What the ``config`` of STREAM.INFO can lose: before it is on the disk, or before it was read."""
    name = f"the stream '{config.get('name', '')}'"
    found: list[str] = []
    if config.get("storage") != "file":
        found.append(f"{name} is kept in {config.get('storage')}, and gone when the server restarts")
    if config.get("persist_mode", "default") not in ("", "default"):
        found.append(f"{name} acknowledges events before they are written (persist_mode {config['persist_mode']})")
    if config.get("no_ack"):
        found.append(f"{name} acknowledges nothing (no_ack)")
    if config.get("retention", "limits") != "limits":
        found.append(
            f"{name} drops events that no consumer waits for yet, and those that one has read (retention {config['retention']})"
        )
    if (age := config.get("max_age") or 0) > 0:
        found.append(f"{name} drops events after {_duration(age)}, read or not")
    if config.get("discard", "old") == "old":
        limits = [
            f"{config[key]} {what}"
            for key, what in (("max_msgs", "events"), ("max_bytes", "bytes"))
            if _is_set(config, key)
        ]
        if limits:
            found.append(f"{name} drops the oldest events, read or not, when it holds {' or '.join(limits)}")
    if _is_set(config, "max_msgs_per_subject") and not config.get("discard_new_per_subject"):
        found.append(f"{name} keeps only {config['max_msgs_per_subject']} events of each source, read or not")
    return found


def server_risks(told: Mapping[str, Any]) -> list[str]:
    """What the server's settings can lose; ``told`` is what it answers to VARZ."""
    settings = told.get("jetstream", {}).get("config", {})
    if settings.get("sync_always"):
        return []
    every = _duration(settings.get("sync_interval") or 120 * 10**9)
    return [f"the server writes through to the disk every {every} only: a power cut loses acknowledged events"]


def _is_set(config: Mapping[str, Any], limit: str) -> bool:
    return (config.get(limit) or -1) > 0


def _duration(nanoseconds: int) -> str:
    seconds = nanoseconds / 1e9
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"
