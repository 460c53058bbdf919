"""Steps 1 to 3 without a server: what the sources make of a recorded delivery, step by step. Pure.

What decides is what ``server`` calls, too; here the verdicts are kept instead of answered.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum

from events.errors import Rejected, SpecError
from events.models.event import Event
from events.models.values import Verdict, VerdictKind
from eventsource import body as bodies
from eventsource.delivery import Delivery, masked
from eventsource.listener import Listener, Received
from eventsource.routes import Options
from eventsource.sources import Sources

__all__ = ["Intake", "Route", "Step", "StepOutcome", "Taken", "explain", "find"]

STEPS = ("receive", "verify", "convert")


@dataclass(frozen=True, slots=True)
class Route:
    """Who takes a delivery, and on which port."""

    listener: Listener
    port: int


class StepOutcome(StrEnum):
    """Whether a delivery got past a step."""

    PASSED = "passed"
    REFUSED = "refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step said. ``status`` is the HTTP status of a refusal."""

    name: str
    outcome: StepOutcome
    reason: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """An event of a delivery. ``filter`` is the verdict of ``filter.expression``, None where there is none; ``event`` is None
    when it did not pass.
    """

    id: str
    filter: Verdict | None
    event: Event | None


@dataclass(frozen=True, slots=True)
class Intake:
    """A delivery on its way to the bus: the steps up to the first that refused it, and its events when none did."""

    route: Route
    delivery: Delivery
    steps: tuple[Step, ...]
    delivery_id: str = ""
    taken: tuple[Taken, ...] = ()


def find(sources: Sources, method: str, path: str | None, port: int | None = None) -> Route:
    """Who takes such a request. Without a path the only listener does; ``port`` decides between several that serve a path.

    Raises SpecError, which names what is served.
    """
    if path is None:
        number, options = _only(sources)
    else:
        number, options = _at(sources, path, port)
    taker = options.get(method) or options.get(None)
    if taker is None:
        allowed = " and ".join(sorted(m for m in options if m is not None)) or "no method"
        raise SpecError(f"what is served there takes {allowed}, not {method}")
    return Route(taker, number)


def _only(sources: Sources) -> tuple[int, Options[Listener]]:
    if len(sources.listeners) != 1:
        raise SpecError("nothing says where the delivery was sent: give it with --to", hint=_served(sources))
    number, table = next(iter(sources.tables.items()))
    return number, next(iter([*table.exact.values(), *(options for _, _, options in table.templates)]))


def _at(sources: Sources, path: str, port: int | None) -> tuple[int, Options[Listener]]:
    found = {number: o for number, table in sources.tables.items() if (o := table.lookup(path)) is not None}
    if not found:
        raise SpecError(f"nothing is served at '{path}'", hint=_served(sources))
    if len(found) > 1 and port not in found:
        ports = " and ".join(map(str, found))
        raise SpecError(f"ports {ports} both serve '{path}'", hint=f"give one: --to :{min(found)}{path}")
    number = port if port is not None and port in found else min(found)
    return number, found[number]


def _served(sources: Sources) -> str:
    places = []
    for listener in sources.listeners:
        context = listener.webhook.context
        places.append(f"{'/' * (not context.endpoint.startswith('/'))}{context.endpoint} on port {context.port}")
    return f"served: {', '.join(places)}" if places else "no EventSource serves anything"


def explain(route: Route, delivery: Delivery, *, verify: bool = True) -> Intake:
    """The steps of a delivery. Its headers still have their credentials; ``received`` is the time that it is given.

    Without ``verify`` nobody asks who sent it.
    """
    listener = route.listener
    webhook = listener.webhook
    authorization = delivery.header("Authorization")
    delivery = dataclasses.replace(delivery, headers=masked(list(delivery.headers)))
    steps: list[Step] = []
    try:
        bodies.check(delivery.header("Content-Encoding"), len(delivery.body), webhook.context.limit)
        steps.append(Step("receive", StepOutcome.PASSED, f"{len(delivery.body):,} bytes"))
        if verify:
            webhook.authorize(authorization)
            webhook.verify(delivery, delivery.received // 1_000_000_000)
            steps.append(Step("verify", StepOutcome.PASSED, _proof(listener)))
        else:
            steps.append(Step("verify", StepOutcome.SKIPPED, "nobody asked who sent it"))
        received = listener.take(delivery)
    except Rejected as error:
        refusal = Step(STEPS[len(steps)], StepOutcome.REFUSED, error.message, error.status)
        return Intake(route, delivery, (*steps, refusal))
    events = f"{len(received.ids)} event{'s' * (len(received.ids) != 1)}"
    steps.append(Step("convert", StepOutcome.PASSED, f"{events}, delivery {received.delivery_id}"))
    return Intake(route, delivery, tuple(steps), received.delivery_id, _taken(listener, received))


def _proof(listener: Listener) -> str:
    secrets = [f"{selector.name}/{selector.key}" for selector in listener.webhook.secret_selectors()]
    return f"with Secret {', '.join(secrets)}" if secrets else "anybody can send: no secret is configured"


def _taken(listener: Listener, received: Received) -> tuple[Taken, ...]:
    kept = {event.id: event for event in received.events}
    return tuple(Taken(id, _kept(listener, received, id in kept), kept.get(id)) for id in received.ids)


def _kept(listener: Listener, received: Received, kept: bool) -> Verdict | None:
    if listener.keep is None:
        return None
    clause = f"filter {listener.webhook.config.filter.expression}"
    if kept:
        return Verdict(VerdictKind.PASSED, clause, "is true")
    if received.problem:
        return Verdict(VerdictKind.ERROR, clause, received.problem)
    return Verdict(VerdictKind.FAILED, clause, "is not true")
