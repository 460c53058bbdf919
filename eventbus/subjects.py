"""Step 4: the names of things on the bus. Pure.

A source publishes to ``default.<source>.<event>`` as the reference does, so that its sensors read our events and the other way round
(spec §4.3). What only we read has names that the reference can never make: its durables are ``group-<number>``, its KV buckets are named
as the sensor, which is a DNS label and so never holds an underscore.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from events.errors import SpecError

__all__ = [
    "BINDINGS",
    "BINDING_RESULTS",
    "BINDING_SUBJECTS",
    "DURABLES",
    "STREAM",
    "SUBJECTS",
    "account",
    "binding_subject",
    "bucket",
    "durable",
    "key",
    "ledger",
    "matches",
    "subject",
]

STREAM = "default"
SUBJECTS = "default.*.*"

BINDINGS = "pointsman-bindings"
"""Stream and durable consumer of the events that WorkflowEventBindings wait for."""
BINDING_SUBJECTS = "pointsman.bindings.*.*"
BINDING_RESULTS = "pointsman_binding-results"
"""The KV bucket of what the bindings did with an event, by its id."""

DURABLES = "sensor-"
"""How the durable consumers of sensors begin."""

_MAX_TOKEN_BYTES = 1024
"""The server takes protocol lines of 4 KiB: two names, the reply subject and the verb fit."""

_KEY_SAFE = re.compile(r"[^A-Za-z0-9_-]")


@lru_cache(maxsize=1024)
def subject(source: str, event: str) -> str:
    """The subject of an event. Raises SpecError for a name that cannot be a part of a subject: each publish would fail."""
    return f"{STREAM}.{_token(source, 'EventSource name')}.{_token(event, 'event name')}"


def binding_subject(namespace: str, discriminator: str) -> str:
    """The subject of an event for the bindings of a namespace: any text is good, different ones never share a subject."""
    return f"pointsman.bindings.{_bounded(namespace)}.{_bounded(discriminator)}"


def durable(namespace: str, sensor: str) -> str:
    """The durable consumer of a sensor."""
    return DURABLES + _slug(namespace, sensor)


def bucket(namespace: str, sensor: str, purpose: str = "state") -> str:
    """The KV bucket of a sensor for one purpose."""
    return f"pointsman_{purpose}_{_slug(namespace, sensor)}"


def ledger(namespace: str, sensor: str) -> tuple[str, str]:
    """The stream of a sensor's ledger, and how its subjects begin."""
    slug = _slug(namespace, sensor)
    return f"pointsman_ledger_{slug}", f"pointsman.ledger.{slug}"


def key(*parts: str) -> str:
    """A KV key made of names that a user gave: different parts never make the same key.

    What a key may not hold, and ``=`` itself, is written as ``=XX`` per byte; an empty part as a lone ``=``.
    """
    return ".".join(_KEY_SAFE.sub(_escape, part) or "=" for part in parts)


def account(namespace: str, bus: str) -> str:
    """The NATS account of an EventBus on the embedded server; it is a folder name, too."""
    plain = f"{namespace}__{bus}"
    return plain if re.fullmatch(r"[a-z0-9-]{1,63}__[a-z0-9-]{1,100}", plain) else f"bus_{_slug(namespace, bus)}"


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject fits a pattern of NATS: ``*`` is any one token, ``>`` at the end all that follow (at least one)."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(want in ("*", token) for want, token in zip(wanted, tokens, strict=True))


def _token(name: str, what: str) -> str:
    """``name`` if it is one token of a NATS subject without wildcards."""
    if not name:
        raise SpecError(f"the {what} is empty", reason="InvalidName")
    for character in name:
        if character in ".*>" or character.isspace() or not character.isprintable():
            raise SpecError(
                f"the {what} {name!r} holds {character!r}, which no subject on the bus can carry",
                hint="use letters, digits, '-' and '_'",
                reason="InvalidName",
            )
    if len(name.encode()) > _MAX_TOKEN_BYTES:
        raise SpecError(f"the {what} {name[:40]!r}… is longer than {_MAX_TOKEN_BYTES} bytes", reason="InvalidName")
    return name


def _bounded(text: str) -> str:
    token = key(text)
    return token if len(token) <= _MAX_TOKEN_BYTES else "=" + hashlib.sha256(token.encode()).hexdigest()


def _slug(namespace: str, name: str) -> str:
    """A readable part and a hash that makes it unique."""
    digest = hashlib.sha256(f"{namespace}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = re.sub(r"[^a-z0-9]+", "-", f"{namespace}-{name}".lower()).strip("-")[:60].rstrip("-")
    return f"{readable}-{digest}" if readable else digest


def _escape(match: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))
