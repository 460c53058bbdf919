"""``pointsman release sensor NAME``. See ``hold``."""

from events.cli.hold import release as command

__all__ = ["command"]
