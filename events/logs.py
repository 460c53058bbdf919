"""Log lines: a constant sentence and fields. On a terminal for people, otherwise one JSON object a line.

A value under a key that names a secret is masked, whatever it is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

__all__ = ["configure"]

_SECRET_KEYS = ("secret", "token", "password", "authorization", "signature")


def _mask(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in fields:
        if any(word in key.lower() for word in _SECRET_KEYS):
            fields[key] = "***"
    return fields


def configure(level: str = "info", *, style: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging of this process. ``style`` is ``text``, ``json`` or ``auto`` (text on a terminal)."""
    stream = stream or sys.stderr
    text = style == "text" or (style == "auto" and stream.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), event_key="msg", timestamp_key="ts") if text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.EventRenamer("msg"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard module; only what is serious is passed on.
    logging.basicConfig(level=logging.ERROR, stream=stream, format="%(levelname)s %(name)s: %(message)s", force=True)
