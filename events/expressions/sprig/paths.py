"""sprig's paths: Go's ``path`` package; ``os…`` is the same, as the reference runs on Linux.

Follows https://masterminds.github.io/sprig/paths.html and https://pkg.go.dev/path.
"""

from __future__ import annotations

from events.expressions.golang.functions import Function, by_name

__all__ = ["FUNCTIONS"]


def _clean(path: str) -> str:
    """The shortest path that means the same."""
    rooted = path.startswith("/")
    kept: list[str] = []
    for part in path.split("/"):
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in ("", ".") and not (part == ".." and rooted):
            kept.append(part)
    return ("/" if rooted else "") + "/".join(kept) or "."


def _base(path: str) -> str:
    stripped = path.rstrip("/")
    if not stripped:
        return "/" if path else "."
    return stripped.rpartition("/")[2]


def _dir(path: str) -> str:
    head, slash, _ = path.rpartition("/")
    return _clean(head + slash)


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


def _is_abs(path: str) -> bool:
    return path.startswith("/")


FUNCTIONS = by_name(
    [
        Function("base", _base, ("string",)),
        Function("clean", _clean, ("string",)),
        Function("dir", _dir, ("string",)),
        Function("ext", _ext, ("string",)),
        Function("isAbs", _is_abs, ("string",)),
        Function("osBase", _base, ("string",)),
        Function("osClean", _clean, ("string",)),
        Function("osDir", _dir, ("string",)),
        Function("osExt", _ext, ("string",)),
        Function("osIsAbs", _is_abs, ("string",)),
    ]
)
