"""The environment of a source's ``filter.expression``, made from an event's data (spec: argo-events.md §3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

__all__ = ["expand"]

_MAX_LEVELS = 64


def expand(data: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of ``data`` as names: ``-`` becomes ``_``, and ``a.b`` an entry ``b`` of ``a``.

    Where both ``a`` and ``a.b`` are there, ``a`` is dropped. Values are not copied.
    """
    named = {key.replace("-", "_"): value for key, value in data.items()}
    keys = sorted(named)
    for key, following in pairwise(keys):
        if following.startswith(key + "."):
            del named[key]
    expanded: dict[str, Any] = {}
    for key in sorted(named):
        *owners, last = key.split(".", _MAX_LEVELS)
        level = expanded
        for owner in owners:
            inner = level.get(owner)
            if not isinstance(inner, dict):
                inner = {}
                level[owner] = inner
            level = inner
        level[last] = named[key]
    return expanded
