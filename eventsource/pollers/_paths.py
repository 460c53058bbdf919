"""Which files of a folder are watched: ``watchPathConfig`` (spec §0.6)."""

from __future__ import annotations

import re2

from events.models.base import Finding, Spec, required

__all__ = ["WatchPathConfig", "check_watch_path"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class WatchPathConfig(Spec):
    """A folder, and in it either one relative path or all that match a pattern."""

    directory: str = ""
    path: str = ""
    path_regexp: str = ""


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
            re2.compile(config.path_regexp, _OPTIONS)
        except (re2.error, UnicodeEncodeError) as problem:
            detail = problem.args[0] if problem.args else ""
            words = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(problem)
            findings.append(Finding("error", f"{path}.pathRegexp", f"is no RE2 pattern: {words}"))
    return findings
