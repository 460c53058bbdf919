"""One posted event and its bindings: decide, submit, write down, tell the poster. Shell.

Each binding stands alone: one that fails, or waits for the API server to come back, holds back no other, and none is run twice. What
settled is written down (ledger, then the results that are kept for redeliveries) before it is told, and the event is acknowledged
when every binding has settled.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message, State
from eventbus.ledger import Entry, EventRecord, Ledger
from events.backoff import full_jitter
from events.errors import EvaluationError, PointsmanError, Refused, Unavailable
from events.models.dispatching import BindingResult, Grants, Post, Results, results_topic
from events.models.event import Event
from events.models.values import value_text
from sensor.bindings import metrics
from sensor.bindings.compiled import CompiledBinding
from sensor.bindings.dispatch import BindingWarning, Result, TemplateName, complete, decide
from sensor.bindings.environment import Environment
from sensor.bindings.notices import tell
from sensor.bindings.sources import BindingSource
from sensor.bindings.submission import KIND, Claims
from sensor.submitting import GIVE_UP_AFTER
from sensor.target import Tools
from sensor.triggers._objects import create_once

__all__ = ["LEDGER_BUS", "Dispatching", "Surroundings"]

log = structlog.get_logger("bindings")

T = TypeVar("T")

API = "argoproj.io/v1alpha1"
LEDGER_BUS = "_bindings"
"""How the ledger names the bus of these events; no EventBus has this name."""


@dataclass
class Surroundings:
    """What all events share."""

    bindings: BindingSource
    bus: Bus
    ledger: Ledger
    tools: Tools
    instance_id: str
    notices: bool
    slots: asyncio.Semaphore
    kept: State = field(init=False)


class Dispatching:
    """One event. Raises EvaluationError when its payload cannot be read."""

    def __init__(self, around: Surroundings, event: Event, post: Post, message: Message) -> None:
        self._around = around
        self._event = event
        self._post = post
        self._message = message
        self._claims = Claims.of(post.claims)
        self._environment = Environment.of(event, post, message.delivery_id)
        self._results: dict[tuple[str, str], BindingResult] = {}
        self._writing = asyncio.Lock()
        self._entries: list[Entry] = []
        self._warnings: list[BindingWarning] = []

    async def run(self) -> None:
        """Until every binding has settled and that is written down."""
        prior = await self._patiently(self._prior)
        if prior is not None and prior.done:
            await self._announce(prior)
            return
        try:
            bindings = await self._patiently(lambda: self._around.bindings.of(self._post.namespace))
        except Refused as error:
            self._cannot_list(error)
            bindings = []
        settled = {} if prior is None else {(r.namespace, r.name): r for r in prior.bindings if not r.pending}
        waiting = await self._first_round(self._granted(bindings), settled)
        await self._keep()
        if waiting:
            async with asyncio.TaskGroup() as tasks:
                for result, why in waiting:
                    tasks.create_task(self._retried(result, why))

    async def _first_round(
        self, bindings: list[CompiledBinding], settled: dict[tuple[str, str], BindingResult]
    ) -> list[tuple[Result, Unavailable]]:
        """Try each binding once, in order; returns those that are to be tried again, and why."""
        waiting = []
        for result in decide(bindings, self._environment):
            key = (result.namespace, result.name)
            if key in settled:
                self._results[key] = settled[key]
            elif result.wants is None:
                self._settled(result)
            else:
                try:
                    self._settled(*await self._attempt(result))
                except Unavailable as error:
                    self._results[key] = BindingResult(*key, pending=True)
                    waiting.append((result, error))
        return waiting

    def _granted(self, bindings: Any) -> list[CompiledBinding]:
        """What the poster could see."""
        if self._post.grants is None:
            return list(bindings)
        seen = set(self._post.grants.bindings)
        return [binding for binding in bindings if f"{binding.namespace}/{binding.name}" in seen]

    # -- one binding -------------------------------------------------------------------------------------------------

    async def _attempt(self, result: Result) -> tuple[Result, str]:
        """Get the template and create the Workflow: what came of it, and the Workflow's name. Raises Unavailable."""
        try:
            async with self._around.slots:
                return await self._submit(result)
        except Unavailable:
            raise
        except PointsmanError as error:
            return result._replace(error=error), ""
        except Exception as error:
            # A fault of ours must neither end the process nor come back for ever.
            log.exception("internal error", binding=f"{result.namespace}/{result.name}", event_id=self._event.id)
            return result._replace(error=Refused(f"internal error: {type(error).__name__}")), ""

    async def _submit(self, result: Result) -> tuple[Result, str]:
        wants = result.wants
        assert wants is not None
        grants = self._post.grants or Grants()
        template = await self._template(wants, grants)
        done = complete(result, template, self._claims, self._around.instance_id)
        if done.submission is None:
            return done, ""
        denied = grants.workflows.get(result.namespace)
        if denied is not None:
            return done.failed(Refused(denied, status=403)), ""
        try:
            await create_once(done.submission, self._around.tools)
        except Refused as error:
            return done.failed(error), ""
        return done, done.submission.name

    async def _template(self, wants: TemplateName, grants: Grants) -> dict[str, Any] | PointsmanError:
        denied = grants.templates.get(Grants.template_key(*wants))
        if denied is not None:
            return Refused(denied, status=403)
        kube = self._around.tools.kube
        assert kube is not None
        try:
            template = await kube.get(API, wants.kind, wants.namespace, wants.name)
        except Refused as error:
            return error
        return template or Refused(f'{wants.kind.lower()}s.argoproj.io "{wants.name}" not found', status=404)

    async def _retried(self, result: Result, error: Unavailable) -> None:
        """Attempts with growing pauses, until it is settled and written down."""
        pauses = full_jitter(random.random)
        deadline = time.monotonic() + GIVE_UP_AFTER
        while True:
            pause = error.retry_after or next(pauses)
            log.warning(
                "binding will be retried",
                binding=f"{result.namespace}/{result.name}",
                event_id=self._event.id,
                error=str(error),
                seconds=round(pause, 2),
            )
            await asyncio.sleep(pause)
            try:
                done = await self._attempt(result)
                break
            except Unavailable as again:
                error = again
                if time.monotonic() > deadline:
                    done = result._replace(error=Refused(f"given up after 24 h: {error}")), ""
                    break
        async with self._writing:
            self._settled(*done)
            await self._keep()

    # -- what came of it ---------------------------------------------------------------------------------------------

    def _settled(self, result: Result, workflow: str = "") -> None:
        """Take down what one binding did, and tell about it when it failed."""
        key = (result.namespace, result.name)
        error = result.error
        self._results[key] = BindingResult(*key, result.matched, workflow, error.message if error else "")
        target, detail = "", ""
        if error is not None:
            outcome = "error" if isinstance(error, EvaluationError) else "refused"
            detail = str(error)
            verdict = result.verdict
            log.error(
                "binding failed",
                binding=f"{result.namespace}/{result.name}",
                event_id=self._event.id,
                selector=verdict.clause,
                seen=verdict.seen,
                error=detail,
            )
        elif not result.matched:
            outcome = "filtered"
            verdict = result.verdict
            seen = value_text(verdict.seen)
            detail = f"{verdict.clause}: {verdict.reason} (seen: {seen})"
            log.info(
                "filtered",
                binding=f"{result.namespace}/{result.name}",
                event_id=self._event.id,
                clause=verdict.clause,
                reason=verdict.reason,
                seen=seen,
            )
        elif not workflow:
            outcome, detail = "filtered", "it matches, and submits nothing"
        else:
            outcome, target = "submitted", f"Workflow/{result.namespace}/{workflow}"
            log.info("submitted", target=target, binding=f"{result.namespace}/{result.name}", event_id=self._event.id)
        metrics.outcome(result.namespace, result.name, outcome)
        self._entries.append(
            Entry(self._event.id, f"{result.namespace}/{result.name}", KIND, "", outcome, target, detail)
        )
        if error is not None and self._around.notices and (warning := result.warning) is not None:
            self._warnings.append(warning)

    def _cannot_list(self, error: Refused) -> None:
        """We may not read the bindings: nothing can be done for this event."""
        detail = f"the bindings cannot be read: {error}"
        log.error("event refused", namespace=self._post.namespace, event_id=self._event.id, error=detail)
        self._results[self._post.namespace, ""] = BindingResult(self._post.namespace, "", error=detail)
        self._entries.append(Entry(self._event.id, f"{self._post.namespace}/", KIND, "", "refused", "", detail))

    async def _keep(self) -> None:
        """Write down what is new, then announce where the event stands."""
        entries, self._entries = self._entries, []
        event = self._event
        record = EventRecord(
            event.id,
            self._post.namespace,
            LEDGER_BUS,
            event.source,
            event.subject,
            event.type,
            event.time,
            self._message.delivery_id,
            self._message.sequence,
        )
        results = Results(tuple(self._results[key] for key in sorted(self._results, key=lambda k: (k[1], k[0]))))
        await self._patiently(lambda: self._around.ledger.record([record], entries))
        await self._patiently(lambda: self._around.kept.put(subjects.key(event.id), results.to_json()))
        await self._announce(results)
        warnings, self._warnings = self._warnings, []
        for warning in warnings:
            assert self._around.tools.kube is not None
            await tell(self._around.tools.kube, warning, event.id)

    async def _prior(self) -> Results | None:
        """What was written down of this event before."""
        text = await self._around.kept.get(subjects.key(self._event.id))
        try:
            return None if text is None else Results.from_json(text)
        except EvaluationError as error:
            log.error("results cannot be read", event_id=self._event.id, error=str(error))
            return None

    async def _announce(self, results: Results) -> None:
        try:
            await self._around.bus.announce(results_topic(self._event.id), results.to_json())
        except Unavailable as error:
            log.warning("results not announced", event_id=self._event.id, error=str(error))

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """A step that only fails while something is away."""
        pauses = full_jitter(random.random, first=0.1, cap=10.0)
        while True:
            try:
                return await step()
            except Unavailable as error:
                pause = error.retry_after or next(pauses)
                log.warning(
                    "event will be tried again", event_id=self._event.id, error=str(error), seconds=round(pause, 2)
                )
                await asyncio.sleep(pause)
