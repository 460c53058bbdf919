"""Step 4: where the bus of a manifest is, how to log in there, and what its stream shall be. Pure (spec §4.2, §4.3, §4.7).

What the reference reads with a forgiving parser is read so here: keys in any case, numbers as text. What cannot be read counts as absent, as
there, but a warning names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from eventbus.interface import Address, Tls
from eventbus.stream import StreamSettings
from events import goyaml
from events.errors import SpecError
from events.models.base import Finding
from events.models.shared import TLSConfig, go_duration

__all__ = ["UNVERIFIED", "exotic_address", "read_credentials", "read_stream_config", "read_tls", "read_url"]

UNVERIFIED = Tls(verify=False, required=False)
"""As the reference connects to a bus without ``tls``: any certificate is good. Unlike there, a server without TLS is good, too."""

_RETENTIONS = ("limits", "interest", "workqueue")
_DISCARDS = ("old", "new")
_FIELDS = {
    "maxmsgs": "max_msgs",
    "maxbytes": "max_bytes",
    "maxage": "max_age",
    "duplicates": "duplicates",
    "replicas": "replicas",
    "retention": "retention",
    "discard": "discard",
}


def read_stream_config(
    text: str, base: StreamSettings, *, path: str = "spec.jetstreamExotic.streamConfig"
) -> tuple[StreamSettings, list[Finding]]:
    """``streamConfig`` over ``base`` (``THEIRS`` on a bus of others, ``OURS`` on one that we make), and what is wrong with it."""
    try:
        values = goyaml.load(text) if text.strip() else {}
    except SpecError as error:
        return base, [Finding("error", path, error.message)]
    if not isinstance(values, dict):
        return base, [Finding("error", path, "must be a mapping, such as `maxAge: 168h`")]
    changes: dict[str, Any] = {}
    findings: list[Finding] = []
    for key, value in values.items():
        name = str(key).lower()
        if name not in _FIELDS:
            findings.append(Finding("warning", path, f"unknown setting '{key}'"))
            continue
        try:
            changes[_FIELDS[name]] = _READERS[name](value)
        except ValueError as error:
            findings.append(
                Finding("error" if name in ("retention", "discard") else "warning", path, f"{key}: {error}")
            )
    if changes.get("replicas") == 0:
        changes["replicas"] = 1
    for limit in ("max_msgs", "max_bytes"):
        if changes.get(limit, 1) <= 0:  # the server takes both 0 and -1 for no limit
            changes[limit] = -1
    return replace(base, **changes), findings


def read_credentials(text: bytes) -> tuple[str, str, str]:
    """(user, password, token) of an access secret, which is a YAML text with ``username`` and ``password``, or ``token``.

    Raises SpecError, which quotes nothing of it.
    """
    try:
        values = goyaml.load(text)
    except SpecError:
        values = None
    if isinstance(values, dict):
        known = {str(key).lower(): value for key, value in values.items()}
        user, password, token = (_text(known.get(name)) for name in ("username", "password", "token"))
        if token or user:
            return user, password, token
    raise SpecError(
        "the access secret of the bus has no credentials",
        hint="its value is a YAML text, `username: …` and `password: …`, or `token: …`",
        reason="InvalidAccessSecret",
    )


def read_tls(config: TLSConfig, secret: Callable[[str, str], bytes]) -> Tls:
    """``tls`` of a bus; ``secret(name, key)`` gives the value of a Secret, and raises SpecError."""

    def value(selector: Any) -> str:
        return secret(selector.name, selector.key).decode("utf-8", "replace") if selector is not None else ""

    certificate, key = value(config.client_cert_secret), value(config.client_key_secret)
    if bool(certificate) != bool(key):
        raise SpecError("clientCertSecret and clientKeySecret go together", path="tls")
    return Tls(value(config.ca_cert_secret), certificate, key, verify=not config.insecure_skip_verify)


def exotic_address(url: str, access: bytes | None, tls: Tls | None) -> Address:
    """A ``jetstreamExotic``, with the value of its access secret. Raises SpecError."""
    user, password, token = read_credentials(access) if access is not None else ("", "", "")
    servers = [part.strip() for part in url.split(",") if part.strip()]
    if not servers:
        raise SpecError("the URL of the bus is empty", path="url")
    for server in servers:
        given = read_url(server)
        if access is None and (given.user or given.token):
            user, password, token = given.user, given.password, given.token
    return Address(
        ",".join(read_url(server).url for server in servers), user, password, token, UNVERIFIED if tls is None else tls
    )


def read_url(url: str) -> Address:
    """``nats://user:password@host:port``, or with a token in the place of both: the credentials do not stay in the URL. Raises SpecError."""
    try:
        parts = urlsplit(url if "//" in url else f"nats://{url}")
        host, port = parts.hostname, parts.port or 4222
    except ValueError:
        raise SpecError("the URL of the bus cannot be read", hint="write nats://host:4222", path="url") from None
    if parts.scheme not in ("nats", "tls") or not host:
        raise SpecError(
            f"the bus wants a URL such as nats://host:4222, not '{parts.scheme}://{host or ''}'", path="url"
        )
    where = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(where, token=user) if user and not password else Address(where, user, password)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{value!r} is no number") from None


def _seconds(value: Any) -> float:
    """A duration of Go; a bare number counts nanoseconds."""
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return go_duration(value) / 1e9
    return _number(value) / 1e9


def _choice(options: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        number = _number(value)
        if not 0 <= number < len(options):
            known = ", ".join(f"{i} ({option})" for i, option in enumerate(options))
            raise ValueError(f"{number} is none of {known}")
        return options[number]

    return read


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "maxmsgs": _number,
    "maxbytes": _number,
    "maxage": _seconds,
    "duplicates": _seconds,
    "replicas": _number,
    "retention": _choice(_RETENTIONS),
    "discard": _choice(_DISCARDS),
}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
