"""Steps 2 and 3, verify and convert: one forge a file, no I/O. This is what they share.

A kind is a subclass of ``Webhook`` in a file of its name. To add one: its ``Config``, ``verify``, ``convert``,
``delivery_id``, and ``validate`` where the manifest can be wrong (spec §3.3 and §3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from eventbus.interface import LARGEST_MESSAGE
from events.errors import EvaluationError, Rejected, SpecError
from events.expressions import gojson
from events.models.base import Finding, Int64, Spec
from events.models.eventsource import SourceFilter
from events.models.shared import SecretKeySelector
from events.models.urls import is_http_url
from events.registry import Registry
from eventsource import signatures
from eventsource.delivery import Delivery
from eventsource.forges import Forge

__all__ = [
    "Config",
    "ForgeConfig",
    "Secrets",
    "Webhook",
    "WebhookContext",
    "check_context",
    "compacted",
    "for_another_bus",
    "payload_that_fits",
    "register",
    "registry",
]

DEFAULT_MAX_PAYLOAD = 1 << 20


def payload_that_fits(message: int) -> int:
    """Bytes of a body that fit a message of the bus, which holds the event in base64, with headers and attributes."""
    return max(0, message - (256 << 10)) // 4 * 3


LARGEST_PAYLOAD = payload_that_fits(LARGEST_MESSAGE)


def for_another_bus(finding: Finding) -> Finding:
    """A finding about an event whose bus is somebody else's: what its server takes in a message is up to that."""
    if finding.severity != "error" or not finding.path.endswith(".maxPayloadSize"):
        return finding
    hint = "the server takes max_payload bytes a message (1 MiB unless it is set), encoded in base64"
    return Finding("warning", finding.path, "may be more than this bus takes", hint)


DEDUPE, RERUN = "dedupe", "rerun"

C = TypeVar("C", bound="Config")

registry: Registry[type[Webhook[Any]]] = Registry("eventsource.webhooks", "event source")
register = registry.register

Secrets = Callable[[SecretKeySelector], tuple[bytes, ...]]
"""All values of a Secret's key that are good now. Asked for each delivery, so that a rotation needs no restart."""


class WebhookContext(Spec):
    """Where a webhook is served (spec §3.3). ``port`` is text, as in the reference."""

    endpoint: str = ""
    """The path, for example `/push`."""
    method: str = ""
    """The method, for example `POST`."""
    port: str = ""
    """The port, in quotes, for example `"12000"`."""
    url: str = ""
    """The address that the sender reaches, for example `https://hooks.example.com`."""
    server_cert_secret: SecretKeySelector | None = None
    """The certificate; needs `serverKeySecret`."""
    server_key_secret: SecretKeySelector | None = None
    """The certificate's key; needs `serverCertSecret`."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""
    auth_secret: SecretKeySelector | None = None
    """The token that each sender must bring (`Authorization: Bearer`)."""
    max_payload_size: Int64 | None = None
    """Bytes of a body at most; 1048576 when absent."""

    @property
    def limit(self) -> int:
        """Bytes that a body may have."""
        return DEFAULT_MAX_PAYLOAD if self.max_payload_size is None else max(self.max_payload_size, 0)

    @property
    def tls(self) -> tuple[SecretKeySelector, SecretKeySelector] | None:
        """Certificate and key, when the port speaks TLS."""
        if self.server_cert_secret is None or self.server_key_secret is None:
            return None
        return self.server_cert_secret, self.server_key_secret

    def findings(self, path: str) -> Iterator[Finding]:
        """What the reference finds wrong with it."""
        if not self.endpoint:
            yield Finding("error", f"{path}.endpoint", "must be given")
        if not self.port:
            yield Finding("error", f"{path}.port", "must be given")
        elif not _is_integer(self.port):
            yield Finding("error", f"{path}.port", f"must be a port number, not '{self.port}'")

    def advice(self, path: str) -> Iterator[Finding]:
        """What the reference lets pass although it cannot work."""
        if self.endpoint and not self.endpoint.startswith("/"):
            yield Finding("warning", f"{path}.endpoint", f"served as '/{self.endpoint}'", "begin it with a slash")
        if _is_integer(self.port) and not 0 < int(self.port) < 65536:
            yield Finding("error", f"{path}.port", f"must be from 1 to 65535, not {self.port}")
        if self.endpoint.rstrip("/") in ("/health", "health") and not self.endpoint.endswith("/"):
            yield Finding("warning", f"{path}.endpoint", "is never reached: /health says whether the port is served")
        elif "?" in self.endpoint:
            yield Finding(
                "warning", f"{path}.endpoint", "is never reached: a path ends before its '?'", "leave out the query"
            )
        if self.url and not is_http_url(self.url):
            text = f"no delivery can be sent to '{self.url}'"
            yield Finding("warning", f"{path}.url", text, "write the address that the sender reaches: https://host")
        if self.max_payload_size is not None and self.max_payload_size > LARGEST_PAYLOAD:
            text = f"{self.max_payload_size} bytes do not fit the bus, which takes {LARGEST_MESSAGE} a message, encoded in base64"
            yield Finding("error", f"{path}.maxPayloadSize", text, f"the largest value that fits is {LARGEST_PAYLOAD}")
        elif self.max_payload_size is not None and self.max_payload_size <= 0:
            text = "every delivery with a body is refused"
            yield Finding("warning", f"{path}.maxPayloadSize", text, f"leave it out for {DEFAULT_MAX_PAYLOAD}")
        if (self.server_cert_secret is None) != (self.server_key_secret is None):
            yield Finding(
                "error", path, "needs both of serverCertSecret and serverKeySecret", "leave out both for plain HTTP"
            )


class Config(Protocol):
    """What the shared code reads of any kind's configuration."""

    @property
    def filter(self) -> SourceFilter | None:
        """Which events are kept."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the user adds to the data."""

    @property
    def context(self) -> WebhookContext:
        """Where it is served."""

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""


class ForgeConfig(Spec):
    """What the configurations of the forges share."""

    webhook: WebhookContext | None = None
    """Where deliveries are received."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""
    filter: SourceFilter | None = None
    """Which events count."""
    delete_hook_on_finish: bool = False
    """Whether hooks go with the EventSource."""
    on_redelivery: str = ""
    """Ours: ``dedupe``, or ``rerun`` where what the forge delivers again is to start a Workflow again."""
    redeliver_missed: bool = False
    """Ours: failed deliveries are looked for in the forge's log, and asked for again."""

    @property
    def context(self) -> WebhookContext:
        """Where it is served."""
        return self.webhook or WebhookContext()

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""
        return None

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""
        return False

    def context_findings(self, path: str) -> Iterator[Finding]:
        """What the reference finds wrong with ``webhook``."""
        yield from check_context(self.webhook, path)


class Webhook(Generic[C]):
    """One event of a kind: its configuration and what to do with a delivery. No state, no I/O."""

    kind: ClassVar[str]
    built: ClassVar[bool] = True
    """False: only known to ``lint``, which judges manifests as the reference does."""
    exclusive: ClassVar[bool] = False
    """Whether only one process may serve at a time; see ``eventsource.pollers.Poller``."""
    config_model: ClassVar[type[Any]]
    names: ClassVar[frozenset[str] | None] = frozenset(("body", "headers", "metadata"))
    """The top-level keys of its data, which a filter may name; None: they depend on what is sent."""
    forge: ClassVar[Forge] = Forge()
    """How its sender names events and deliveries."""

    def __init__(self, config: C, secrets: Secrets) -> None:
        self.context = config.context
        self.config = config
        self.secret = config.secret
        self.secrets = secrets
        self.reruns = getattr(config, "on_redelivery", "") == RERUN
        """Whether a delivery that comes again is another event."""
        self._tail = b',"metadata":' + _string_map(config.metadata) + b"}" if config.metadata else b"}"

    @classmethod
    def validate(cls, config: C, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        raise NotImplementedError

    @classmethod
    def advise(cls, config: C, path: str = "") -> list[Finding]:
        """What the reference lets pass although it cannot work, or not as it reads."""
        context = config if isinstance(config, WebhookContext) else getattr(config, "webhook", None)
        where = path if config is context else f"{path}.webhook"
        findings = list(context.advice(where)) if context is not None else []
        choice = getattr(config, "on_redelivery", "")
        if choice not in ("", DEDUPE, RERUN):
            findings.append(Finding("error", f"{path}.onRedelivery", f"must be {DEDUPE} or {RERUN}, not '{choice}'"))
        if choice == RERUN and getattr(config, "redeliver_missed", False):
            text = "cannot be together with onRedelivery: rerun: a delivery that we have could start a Workflow again"
            findings.append(Finding("error", f"{path}.redeliverMissed", text, "leave out one of them"))
        elif getattr(config, "redeliver_missed", False) and not (cls.forge.tells_failures and config.registers_hooks):
            text = "nothing is asked for again: that takes GitHub or GitLab, credentials, and webhook.url"
            findings.append(Finding("warning", f"{path}.redeliverMissed", text))
        return findings

    @property
    def methods(self) -> frozenset[str] | None:
        """The HTTP methods that it takes; None: any."""
        return None

    @property
    def secured(self) -> bool:
        """Whether a sender must prove itself."""
        return bool(self.secret_selectors())

    def secret_selectors(self) -> list[SecretKeySelector]:
        """The Secrets that deliveries are checked with; all must be there at the start."""
        return [selector for selector in (self.context.auth_secret, self.secret) if selector is not None]

    def check_secrets(self) -> None:
        """Raise SpecError when a Secret is missing or cannot be used. For the start: later, such a delivery is refused."""
        for selector in self.secret_selectors():
            if not all(self.secrets(selector)):
                raise SpecError(f"Secret '{selector.name}' has an empty '{selector.key}'", reason="SecretEmpty")

    def authorize(self, authorization: str) -> None:
        """Check the bearer token of ``authSecret``, where there is one. Raises Rejected(401)."""
        if self.context.auth_secret is not None:
            signatures.bearer(authorization, self.secrets(self.context.auth_secret))

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check signature or token; ``now`` is in seconds. Raises Rejected(401)."""

    def convert(self, delivery: Delivery) -> list[bytes]:
        """The data of each event of this delivery (usually one). Raises Rejected(400)."""
        return [self.envelope(delivery, compacted(delivery.body))]

    def delivery_id(self, delivery: Delivery) -> str:
        """The sender's id of this delivery, the same when it is sent again."""
        return self.forge.delivery_id(delivery)

    def envelope(self, delivery: Delivery, body: bytes, *, key: bytes = b"headers") -> bytes:
        """``{"headers": …, "body": …, "metadata"?: …}``."""
        return b"".join((b'{"', key, b'":', headers_json(delivery), b',"body":', body, self._tail))


def check_context(context: WebhookContext | None, path: str) -> list[Finding]:
    """What the reference finds wrong with the ``webhook`` of a configuration that stands at ``path``."""
    if context is None:
        return [Finding("error", f"{path}.webhook", "must be given")]
    return list(context.findings(f"{path}.webhook"))


def _is_integer(text: str) -> bool:
    """Go's ``strconv.Atoi``: 64 bits, no spaces or underscores."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit() and len(digits) <= 100 and -(2**63) <= int(text) < 2**63


def compacted(body: bytes) -> bytes:
    """The JSON body as it goes into the data. Raises Rejected(400)."""
    try:
        return gojson.compact(body)
    except EvaluationError as error:
        raise Rejected(400, f"the body cannot be used: {error.message}", reason=error.reason) from None


def headers_json(delivery: Delivery) -> bytes:
    """Go's ``http.Header`` as JSON: lists by canonical name, without what Go takes out (Host, Transfer-Encoding, Trailer)."""
    lists: dict[str, list[str]] = {}
    for name, value in delivery.headers:
        if name in lists:
            lists[name].append(value)
        elif name not in ("Host", "Transfer-Encoding", "Trailer"):
            lists[name] = [value]
    if "Pragma" in lists and lists["Pragma"][0] == "no-cache":
        lists.setdefault("Cache-Control", ["no-cache"])
    return gojson.string_lists(lists)


def _string_map(values: dict[str, str]) -> bytes:
    return gojson.normalise(b"{}", values)
