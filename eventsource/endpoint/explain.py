"""A post without a server: what the endpoint of ``up`` makes of a recorded delivery, step by step. Pure.

What decides is what ``service`` asks, too; here the verdicts are kept instead of answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from events.errors import EvaluationError, Rejected
from events.expressions import gojson
from events.models.base import describe
from events.models.dispatching import Post
from events.models.event import Event
from eventsource import body as bodies
from eventsource.delivery import Delivery
from eventsource.endpoint.credentials import Credentials, choose
from eventsource.endpoint.gate import Poster, Proven
from eventsource.endpoint.interceptor import MAX_BODY, Anonymous, Forbidden, Matched, Untouched
from eventsource.endpoint.local import LocalGate
from eventsource.endpoint.paths import Target, cleaned, webhook_namespace
from eventsource.endpoint.posts import Content, content, posted, target_of
from eventsource.explain import STEPS, Step, StepOutcome

__all__ = ["PostIntake", "explain", "is_post"]

REMOTE = "127.0.0.1"
"""Who is taken for the sender: no file says it."""


@dataclass(frozen=True, slots=True)
class PostIntake:
    """A post on its way to the bus: the steps up to the first that refused it, and its event when none did.

    ``client`` is the webhook client that it comes from, None where a token or nobody vouches for it.
    """

    delivery: Delivery
    steps: tuple[Step, ...]
    target: Target | None = None
    client: Matched | None = None
    delivery_id: str = ""
    post: Post | None = field(default=None, repr=False)
    event: Event | None = None


def is_post(path: str) -> bool:
    """Whether the endpoint takes requests to this path (also those that it refuses)."""
    return f"{path}/".startswith("/api/v1/events/")


def explain(gate: LocalGate, delivery: Delivery, *, max_body: int, verify: bool = True) -> PostIntake:
    """The steps of a delivery, whose path is still escaped and whose headers still have their credentials.

    ``max_body`` is in bytes. Without ``verify`` nobody asks who sent it: it counts as coming from the client whose events look so.
    """
    way = _Way(gate, delivery, verify)
    try:
        return way.whole(max_body)
    except Rejected as error:
        refusal = Step(STEPS[len(way.steps)], StepOutcome.REFUSED, way.why or error.message, error.status)
        return PostIntake(way.delivery, (*way.steps, refusal), way.target, way.client)


class _Way:
    """One delivery on its way; what is known of it stays here when a step refuses it."""

    def __init__(self, gate: LocalGate, delivery: Delivery, verify: bool) -> None:
        self.gate = gate
        self.delivery = delivery
        self.verify = verify
        self.steps: list[Step] = []
        self.target: Target | None = None
        self.client: Matched | None = None
        self.why = ""
        """More than the sender is told."""

    def whole(self, max_body: int) -> PostIntake:
        delivery = self.delivery
        path = cleaned(delivery.path)
        self.delivery = delivery = Delivery(
            delivery.method, path, delivery.headers, delivery.body, delivery.query, delivery.received
        )
        # Before that, the reference lets the interceptor look at a path that leads nowhere; the answer is the same.
        self.target = target = target_of(delivery.method, path, delivery.headers)
        if webhook_namespace(delivery.method, path) is not None and not delivery.header("Authorization"):
            max_body = min(max_body, MAX_BODY)
        bodies.check("", len(delivery.body), max_body)
        self._passed(f"{len(delivery.body):,} bytes")
        proven, credentials = self._verified() if self.verify else self._believed()
        poster = Poster() if credentials is None else self.gate.poster(credentials)
        self.why = ""
        self._told(poster)
        said = content(delivery, delivery.header("Host"), REMOTE, signed=proven is not None)
        found = posted(target, said, delivery, poster, proven)
        event = found.event(delivery.received)
        self._passed(f"{_payload(said)}, delivery {found.delivery_id}")
        return PostIntake(delivery, tuple(self.steps), target, self.client, found.delivery_id, found.post, event)

    def _passed(self, reason: str) -> None:
        self.steps.append(Step(STEPS[len(self.steps)], StepOutcome.PASSED, reason))

    def _told(self, poster: Poster) -> None:
        """How it was verified."""
        if not self.verify:
            self.steps.append(Step("verify", StepOutcome.SKIPPED, "nobody asked who sent it"))
        elif self.client is None:
            self._passed("with the bearer token")
        else:
            proof = "needs no proof: its secret is empty" if self.client.open else "proved it"
            self._passed(
                f"client '{self.client.name}' ({self.client.type}) {proof}; it posts as {poster.claims['sub']}"
            )

    def _verified(self) -> tuple[Proven | None, Credentials]:
        now = self.delivery.received // 1_000_000_000
        client = self.gate.client(self.delivery, now)
        if isinstance(client, Matched):
            self.client = client
            proven = self.gate.proven(client, self.delivery)
            return proven, proven.credentials
        self.why = _unproven(client)
        if isinstance(client, Forbidden):
            raise Rejected(403, client.why)
        if isinstance(client, Anonymous) and client.bad_proof:
            raise Rejected(401, self.why)
        return None, choose(self.delivery.headers, ["client"])

    def _believed(self) -> tuple[Proven | None, Credentials | None]:
        self.client = client = self.gate.look_alike(self.delivery)
        if client is None:
            return None, None
        proven = self.gate.proven(client, self.delivery)
        return proven, proven.credentials


def _unproven(client: Untouched | Anonymous | Forbidden) -> str:
    """Why no webhook client vouches for it."""
    if isinstance(client, Untouched):
        return "the Authorization header is no token that `up --token` was given (explain --token says it)"
    if isinstance(client, Forbidden):
        return client.why
    if client.refused:
        told = ", ".join(f"'{name}' ({reason})" for name, reason in client.refused.items())
        return f"it claims to come from a webhook client and does not prove it: {told}"
    return "there is no Authorization header, and nothing that looks like a delivery of a webhook client"


def _payload(said: Content) -> str:
    if said.payload is None:
        return "no payload"
    try:
        return f"the payload is {describe(gojson.decode(said.payload))}"
    except EvaluationError as error:  # `content` has read it before
        raise Rejected(400, error.message) from None
