"""Events as recorded cases hold them."""

from __future__ import annotations

import json
from typing import Any

from events.models.event import Event


def event_of(raw: dict[str, Any]) -> Event:
    """``{"context": …, "data" | "dataText": …}`` as an event; a case's ``data`` stands for its compact JSON text."""
    context = raw.get("context", {})
    data: bytes | None = None
    if "dataText" in raw:
        data = raw["dataText"].encode("utf-8", "surrogatepass")
    elif "data" in raw:
        data = json.dumps(raw["data"], separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Event(
        id=context.get("id", ""),
        source=context.get("source", ""),
        type=context.get("type", ""),
        subject=context.get("subject", ""),
        time=context.get("time", ""),
        datacontenttype=context.get("datacontenttype", ""),
        data=data,
    )
