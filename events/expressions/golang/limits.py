"""Bounds of one evaluation: how large a text or a list may grow. Crossing one is an ``EvaluationError``, never a MemoryError."""

from __future__ import annotations

from events.errors import EvaluationError

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_NODES", "MAX_TEXT", "check_items", "check_text"]

MAX_TEXT = 4 * 1024 * 1024  # characters of one text
MAX_ITEMS = 262_144  # items of one list
MAX_NODES = 200_000  # values visited by one deep operation (comparing, copying, encoding)
MAX_DEPTH = 200  # levels of nesting where a deep operation recurses


def check_text(size: int) -> None:
    """Raise when a text of ``size`` characters is about to be made that no event needs."""
    if size > MAX_TEXT:
        raise EvaluationError(
            f"a text of {size} characters is larger than the limit of {MAX_TEXT}", reason="LimitReached"
        )


def check_items(count: int) -> None:
    """Raise when a list of ``count`` items is about to be made that no event needs."""
    if count > MAX_ITEMS:
        raise EvaluationError(f"a list of {count} items is larger than the limit of {MAX_ITEMS}", reason="LimitReached")
