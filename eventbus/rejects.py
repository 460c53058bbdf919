"""What the bus refuses for good is kept as a line of JSON, so that it blocks nothing and is not lost. Blocking."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import orjson

from eventbus.disk import Disk
from eventbus.records import Record
from events.errors import PointsmanError
from events.models.event import rfc3339

__all__ = ["Rejects"]

log = logging.getLogger(__name__)


class Rejects:
    """Appends to ``rejected.jsonl`` in a folder: when it was accepted, why it was refused, subject and headers, the event."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.path = folder / "rejected.jsonl"
        self.count = 0
        self._disk = disk

    def keep(self, record: Record, error: PointsmanError) -> None:
        """Keep a record; it is on the disk when this returns. Raises OSError."""
        line = {
            "accepted": rfc3339(record.accepted),
            "reason": error.reason,
            "error": str(error),
            "subject": record.subject,
            "headers": record.headers,
            "event": orjson.Fragment(record.data),
        }
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._disk.write(descriptor, orjson.dumps(line) + b"\n")
            self._disk.sync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            self._disk.sync_folder(self.path.parent)
        self.count += 1
        event = {"event_id": record.headers.get("Nats-Msg-Id", ""), "subject": record.subject}
        log.error(
            "the bus refuses a spooled event for good, it is kept in %s: %s", self.path, error, extra={"fields": event}
        )
