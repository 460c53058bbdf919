"""Which files of a folder are watched: ``watchPathConfig`` (spec §0.6)."""

from __future__ import annotations

from events.errors import ExpressionError
from events.expressions import regex
from events.models.base import Finding, Spec, required

__all__ = ["WatchPathConfig", "check_watch_path"]


class WatchPathConfig(Spec):
    """A folder, and in it either one relative path or all that match a pattern."""

    directory: str = ""
    """The folder, an absolute path."""
    path: str = ""
    """The file in it."""
    path_regexp: str = ""
    """The files in it, a regular expression."""


def check_watch_path(config: WatchPathConfig, path: str) -> list[Finding]:
    """The folder must be absolute; exactly one of ``path`` (relative) and ``pathRegexp`` (RE2) must be given."""
    findings = required(path, directory=config.directory)
    if config.directory and not config.directory.startswith("/"):
        findings.append(Finding("error", f"{path}.directory", "must be an absolute path"))
    if bool(config.path) == bool(config.path_regexp):
        text = "path and pathRegexp exclude each other" if config.path else "path or pathRegexp must be given"
        findings.append(Finding("error", path, text))
    if config.path.startswith("/"):
        findings.append(Finding("error", f"{path}.path", "must be relative to the directory"))
    if config.path_regexp:
        try:
            regex.pattern(config.path_regexp)
        except ExpressionError as error:
            findings.append(Finding("error", f"{path}.pathRegexp", error.message))
    return findings
