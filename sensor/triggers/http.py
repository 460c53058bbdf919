"""Step 9 · ``http``: send a request (spec §2.3)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from events.connecting import why
from events.crashpoints import crash_at
from events.errors import EvaluationError, Refused, SpecError, Unavailable
from events.models.base import Finding, parse
from events.models.sensor import Policy
from events.models.shared import BasicAuth, TLSConfig
from events.models.values import Outcome, OutcomeKind, Submission
from sensor.naming import Origin
from sensor.parameters import Parameter, Seed, apply, compile_parameters, payload, resolve
from sensor.target import RoundContext, Tools
from sensor.triggers import TriggerKind, register
from sensor.triggers.specs import HttpConfig, advise_http, validate_http

__all__ = ["Http"]

_DEFAULT_TIMEOUT = 60
_MAX_WORDS = 2_000
"""Bytes of an answer that are read and kept."""

LISTENS = 5.0
"""Seconds for which we wait for the body of an answer."""

_CREDENTIALS = re.compile(r"//[^/?#\s]*@")

_TRANSIENT = frozenset((408, 425, 429, *range(500, 600)))


@register("http")
class Http(TriggerKind[HttpConfig]):
    """At least once: the target recognises a repetition by ``Idempotency-Key``, which is the same for the same events."""

    kind = "http"
    Config = HttpConfig

    def __init__(self, config: HttpConfig, origin: Origin, policy: Policy) -> None:
        super().__init__(config, origin, policy)
        self._payload = compile_parameters(config.payload or [])
        self._dynamic = compile_parameters(config.dynamic_headers)
        self._parameters = compile_parameters(config.parameters)
        self._text = orjson.dumps(config.model_dump(by_alias=True, exclude_unset=True)).decode()
        self._policy = policy
        self._allow = policy.status.allow if policy.status is not None else None
        self._tls_context: tuple[bytes, ssl.SSLContext] | None = None
        if not config.url:
            raise SpecError("must be given", path="http.url")
        if config.tls is not None and (config.tls.client_cert_secret or config.tls.client_key_secret):
            raise SpecError("client certificates are not built yet", path="http.tls", reason="NotBuilt")

    @classmethod
    def validate(cls, config: HttpConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return validate_http(config, path)

    @classmethod
    def advise(cls, config: HttpConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return advise_http(config, path)

    @property
    def parameters(self) -> Mapping[str, Sequence[Parameter]]:
        """By field."""
        return {"parameters": self._parameters, "dynamicHeaders": self._dynamic, "payload": self._payload}

    def render(self, context: RoundContext) -> Submission:
        """Method, URL, headers that hold no secret, and body."""
        if self._parameters:
            text = apply(self._parameters, context.events, self._text, Seed(context.key.encode()))
            try:
                changed = Http(parse(HttpConfig, orjson.loads(text), "http"), self.origin, self._policy)
            except (orjson.JSONDecodeError, SpecError) as error:
                raise EvaluationError(f"the parameters make the trigger invalid: {error}") from None
            changed._parameters = []
            return changed.render(context)
        config = self.config
        seed = Seed(context.key.encode())
        headers = dict(config.headers)
        for parameter in self._dynamic:
            value = resolve(parameter, context.events, seed)
            if value is not None:
                headers[parameter.dest] = value.text
        if config.host:
            headers["Host"] = config.host
        if not any(name.lower() == "idempotency-key" for name in headers):
            headers["Idempotency-Key"] = context.key
        for name, text in headers.items():
            if any(c in name + text for c in "\r\n\0"):
                raise EvaluationError(f"header '{name}' would hold a line break")
        body = payload(self._payload, context.events, seed)
        meta: dict[str, Any] = {
            "method": config.method or "POST",
            "url": config.url,
            "headers": headers,
            "timeout": config.timeout if config.timeout > 0 else _DEFAULT_TIMEOUT,
            "secure": config,
        }
        data = None if body is None else body.encode("utf-8", "replace")
        return Submission("http", _shown(config.url), context.origin.namespace, data, meta)

    def target(self, submission: Submission) -> str:
        """Scheme, host and port."""
        return "/".join(submission.name.split("/", 3)[:3])

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Statuses of the policy are success, or 2xx and 3xx without one; 429, 5xx and no connection may work later; the rest
        is refused.
        """
        assert tools.http is not None, "the process opens a session"
        meta = submission.meta
        headers = meta["headers"] | self._secure_headers(meta["secure"], submission.namespace, tools)
        timeout = aiohttp.ClientTimeout(total=meta["timeout"])
        tls = self._tls(tools)
        crash_at("http.before", meta["url"])
        try:
            async with tools.http.request(
                meta["method"],
                meta["url"],
                data=submission.body,
                headers=headers,
                skip_auto_headers=("Content-Type",),  # only the manifest says what the body is (spec §2.3)
                timeout=timeout,
                ssl=tls,
            ) as response:
                crash_at("http.after", meta["url"])
                return self._outcome(response, await _words(response), submission.name)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            raise Refused(f"'{submission.name}' is not a URL that can be called: {_shown(str(error))}") from None
        except TimeoutError:
            raise Unavailable(f"{submission.name} did not answer within {meta['timeout']} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{submission.name}: {_shown(why(error))}") from None

    def _outcome(self, response: aiohttp.ClientResponse, words: str, url: str) -> Outcome:
        status = response.status
        if status in self._allow if self._allow is not None else status < 400:
            return Outcome(OutcomeKind.SUBMITTED, url, f"{status}{_way(response)}")
        why = "" if self._allow is None else ", which policy.status.allow does not name"
        message = f"{url} answered {status}{why}: {words.strip()}"
        if status in _TRANSIENT:
            retry_after = response.headers.get("Retry-After", "")
            raise Unavailable(message, retry_after=_seconds(retry_after))
        raise Refused(message, status=status)

    def _tls(self, tools: Tools) -> ssl.SSLContext | bool:
        """The TLS context, made anew only when the authority's certificate has changed."""
        config = self.config.tls
        if config is None:
            return True
        ca = tools.vault.get(self.origin.namespace, config.ca_cert_secret) if config.ca_cert_secret else b""
        if self._tls_context is None or self._tls_context[0] != ca:
            self._tls_context = (ca, _context(config, ca))
        return self._tls_context[1]

    def _secure_headers(self, config: HttpConfig, namespace: str, tools: Tools) -> dict[str, str]:
        headers: dict[str, str] = {}
        for entry in config.secure_headers:
            if entry is None or entry.value_from is None:
                continue
            selector = entry.value_from.secret_key_ref or entry.value_from.config_map_key_ref
            if selector is not None:
                headers[entry.name] = tools.vault.get(namespace, selector).decode("utf-8", "replace")
        if config.basic_auth is not None:
            headers["Authorization"] = _basic(config.basic_auth, namespace, tools)
        return headers


async def _words(response: aiohttp.ClientResponse) -> str:
    """What an answer says, as far as it comes. Its status alone decides: who has done what we want must not be asked again for its words."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(LISTENS):
            return (await response.content.read(_MAX_WORDS)).decode("utf-8", "replace")
    return ""


def _way(response: aiohttp.ClientResponse) -> str:
    """Where a request has ended that was redirected: a POST becomes a GET on 301, 302 and 303, as in the reference, which its target may ignore."""
    if not response.history:
        return ""
    return f", redirected to {response.method} {response.url.origin()}{response.url.path}"


def _shown(text: str) -> str:
    """URLs without user and password."""
    return _CREDENTIALS.sub("//***@", text)


def _seconds(retry_after: str) -> float | None:
    """``Retry-After``: seconds, or a date."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _context(config: TLSConfig, ca: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca.decode() or None)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _basic(auth: BasicAuth, namespace: str, tools: Tools) -> str:
    user = tools.vault.get(namespace, auth.username) if auth.username else b""
    password = tools.vault.get(namespace, auth.password) if auth.password else b""
    return "Basic " + base64.b64encode(user + b":" + password).decode()
