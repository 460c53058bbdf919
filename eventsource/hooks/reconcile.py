"""One EventSource's hooks brought to what it wants: list, plan, act, remember. Shell.

Everything may be done again at any time, by any process: what is as it should be is left alone. A forge that is away or refuses
is told in the results and tried again; it keeps nothing else from its work. First hooks are made and changed, then surplus ones
deleted, and these only where the first went well: at no moment is there no hook that was there before.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from events.errors import PointsmanError, Refused
from eventsource.hooks import Desired, Existing, Forge, Target
from eventsource.hooks.memory import Memory, Remembered
from eventsource.hooks.plan import Step, plan
from eventsource.hooks.results import Result, State, explained, failure, titled

__all__ = ["Reconciler", "Wanted"]

log = structlog.get_logger("hooks")

_UNWANTED = "it is not wanted any more"
_DONE: dict[str, State] = {"create": "created", "update": "updated", "delete": "deleted", "keep": "kept"}


Wanted = Callable[[str, Target, str], bool]
"""Whether somebody wants a hook: the instance of its forge, its target and URL."""


@dataclass(slots=True)
class _Look:
    """At the hooks of one event: what it wants (None: that could not be found out), and what became of it by target."""

    wishes: list[Desired] | None = None
    trouble: list[Result] = field(default_factory=list)
    results: dict[Target, list[Result]] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        return self.wishes is not None and all(one.well for some in self.results.values() for one in some)


class Reconciler:
    """The hooks of one EventSource. ``memory`` keeps what forges do not tell: fingerprints of secrets, which hooks were ours.

    ``complete``: ``forges`` are those of all its events; where one is missing, as its configuration is wrong, nothing counts as not wanted.
    ``elsewhere``: what others want is not deleted. ``changed`` are the events where the last run has made or deleted a hook, by their place.
    """

    def __init__(
        self,
        name: str,
        forges: Sequence[Forge[Any]],
        memory: Memory,
        *,
        complete: bool = True,
        elsewhere: Wanted = lambda instance, target, url: False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.forges = forges
        self.changed: set[int] = set()
        self._complete = complete
        self._elsewhere = elsewhere
        self._memory = memory
        self._now = now
        self._looks = [_Look() for _ in forges]
        self._pruned: list[Result] = []

    async def plan(self) -> tuple[list[tuple[Forge[Any], Step]], list[Result]]:
        """What ``run`` would do, and what could not be found out."""
        record = await self._memory.load(self.name)
        steps: list[tuple[Forge[Any], Step]] = []
        await self._ask(range(len(self.forges)))
        failures = [one for look in self._looks for one in look.trouble]
        for forge, wishes in zip(self.forges, self._assigned(), strict=True):
            for target, some in wishes.items():
                try:
                    hooks = record.recognised(forge.instance, await forge.hooks(target))
                except PointsmanError as error:
                    failures += [
                        failure(wish.event, str(target), wish.url, explained(forge, wish, error)) for wish in some
                    ]
                else:
                    steps += [(forge, step) for step in plan(some, hooks, record.secrets(forge.instance))]
        if not failures and self._complete:
            for forge, target, identifier, url in self._unwanted(record):
                hook = Existing(target, identifier, url, frozenset())
                steps.append((forge, Step("delete", target, url, _UNWANTED, hook=hook)))
        return steps, failures

    async def run(self, due: Collection[int] | None = None, *, retry: bool = True) -> list[Result]:
        """Bring all hooks to what is wanted; gives what became of each. Raises nothing of the forges'.

        ``due``: the events that are looked at, by their place (None: all), except for what did not go well before: it is tried
        again with ``retry``, whatever is due.
        """
        record = await self._memory.load(self.name)
        self.changed = set()

        def is_due(index: int, well: bool) -> bool:
            return due is None or index in due if well else retry

        looks = enumerate(self._looks)
        await self._ask([i for i, look in looks if is_due(i, look.wishes is not None) or (retry and not look.well)])
        for index, wishes in enumerate(self._assigned()):
            look = self._looks[index]
            before, look.results = look.results, {}
            for target, some in wishes.items():
                results = before.get(target, [])
                if not results or is_due(index, all(one.well for one in results)):
                    results = await self._target(self.forges[index], target, some, record)
                    if any(one.state in ("created", "deleted") for one in results):
                        self.changed.add(index)
                look.results[target] = results
        results = [one for look in self._looks for some in (look.trouble, *look.results.values()) for one in some]
        if self._complete and all(look.wishes is not None for look in self._looks):
            if retry or all(one.well for one in self._pruned):
                self._pruned = await self._prune(record)
            results += self._pruned
        await self._memory.save(self.name, record)
        return results

    def wants(self, instance: str, target: Target, url: str) -> bool:
        """Whether this hook is one of those that it looks after; before it knows which, all with such a URL are."""
        return any(
            forge.instance == instance
            and forge.url == url
            and (look.wishes is None or any(wish.target == target for wish in look.wishes))
            for forge, look in zip(self.forges, self._looks, strict=True)
        )

    async def delete(self, forges: Iterable[Forge[Any]]) -> list[Result]:
        """Delete the hooks of these events, which are those with their URL."""
        record = await self._memory.load(self.name)
        results: list[Result] = []
        for forge in (one.without_secret() for one in forges):
            try:
                targets = _by_target(await forge.desired())
            except PointsmanError as error:
                results.append(failure(forge.event, "", forge.url, error))
                continue

            def is_ours(hook: Existing, url: str = forge.url) -> bool:
                return hook.url == url

            for target in targets:
                reason = forge.lasting(target)
                if self._elsewhere(forge.instance, target, forge.url):
                    reason = "another EventSource wants it"
                if reason:
                    results.append(Result(forge.event, str(target), forge.url, "kept", reason))
                else:
                    results += await self._delete(forge, target, is_ours, record)
        await self._memory.save(self.name, record)
        return results

    # -- parts -----------------------------------------------------------------------------------------------------------

    async def _ask(self, indices: Iterable[int]) -> None:
        """Find out what these events want."""
        for index in indices:
            forge, look = self.forges[index], self._looks[index]
            try:
                look.wishes, look.trouble = await forge.desired(), []
            except PointsmanError as error:
                look.wishes, look.trouble = None, [failure(forge.event, "", forge.url, error)]

    def _assigned(self) -> list[dict[Target, list[Desired]]]:
        """What each event wants, by target. A hook that several want, on the same URL, is the first one's, with the events of all."""
        wishes = [
            (forge.instance, index, wish)
            for index, (forge, look) in enumerate(zip(self.forges, self._looks, strict=True))
            for wish in look.wishes or ()
        ]
        first: dict[tuple[str, Target, str], int] = {}
        for instance, index, wish in wishes:
            first.setdefault((instance, wish.target, wish.url), index)
        found: list[dict[Target, list[Desired]]] = [defaultdict(list) for _ in self.forges]
        for instance, _, wish in wishes:
            found[first[instance, wish.target, wish.url]][wish.target].append(wish)
        return found

    def _unwanted(self, record: Remembered) -> Iterator[tuple[Forge[Any], Target, str, str]]:
        """What this EventSource had under ``deleteHookOnFinish`` and wants no more: who deletes it, target, id, URL.

        What nobody has credentials for any more is told, and forgotten.
        """
        by_instance = {forge.instance: forge for forge in self.forges}
        wanted = {
            (forge.instance, wish.target, wish.url)
            for forge, look in zip(self.forges, self._looks, strict=True)
            for wish in look.wishes or ()
        }
        for instance, target, identifier, url in record.left_over(wanted):
            forge = by_instance.get(instance)
            if forge is None:
                fields = {"source": titled(self.name), "target": str(target), "url": url, "forge": instance}
                log.warning(
                    "a hook that is not wanted any more stays: its event is gone, and its credentials", **fields
                )
                del record.hooks[instance, target, identifier]
            elif not forge.lasting(target) and not self._elsewhere(instance, target, url):
                yield forge, target, identifier, url

    async def _target(
        self, forge: Forge[Any], target: Target, wishes: list[Desired], record: Remembered
    ) -> list[Result]:
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            return [failure(wish.event, str(target), wish.url, explained(forge, wish, error)) for wish in wishes]
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = record.recognised(forge.instance, hooks)
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
            return failure(event, str(step.target), step.url, explained(forge, step.desired, error))
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

    async def _prune(self, record: Remembered) -> list[Result]:
        """Delete what is not wanted any more: of another URL, or a repository that is not named now."""
        results: list[Result] = []
        for forge, target, identifier, url in list(self._unwanted(record)):

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
                return [failure(forge.event, str(target), forge.url, error)]
            hooks = []  # with the repository its hooks are gone
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = record.recognised(forge.instance, hooks)
        steps = [Step("delete", target, hook.url, _UNWANTED, hook=hook) for hook in hooks if is_ours(hook)]
        return [await self._act(forge, step, record) for step in steps]


def _by_target(wishes: Iterable[Desired]) -> dict[Target, list[Desired]]:
    found: dict[Target, list[Desired]] = defaultdict(list)
    for wish in wishes:
        found[wish.target].append(wish)
    return found
