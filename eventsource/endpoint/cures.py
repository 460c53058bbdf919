"""What is to be done about a post that was refused, for our log: the answers themselves are those of the reference. Pure."""

from __future__ import annotations

from collections.abc import Callable

from eventsource.endpoint.clients import SECRET_NAME

__all__ = ["cure"]

_EVENTS = "/api/v1/events/"


def cure(status: int, method: str, path: str, ways_in: Callable[[str], str]) -> str:
    """One sentence, or an empty text. ``path`` as it was sent; ``ways_in`` says how a post gets into a namespace."""
    namespace = _namespace(path)
    if status == 401:
        return ways_in(namespace)
    if status == 403:
        return f"see the error, and the Secret {SECRET_NAME} of namespace {namespace}" if namespace else ""
    if status != 501:
        return ""
    if method != "POST":
        return f"events are posted: {method} is not served here"
    path = path.partition("?")[0]
    if namespace and path == _EVENTS + namespace:
        return f"the path needs its last slash: {path}/"
    return f"events are posted to {_EVENTS}NAMESPACE/ or {_EVENTS}NAMESPACE/DISCRIMINATOR"


def _namespace(path: str) -> str:
    return path.partition("?")[0].removeprefix(_EVENTS).partition("/")[0] if path.startswith(_EVENTS) else ""
