"""Source ``file``: changes of files (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from eventsource.pollers import Poller, PollerConfig, register
from eventsource.pollers._paths import WatchPathConfig, check_watch_path


class FileConfig(PollerConfig):
    """``eventType`` is CREATE, WRITE, REMOVE, RENAME or CHMOD."""

    event_type: str = ""
    """`CREATE`, `WRITE`, `REMOVE`, `RENAME` or `CHMOD`."""
    watch_path_config: WatchPathConfig = WatchPathConfig()
    """Which files."""
    polling: bool = False
    """Look for changes instead of being told."""


@register("file")
class File(Poller[FileConfig]):
    """Source kind ``file``."""

    kind = "file"
    built = False
    config_model = FileConfig

    @classmethod
    def validate(cls, config: FileConfig, path: str = "") -> list[Finding]:
        """A type, whatever it is, and the files."""
        findings = required(path, eventType=config.event_type)
        return findings + check_watch_path(config.watch_path_config, f"{path}.watchPathConfig")
