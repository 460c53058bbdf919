"""The values that an expression looked at, short enough to be kept and shown: why did nothing match? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events.expressions.expr import Path
from sensor.bindings.environment import NAMES, Environment

__all__ = ["HIDDEN", "witness"]

HIDDEN = "(hidden)"
"""Stands for what proves a delivery: a record must not give it away."""

_SECRETS = ("x-gitlab-token", "x-hook-uuid")
_SECRET_WORDS = ("signature", "token", "secret", "password", "api-key", "authorization")
_LONGEST = 200
_MOST = 8


def witness(paths: Iterable[Path], environment: Environment) -> dict[str, Any]:
    """The value at each path, by the path's text. What is not there is None; long values are cut short."""
    seen: dict[str, Any] = {}
    for path in paths:
        if path.steps[0] not in NAMES:
            continue
        value = path.read(environment.names)
        if path.steps[0] == "metadata":
            value = _without_secrets(path, value)
        seen[str(path)] = _short(value)
    return seen


def _without_secrets(path: Path, value: Any) -> Any:
    if len(path.steps) > 1:
        return HIDDEN if value is not None and _is_secret(str(path.steps[1])) else value
    if isinstance(value, Mapping):
        return {key: HIDDEN if _is_secret(key) else item for key, item in value.items()}
    return value


def _is_secret(header: str) -> bool:
    return header in _SECRETS or any(word in header for word in _SECRET_WORDS)


def _short(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, list):
        if depth > 1 or len(value) > _MOST:
            return f"a list of {len(value)}"
        return [_short(item, depth + 1) for item in value]
    if isinstance(value, dict):
        if depth > 1 or len(value) > _MOST:
            return f"an object of {len(value)} members"
        return {key: _short(item, depth + 1) for key, item in value.items()}
    return value
