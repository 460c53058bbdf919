"""The stream that holds the events: what we ask for when we create it. Pure.

On a bus of our own a full stream refuses new events, which the sender sees; it never drops one by itself, and events that everybody has read
are trimmed (``keeper``). On a bus of others their settings hold: a stream that exists is never changed (spec §4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from eventbus.subjects import BINDING_SUBJECTS, BINDINGS, STREAM, SUBJECTS

__all__ = ["FOR_BINDINGS", "OURS", "THEIRS", "TRIMMED", "StreamSettings"]

TRIMMED = "pointsman-trimmed"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The settings that a manifest may choose. Times in seconds, 0: for ever (``duplicates`` 0: the server's two minutes); -1: no limit."""

    max_age: float = 0
    duplicates: float = 15 * 60
    max_msgs: int = -1
    max_bytes: int = -1
    replicas: int = 1
    discard: Literal["new", "old"] = "new"
    retention: Literal["limits", "interest", "workqueue"] = "limits"
    name: str = STREAM
    subjects: str = SUBJECTS
    trimmed: bool = True
    """We remove what everybody has read; the stream says so, so that each of us knows it as ours."""

    def request(self) -> dict[str, Any]:
        """The configuration as the server's API takes it (times in nanoseconds)."""
        config: dict[str, Any] = {
            "name": self.name,
            "subjects": [self.subjects],
            "storage": "file",
            "retention": self.retention,
            "discard": self.discard,
            "max_age": nanoseconds(self.max_age),
            "max_msgs": self.max_msgs,
            "max_bytes": self.max_bytes,
            "num_replicas": self.replicas,
        }
        if self.duplicates:
            config["duplicate_window"] = nanoseconds(self.duplicates)
        if self.trimmed:
            config["metadata"] = {TRIMMED: "true"}
        return config


OURS = StreamSettings()
"""On a bus that we make."""

FOR_BINDINGS = StreamSettings(name=BINDINGS, subjects=BINDING_SUBJECTS)
"""The events that WorkflowEventBindings wait for."""

THEIRS = StreamSettings(duplicates=0, discard="old", trimmed=False)
"""What the reference asks for on a ``jetstreamExotic`` without ``streamConfig``."""


def nanoseconds(seconds: float) -> int:
    """The server's unit of time."""
    return round(seconds * 1e9)
