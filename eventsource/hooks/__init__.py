"""Hooks at the forges: each event of an EventSource that has credentials and a ``webhook.url`` gets its hook, and keeps it.

One forge a file, found by the name of the kind: ``registry["github"]`` imports ``github.py``. To add one, subclass ``Forge`` in a
file of its name and say, without I/O where it can be:

- ``connect``: base URL, credentials (``authorize``), TLS → ``self.client``;
- ``wanted``: the hooks of the configuration (``Desired``: target, URL, events and fields in the forge's own words, secret);
- ``path``: where the hooks of a target are listed and created; ``read``: one of them → ``Existing``; ``body``: what is sent.

List, create, update and delete follow from these, as REST APIs are alike; override ``hooks``, ``create``, ``update`` or ``delete``
where the forge is not (``page`` where its lists have other pages than those of a ``Link`` header). ``desired`` is overridden where
it takes calls to know the targets (all repositories of a project). ``missed`` and ``redeliver`` with ``redelivers = True`` where
there is a log of deliveries. Everything raises Unavailable (later), Refused (not so) or SpecError (the configuration) and nothing else.

What is to be done is decided in ``plan`` (pure) and done by ``reconcile``; ``client`` is the door to the network. A fake of the forge
goes to ``tests/support/forges``, so that the properties of ``tests/eventsource/hooks`` hold for it as well.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar
from urllib.parse import quote

from events.errors import Refused, SpecError, Unavailable
from events.models.shared import SecretKeySelector, TLSConfig
from events.registry import Registry
from eventsource.hooks.client import Authorize, Client, Page, by_link
from eventsource.hooks.plan import Desired, Existing, Health, Sealed, Target
from eventsource.webhooks import ForgeConfig, WebhookContext

__all__ = [
    "INTERVAL",
    "Connect",
    "Desired",
    "Existing",
    "Forge",
    "Health",
    "Missed",
    "Sealed",
    "Target",
    "hook_url",
    "part",
    "register",
    "registry",
    "same_address",
]

C = TypeVar("C", bound=ForgeConfig)

INTERVAL = 720.0
"""Seconds between two looks at hooks that are as they should be: with a token an hour, still under a call in ten minutes."""

registry: Registry[type[Forge[Any]]] = Registry("eventsource.hooks", "forge")
register = registry.register

Secret = Callable[[SecretKeySelector], bytes]
"""The value of a Secret's key as it is now. Raises SpecError."""


class Connect(Protocol):
    """Makes the client of a forge."""

    def __call__(
        self,
        base: str,
        authorize: Authorize,
        *,
        headers: Mapping[str, str] | None = None,
        tls: TLSConfig | None = None,
    ) -> Client:
        """``base``: address of the API; ``authorize``: header fields with the credentials, asked for each call."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery that failed, in the forge's log: ``id`` of the attempt, ``delivery`` as in the header that names deliveries,
    ``at`` in seconds since 1970.
    """

    id: str
    delivery: str
    at: float
    status: int = 0


class Forge(Generic[C]):
    """The hooks of one event of an EventSource at its forge."""

    kind: ClassVar[str]
    update_method: ClassVar[str] = "PATCH"
    redelivers: ClassVar[bool] = False
    """Whether the log of deliveries can be read, and failed ones asked for again."""

    def __init__(self, config: C, event: str, secret: Secret, connect: Connect) -> None:
        self.config = config
        self.event = event
        self.secret = secret
        self.url = hook_url(config.context)
        self.hides_secrets = False
        """Whether it is found out that it does not even tell whether a hook has a secret."""
        self.client = self.connect(connect)

    # -- what a file of a forge says -------------------------------------------------------------------------------------

    def connect(self, connect: Connect) -> Client:
        """The client. Raises SpecError."""
        raise NotImplementedError

    def wanted(self) -> list[Desired]:
        """The hooks that the configuration asks for. Raises SpecError."""
        raise NotImplementedError

    def path(self, target: Target) -> str:
        """Where the hooks of this target are."""
        raise NotImplementedError

    def read(self, target: Target, raw: Mapping[str, Any]) -> Existing:
        """A hook as the forge tells it (in its list, or in its answer to a change)."""
        raise NotImplementedError

    def body(self, wish: Desired) -> Mapping[str, Any]:
        """What is sent to create or update it."""
        raise NotImplementedError

    def page_query(self) -> Mapping[str, str]:
        """The query of the first page of a list: as many as the forge gives at once."""
        return {"per_page": "100"}

    page: Callable[[Any], Page] = staticmethod(by_link)
    """Takes a page of a list apart."""

    @property
    def interval(self) -> float:
        """Seconds until hooks that are as they should be are looked at again."""
        return INTERVAL

    def pause(self, cost: float) -> float:
        """The same, where a look takes so many calls for each hook: hooks of others fill pages, too."""
        return max(self.interval, cost * INTERVAL)

    # -- what follows ----------------------------------------------------------------------------------------------------

    @property
    def instance(self) -> str:
        """Which forge this is, whatever the event: hooks are remembered by it."""
        return f"{self.kind} {self.client.base}"

    def sealed(self) -> Sealed | None:
        """The secret that deliveries are to be signed with. Raises SpecError when it is missing, or no text."""
        if self.config.secret is None:
            return None
        value = self.secret(self.config.secret)
        try:
            value.decode()
        except UnicodeDecodeError:
            text = f"'{self.config.secret.key}' of Secret '{self.config.secret.name}' is no text in UTF-8"
            raise SpecError(text, hint="no forge can be given it") from None
        return Sealed(value)

    def without_secret(self) -> Self:
        """The same with the same connections, to delete hooks: what deliveries are signed with may be gone by then."""
        other = copy.copy(self)
        other.sealed = lambda: None  # type: ignore[method-assign]
        return other

    def told(self, target: Target, raw: Any) -> Existing:
        """See ``read``. Raises Unavailable for what is no hook: then something else than the forge has answered."""
        try:
            hook = self.read(target, raw)
        except (AttributeError, KeyError, TypeError, ValueError):
            hook = None
        if hook is None or not hook.id:
            raise Unavailable(f"the answer for {target} holds what is no hook", hint="is this the address of the API?")
        return replace(hook, url=self.url) if same_address(hook.url, self.url) else hook

    async def desired(self) -> list[Desired]:
        """See ``wanted``; this one may ask the forge."""
        return self.wanted()

    async def hooks(self, target: Target) -> list[Existing]:
        """All hooks of a target, also those of others."""
        items = await self.client.items(self.path(target), self.page_query(), self.page)
        return [self.told(target, raw) for raw in items]

    async def create(self, wish: Desired) -> Existing:
        """Make a hook."""
        answer = await self.client.call("POST", self.path(wish.target), body=self.body(wish))
        return self.told(wish.target, answer.json)

    async def update(self, hook: Existing, wish: Desired) -> None:
        """Change a hook to what is wished, with its secret."""
        await self.client.call(self.update_method, self.hook_path(hook), body=self.body(wish))

    async def delete(self, hook: Existing) -> None:
        """Delete a hook; one that is gone already is no error."""
        await self.client.call("DELETE", self.hook_path(hook), expect=404)

    def hook_path(self, hook: Existing) -> str:
        """Where a hook is."""
        return f"{self.path(hook.target)}/{part(hook.id)}"

    async def health(self, hook: Existing) -> Health:
        """How its deliveries go."""
        return hook.health

    async def missed(self, hook: Existing, since: float) -> list[Missed]:
        """Deliveries since then (seconds since 1970) that failed, and were not delivered later."""
        raise NotImplementedError

    async def redeliver(self, hook: Existing, missed: Missed) -> None:
        """Ask for a delivery again."""
        raise NotImplementedError

    def lasting(self, target: Target) -> str:
        """Why the hooks of this target stay when all others of the EventSource are deleted; empty: they do not."""
        return ""

    def explain(self, wish: Desired, error: Refused) -> Refused:
        """The same refusal, with what a user should know about it."""
        return error

    def crowded(self, error: Refused) -> bool:
        """Whether hooks that are there keep this one from being made or changed: GitHub takes no two of one configuration with an event
        in common, and all have a limit.
        """
        words = error.message.lower()
        return error.status in (400, 422) and any(
            one in words for one in ("already exists", "more than", "maximum number")
        )


def hook_url(context: WebhookContext) -> str:
    """The URL that a forge delivers to: that of the outside and the endpoint, with one slash between them (spec §3.3)."""
    if not context.url:
        raise SpecError("webhook.url must be given, or no hook can be made", path="webhook.url")
    slash = "" if context.endpoint.startswith("/") else "/"
    return f"{context.url.rstrip('/')}{slash}{context.endpoint}"


def same_address(one: str, other: str) -> bool:
    """Whether two URLs differ at most in how they are written: capitals in scheme and host, a default port (RFC 3986 §6.2)."""
    return one == other or _plain(one) == _plain(other)


def _plain(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority = re.match("[^/?#]*", rest)[0]  # type: ignore[index]
    user, at, host = authority.rpartition("@")
    host = host.lower().removesuffix({"https": ":443", "http": ":80"}.get(scheme.lower(), ":"))
    return f"{scheme.lower()}://{user}{at}{host}{rest[len(authority) :]}"


def part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")
