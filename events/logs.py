"""Log lines: a constant sentence and fields. On a terminal for people, otherwise one JSON object a line.

A value under a key that names a secret is masked, whatever it is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, TextIO, cast

import orjson
import structlog

__all__ = ["configure"]

_OURS = ("eventbus",)
"""Packages that speak through the standard module."""

_SECRET_KEYS = ("secret", "token", "password", "authorization", "signature")


def _mask(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in fields:
        if _is_secret(key):
            fields[key] = "***"
    return fields


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_KEYS)


def _values_as_json(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Lists and objects as in the JSON form, not as Python writes them."""
    for key, value in fields.items():
        if isinstance(value, (dict, list, tuple)):
            fields[key] = _json(value, default=str)
    return fields


def _json(fields: Any, default: Callable[[Any], Any], **_: Any) -> str:
    try:
        return orjson.dumps(fields, default=default).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, or a number beyond 64 bits
        return json.dumps(fields, default=default)


def configure(level: str = "info", *, style: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging of this process. ``style`` is ``text``, ``json`` or ``auto`` (text on a terminal)."""
    stream = stream or sys.stderr
    text = style == "text" or (style == "auto" and stream.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), event_key="msg", timestamp_key="ts", sort_keys=False)
        if text
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.EventRenamer("msg"),
            *([_values_as_json] if text else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Sink(stream))),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard module; only what is serious is passed on.
    logging.basicConfig(level=logging.ERROR, handlers=[_Forward()], force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: record.name.partition(".")[0] not in _OURS)
    for name in _OURS:
        ours = logging.getLogger(name)
        ours.setLevel(level.upper())
        ours.handlers = [_Forward(named=False)]


class _Sink:
    """Where lines go. One that cannot be written (the disk is full, nobody reads the pipe any more) is lost, and breaks nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Forward(logging.Handler):
    """What is said through the standard module, as all other lines. ``extra={"fields": {…}}`` has the fields of a line.

    ``named``: with the name of the logger, for libraries.
    """

    def __init__(self, *, named: bool = True) -> None:
        super().__init__()
        self._named = named

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on."""
        fields: dict[str, Any] = dict(getattr(record, "fields", {}))
        if self._named:
            fields["logger"] = record.name
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), exc_info=record.exc_info, **fields)
