"""A CloudEvent 1.0, the only thing on the bus, and its structured JSON form (spec §4.1).

The reference writes ``data_base64`` always and reads both forms; so do we. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import binascii
import hashlib
import re
import time
from dataclasses import dataclass
from functools import cached_property

import orjson
import pybase64

from events.errors import EvaluationError
from events.expressions import gjson
from events.expressions.document import Document

__all__ = ["Event", "event_id", "rfc3339"]

_TOKEN = re.compile(rb'("X-Gitlab-Token":\[)(?:,?"(?:[^"\\]|\\.)*+")*+')
"""That header field in the data of an event, as sources write it. Within a text its quotes would be escaped."""

_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header-field-values"""


@dataclass(frozen=True)
class Event:
    """One event. ``source`` is the EventSource, ``subject`` the event name in it, ``type`` its kind, ``time`` RFC 3339 in UTC.

    ``traceparent`` (W3C) says which trace it belongs to; empty: none. It is no attribute that filters or parameters see.
    """

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: bytes | None = None
    datacontenttype: str = "application/json"
    specversion: str = "1.0"
    traceparent: str = ""

    @cached_property
    def document(self) -> Document:
        """The data as a JSON document, parsed once for all that look at it."""
        return Document(self.data if self.data is not None else b"")

    @property
    def shown(self) -> bytes:
        """The data for people: without the value of the header ``X-Gitlab-Token``, which is the secret itself."""
        data = self.data or b""
        return _TOKEN.sub(rb'\1"***"', data) if b'"X-Gitlab-Token"' in data else data

    @property
    def context(self) -> dict[str, str]:
        """The attributes in the order in which the reference writes them (spec §1.7 row 4)."""
        return {
            "id": self.id,
            "source": self.source,
            "specversion": self.specversion,
            "type": self.type,
            "datacontenttype": self.datacontenttype,
            "subject": self.subject,
            "time": self.time,
        }

    def to_json(self) -> bytes:
        """The structured form. The attributes are escaped by orjson; the data needs no escaping in base64."""
        context = self.context
        if self.traceparent:
            context["traceparent"] = self.traceparent
        head = orjson.dumps(context)
        if self.data is None:
            return head
        return b"".join((head[:-1], b',"data_base64":"', pybase64.b64encode(self.data), b'"}'))

    @classmethod
    def from_json(cls, text: bytes) -> Event:
        """Read the structured form; raises EvaluationError when it is none."""
        try:
            raw = orjson.loads(text)
            data = raw.get("data_base64")
            if data is not None:
                content: bytes | None = _decoded(data)
            elif "data" in raw:
                # The data as written: number spelling and key order belong to the event.
                content = gjson.get(text, "data").raw.encode("utf-8", "surrogatepass")
            else:
                content = None
            event = cls(
                id=raw["id"],
                source=raw["source"],
                type=raw["type"],
                subject=raw.get("subject") or "",  # null is as good as absent
                time=raw.get("time") or "",
                data=content,
                datacontenttype=raw.get("datacontenttype") or "",
                specversion=raw.get("specversion") or "1.0",
                traceparent=_traceparent(raw["traceparent"]) if "traceparent" in raw else "",
            )
            for name, value in event.context.items():
                if not isinstance(value, str):
                    raise TypeError(f"its {name} is no text")
            return event
        except (orjson.JSONDecodeError, binascii.Error, KeyError, AttributeError, TypeError, ValueError) as error:
            raise EvaluationError(f"not a CloudEvent: {error}", reason="NotACloudEvent") from error


def _decoded(text: str) -> bytes:
    """Base64, as leniently as the reference's other writers need it: line breaks are skipped."""
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        return binascii.a2b_base64(text)


def _traceparent(text: object) -> str:
    """What is no ``traceparent`` is none: anybody may have written it."""
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text) else ""


def event_id(
    kind: str, namespace: str, source: str, event_name: str, delivery_id: str, index: int | None = None
) -> str:
    """32 hex digits, the same for each redelivery. ``index`` counts the events of one delivery, where it makes several."""
    parts = [kind, namespace, source, event_name, delivery_id]
    if index is not None:
        parts.append(str(index))
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def rfc3339(ns: int) -> str:
    """Nanoseconds since 1970 as Go's RFC3339Nano in UTC: trailing zeros of the fraction are cut."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"
