"""One EventSource's hooks brought to what it wants: list, plan, act, remember. Shell.

Everything may be done again at any time, by any process: what is as it should be is left alone. A forge that is away or refuses
is told in the results and tried again; it keeps nothing else from its work. First hooks are made and changed, then surplus ones
deleted, and these only where the first went well: at no moment is there no hook that was there before.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from events.errors import PointsmanError, Refused, Unavailable
from eventsource.hooks import Desired, Existing, Forge, Target
from eventsource.hooks.memory import Memory, Remembered
from eventsource.hooks.plan import Step, plan

__all__ = ["Reconciler", "Result"]

log = structlog.get_logger("hooks")

State = Literal["kept", "created", "updated", "deleted", "failing", "refused"]

_UNWANTED = "it is not wanted any more"
_DONE: dict[str, State] = {"create": "created", "update": "updated", "delete": "deleted", "keep": "kept"}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one hook. ``failing``: it is tried again; ``refused``: too, but somebody should do something.

    ``wait``: seconds that the forge wants to be left alone, where it said so.
    """

    event: str
    target: str
    url: str
    state: State
    message: str = ""
    wait: float | None = None

    @property
    def well(self) -> bool:
        """Whether the hook is as it should be."""
        return self.state not in ("failing", "refused")

    def to_json(self) -> dict[str, Any]:
        """For ``/status``."""
        return {
            "event": self.event,
            "target": self.target,
            "url": self.url,
            "state": self.state,
            "message": self.message,
        }


class Reconciler:
    """The hooks of one EventSource. ``memory`` keeps what forges do not tell: fingerprints of secrets, which hooks were ours."""

    def __init__(
        self, name: str, forges: Sequence[Forge[Any]], memory: Memory, *, now: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self.forges = forges
        self._memory = memory
        self._now = now

    async def plan(self) -> tuple[list[tuple[Forge[Any], Step]], list[Result]]:
        """What ``run`` would do, and what could not be found out."""
        record = await self._memory.load(self.name)
        steps: list[tuple[Forge[Any], Step]] = []
        failures: list[Result] = []
        wanted: set[tuple[str, Target, str]] = set()
        for forge in self.forges:
            try:
                wishes = await forge.desired()
            except PointsmanError as error:
                failures.append(_failure(forge.event, "", forge.url, error))
                continue
            for target, some in _by_target(wishes).items():
                wanted |= {(forge.instance, wish.target, wish.url) for wish in some}
                try:
                    hooks = await forge.hooks(target)
                except PointsmanError as error:
                    failures += [
                        _failure(wish.event, str(target), wish.url, _explained(forge, wish, error)) for wish in some
                    ]
                else:
                    steps += [(forge, step) for step in plan(some, hooks, record.secrets(forge.instance))]
        if not failures:
            by_instance = {forge.instance: forge for forge in self.forges}
            for instance, target, identifier, url in record.left_over(wanted):
                if instance in by_instance:
                    hook = Existing(target, identifier, url, frozenset())
                    steps.append((by_instance[instance], Step("delete", target, url, _UNWANTED, hook=hook)))
        return steps, failures

    async def run(self) -> list[Result]:
        """Bring all hooks to what is wanted. Raises nothing of the forges'."""
        record = await self._memory.load(self.name)
        results: list[Result] = []
        wanted: set[tuple[str, Target, str]] = set()
        complete = True
        for forge in self.forges:
            try:
                wishes = await forge.desired()
            except PointsmanError as error:
                results.append(_failure(forge.event, "", forge.url, error))
                complete = False
                continue
            for target, some in _by_target(wishes).items():
                wanted |= {(forge.instance, wish.target, wish.url) for wish in some}
                results += await self._target(forge, target, some, record)
        if complete:
            results += await self._prune(record, wanted)
        await self._memory.save(self.name, record)
        return results

    async def delete(self, forges: Iterable[Forge[Any]]) -> list[Result]:
        """Delete the hooks of these events, which are those with their URL."""
        record = await self._memory.load(self.name)
        results: list[Result] = []
        for forge in (one.without_secret() for one in forges):
            try:
                targets = _by_target(await forge.desired())
            except PointsmanError as error:
                results.append(_failure(forge.event, "", forge.url, error))
                continue

            def is_ours(hook: Existing, url: str = forge.url) -> bool:
                return hook.url == url

            for target in targets:
                if reason := forge.lasting(target):
                    results.append(Result(forge.event, str(target), forge.url, "kept", reason))
                else:
                    results += await self._delete(forge, target, is_ours, record)
        await self._memory.save(self.name, record)
        return results

    # -- parts -----------------------------------------------------------------------------------------------------------

    async def _target(
        self, forge: Forge[Any], target: Target, wishes: list[Desired], record: Remembered
    ) -> list[Result]:
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            return [_failure(wish.event, str(target), wish.url, _explained(forge, wish, error)) for wish in wishes]
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        results: list[Result] = []
        for step in plan(wishes, hooks, record.secrets(forge.instance)):
            if step.action == "delete" and not all(result.well for result in results):
                continue  # nothing goes before its replacement is right
            results.append(await self._act(forge, step, record))
        return results

    async def _act(self, forge: Forge[Any], step: Step, record: Remembered) -> Result:
        event = step.desired.event if step.desired is not None else forge.event
        hook = step.hook
        try:
            if step.action == "create":
                assert step.desired is not None
                hook = await forge.create(step.desired)
            elif step.action == "update":
                assert step.desired is not None
                assert hook is not None
                await forge.update(hook, step.desired)
            elif step.action == "delete":
                assert hook is not None
                await forge.delete(hook)
        except PointsmanError as error:
            return _failure(event, str(step.target), step.url, _explained(forge, step.desired, error))
        assert hook is not None
        if step.desired is None:
            record.forget(forge.instance, hook)
        else:
            finish = bool(forge.config.delete_hook_on_finish)
            record.note(forge.instance, hook, step.desired, self._now(), finish=finish)
        if step.action != "keep":
            log.info(
                f"hook {_DONE[step.action]}",
                source=titled(self.name),
                event_name=event,
                target=str(step.target),
                url=step.url,
                reason=step.reason,
            )
        return Result(event, str(step.target), step.url, _DONE[step.action], step.reason)

    async def _prune(self, record: Remembered, wanted: set[tuple[str, Target, str]]) -> list[Result]:
        """Delete hooks that this EventSource had under ``deleteHookOnFinish`` and wants no more: another URL, a repository less."""
        results: list[Result] = []
        by_instance = {forge.instance: forge for forge in self.forges}
        for instance, target, identifier, url in record.left_over(wanted):
            forge = by_instance.get(instance)
            if forge is None or forge.lasting(target):
                continue  # there are no credentials any more, or it cannot be done

            def is_it(hook: Existing, identifier: str = identifier, url: str = url) -> bool:
                return hook.id == identifier and hook.url == url

            results += await self._delete(forge, target, is_it, record)
        return results

    async def _delete(
        self, forge: Forge[Any], target: Target, is_ours: Callable[[Existing], bool], record: Remembered
    ) -> list[Result]:
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            if not (isinstance(error, Refused) and error.status == 404):
                return [_failure(forge.event, str(target), forge.url, error)]
            hooks = []  # with the repository its hooks are gone
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        steps = [Step("delete", target, hook.url, _UNWANTED, hook=hook) for hook in hooks if is_ours(hook)]
        return [await self._act(forge, step, record) for step in steps]


def titled(name: str) -> str:
    """``ns.source``, as it is remembered, as it is told: ``ns/source``. A namespace has no dots."""
    return name.replace(".", "/", 1)


def _by_target(wishes: Iterable[Desired]) -> dict[Target, list[Desired]]:
    found: dict[Target, list[Desired]] = defaultdict(list)
    for wish in wishes:
        found[wish.target].append(wish)
    return found


def _explained(forge: Forge[Any], wish: Desired | None, error: PointsmanError) -> PointsmanError:
    return forge.explain(wish, error) if isinstance(error, Refused) and wish is not None else error


def _failure(event: str, target: str, url: str, error: PointsmanError) -> Result:
    later = isinstance(error, Unavailable)
    wait = error.retry_after if isinstance(error, Unavailable) else None
    return Result(event, target, url, "failing" if later else "refused", str(error), wait)
