"""Types that several resources share: selectors, back-off, TLS, authentication (spec §0.2–0.6)."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from events.errors import SpecError
from events.models.base import Finding, Int32, Int64, Int64OrString, Json, Spec, describe, join_path, required

__all__ = [
    "Backoff",
    "BasicAuth",
    "ConfigMapKeySelector",
    "GithubAppCreds",
    "Metadata",
    "NATSAuth",
    "S3Artifact",
    "SASLConfig",
    "SchemaRegistryConfig",
    "SecretKeySelector",
    "SecureHeader",
    "TLSConfig",
    "Time",
    "ValueFromSource",
    "check_backoff",
    "check_basic_auth",
    "check_sasl",
    "check_selector",
    "check_tls",
    "go_duration",
]

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def go_duration(text: str) -> int:
    """Go's ``time.ParseDuration`` (``1h30m``, ``-1.5s``): nanoseconds. Raises ValueError with a sentence."""
    rest = text.lstrip("+-") if text[:1] in "+-" else text
    if rest == "0":
        return 0
    position, total = 0, 0.0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            raise ValueError(f"'{text}' is not a duration such as 10s, 1m30s or 500ms")
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if total >= 2**63:
        raise ValueError(f"'{text}' is longer than a duration can be (292 years)")
    if not rest:
        raise ValueError("an empty text is not a duration such as 10s")
    return -int(total) if text.startswith("-") else int(total)


class Metadata(Spec):
    """The part of an object's metadata that we read."""

    free_form: ClassVar[bool] = True

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SecretKeySelector(Spec):
    """A key of a Secret of the object's namespace."""

    name: str = ""
    """Name of the Secret."""
    key: str = ""
    """Which of its keys."""
    optional: bool = False
    """Whether pods may start without it."""


class ConfigMapKeySelector(Spec):
    """A key of a ConfigMap of the object's namespace."""

    name: str = ""
    """Name of the ConfigMap."""
    key: str = ""
    """Which of its keys."""
    optional: bool = False
    """Whether pods may start without it."""


def check_selector(model: Spec, path: str) -> list[Finding]:
    """What a reference to a Secret or ConfigMap leaves out, so that no value can be found by it; nothing for any other model."""
    if not isinstance(model, (SecretKeySelector, ConfigMapKeySelector)):
        return []
    return required(path, name=model.name, key=model.key)


class Backoff(Spec):
    """Retry policy (spec §0.3): ``steps`` attempts in all, the pause grows by ``factor``, ``jitter`` adds up to its share.

    The reference decodes any text as duration and any JSON as factor and jitter, and fails when it uses them.
    """

    raw_duration: Int64OrString = Field(default=1_000_000_000, alias="duration")
    """The first pause: a text such as `10s`, or a number of nanoseconds; 1s when absent."""
    factor: Json = 1.0
    """The pause is multiplied by this number each time; 1 when absent."""
    jitter: Json = 1
    """A random share of the pause, up to this number, is added; 1 when absent."""
    steps: Int32 = 0
    """How often it is tried, the first time included; 5 when absent."""

    @property
    def duration(self) -> int:
        """The first pause in nanoseconds; raises SpecError when the text is no duration."""
        if isinstance(self.raw_duration, int):
            return self.raw_duration
        try:
            return go_duration(self.raw_duration)
        except ValueError as error:
            raise SpecError(str(error), path="duration") from None


def check_backoff(backoff: Backoff, path: str) -> list[Finding]:
    """What fails when it is used: a text that is no duration, a factor or jitter that is no number."""
    findings = []
    try:
        _ = backoff.duration
    except SpecError as error:
        findings.append(Finding("error", f"{path}.duration", error.message))
    for name, value in (("factor", backoff.factor), ("jitter", backoff.jitter)):
        if type(value) not in (int, float):
            findings.append(Finding("error", f"{path}.{name}", f"must be a number, not {describe(value)}"))
    return findings


class TLSConfig(Spec):
    """How to speak TLS to the other side (spec §0.4)."""

    ca_cert_secret: SecretKeySelector | None = None
    """The authority that signed the other side's certificate."""
    client_cert_secret: SecretKeySelector | None = None
    """Our certificate; needs `clientKeySecret`."""
    client_key_secret: SecretKeySelector | None = None
    """Our certificate's key; needs `clientCertSecret`."""
    insecure_skip_verify: bool = False
    """Do not check the other side's certificate."""
    enabled: bool = False
    """Speak TLS with the authorities that the system trusts."""


class BasicAuth(Spec):
    """User name and password, each from a Secret."""

    username: SecretKeySelector | None = None
    """The user name."""
    password: SecretKeySelector | None = None
    """The password."""


class SASLConfig(Spec):
    """How to log in at Kafka."""

    mechanism: str = ""
    """`PLAIN` (when absent), `OAUTHBEARER`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `GSSAPI`."""
    user_secret: SecretKeySelector | None = None
    """The user name."""
    password_secret: SecretKeySelector | None = None
    """The password."""


class NATSAuth(Spec):
    """How to log in at NATS; the first one that is set counts, in this order."""

    basic: BasicAuth | None = None
    """User name and password."""
    token: SecretKeySelector | None = None
    """A token."""
    nkey: SecretKeySelector | None = None
    """The seed of an NKey."""
    credential: SecretKeySelector | None = None
    """A credentials file."""


class SchemaRegistryConfig(Spec):
    """Where Avro schemas of Kafka messages are kept."""

    url: str = ""
    """Address of the registry."""
    schema_id: Int32 = 0
    """Number of the schema."""
    auth: BasicAuth = BasicAuth()
    """How to log in there."""


class GithubAppCreds(Spec):
    """A GitHub App and its installation."""

    private_key: SecretKeySelector | None = None
    """The App's private key, PEM."""
    app_id: Int64 = Field(default=0, alias="appID")
    """Number of the App."""
    installation_id: Int64 = Field(default=0, alias="installationID")
    """Number of the installation."""


class ValueFromSource(Spec):
    """A value in a Secret or, when that is absent, a ConfigMap."""

    secret_key_ref: SecretKeySelector | None = None
    """A key of a Secret."""
    config_map_key_ref: ConfigMapKeySelector | None = None
    """A key of a ConfigMap."""


class SecureHeader(Spec):
    """A header whose value is not in the manifest."""

    name: str = ""
    """Name of the header."""
    value_from: ValueFromSource | None = None
    """Where its value is."""


class S3Bucket(Spec):
    """A bucket, and the key in it."""

    key: str = ""
    """Name of the object in the bucket."""
    name: str = ""
    """Name of the bucket."""


class S3Filter(Spec):
    """Beginning and end of the keys that count."""

    prefix: str = ""
    """What the name of the object begins with."""
    suffix: str = ""
    """What the name of the object ends with."""


class S3Artifact(Spec):
    """An object, or the events, of an S3 bucket (spec §0.8)."""

    endpoint: str = ""
    """Host and port of the S3 service."""
    bucket: S3Bucket | None = None
    """The bucket, and the object in it."""
    region: str = ""
    """Region of the bucket."""
    insecure: bool = False
    """Speak HTTP instead of HTTPS."""
    access_key: SecretKeySelector | None = None
    """The access key."""
    secret_key: SecretKeySelector | None = None
    """The secret key."""
    events: list[str] | None = None
    """Names of S3 events, such as `s3:ObjectCreated:Put`."""
    filter: S3Filter | None = None
    """Which objects count."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""
    ca_certificate: SecretKeySelector | None = None
    """The authority that signed the certificate of the service."""


_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{1,2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:Z|[+-](\d{2}):(\d{2}))", re.ASCII
)


def _rfc3339(text: str) -> str:
    part = _RFC3339.fullmatch(text)
    try:
        if part is None:
            raise ValueError
        year, month, day, hour, minute, second, zone_hour, zone_minute = (int(p or 0) for p in part.groups())
        date(year or 4, month, day)  # Go knows a year 0, a leap year; Python does not
        if hour > 23 or minute > 59 or second > 59 or zone_hour > 24 or zone_minute > 60:
            raise ValueError
    except ValueError:
        raise ValueError(f"'{text}' is not a time such as 2026-01-31T12:00:00Z") from None
    return text


Time = Annotated[str, AfterValidator(_rfc3339)]
"""A time in RFC 3339, as it was written."""


def check_tls(tls: TLSConfig | None, path: str) -> list[Finding]:
    """Whether the settings can make a connection (spec §0.4)."""
    if tls is None or tls.insecure_skip_verify:
        return []
    cert, key = tls.client_cert_secret is not None, tls.client_key_secret is not None
    if not (tls.ca_cert_secret is not None or cert or key or tls.enabled):
        message = "needs caCertSecret, or clientCertSecret with clientKeySecret, or enabled"
    elif cert != key:
        message = "clientCertSecret and clientKeySecret belong together"
    else:
        return []
    return [Finding("error", path, message)]


def check_basic_auth(auth: BasicAuth | None, path: str) -> list[Finding]:
    """User name and password belong together."""
    if auth is None:
        return []
    missing = [name for name in ("username", "password") if getattr(auth, name) is None]
    return [Finding("error", join_path(path, (name,)), "must be given") for name in missing]


_SASL_MECHANISMS = ("PLAIN", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI")


def check_sasl(sasl: SASLConfig | None, path: str) -> list[Finding]:
    """Whether the mechanism is known and user and password are given (spec §0.5)."""
    if sasl is None:
        return []
    findings = []
    if sasl.mechanism and sasl.mechanism not in _SASL_MECHANISMS:
        findings.append(Finding("error", f"{path}.mechanism", f"must be one of {', '.join(_SASL_MECHANISMS)}"))
    if sasl.user_secret is None or sasl.password_secret is None:
        findings.append(Finding("error", path, "userSecret and passwordSecret must both be given"))
    return findings
