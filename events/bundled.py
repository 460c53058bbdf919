"""Files that come with the program beside its code: in a wheel under ``events/_bundled``, in a checkout at the top level."""

from __future__ import annotations

from pathlib import Path

from events.errors import SpecError

__all__ = ["find"]

_PACKAGE = Path(__file__).parent


def find(name: str) -> Path:
    """A file or folder such as ``examples/01-github-push``. Raises SpecError when this installation lacks it."""
    for base in (_PACKAGE / "_bundled", _PACKAGE.parent):
        if (base / name).exists():
            return base / name
    raise SpecError(f"this installation lacks '{name}'", hint="install pointsman again")
