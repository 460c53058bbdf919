"""One EventSource's hooks brought to what it wants: list, plan, act, remember. Shell.

Everything may be done again at any time, by any process: what is as it should be is left alone. A forge that is away or refuses
is told in the results and tried again; it keeps nothing else from its work. What is done at each target is in ``acting``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from events.errors import PointsmanError
from eventsource.hooks import INTERVAL, Desired, Existing, Forge, Target, same_address
from eventsource.hooks.acting import UNWANTED, Acting, Wanted
from eventsource.hooks.memory import Memory, Remembered, may_be_one
from eventsource.hooks.neighbours import Neighbours
from eventsource.hooks.plan import AS_WANTED, Step, plan
from eventsource.hooks.results import Result, explained, failure, titled

__all__ = ["Reconciler", "Wanted"]

log = structlog.get_logger("hooks")

_PRESENT = 2
"""How many times the longest interval an EventSource counts as there without having looked."""


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
    ``elsewhere``: what others want is not deleted. ``changed`` are the events where the last run has made or deleted a hook, by their place,
    ``pauses`` the seconds until each is looked at again.
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
        self.pauses = [forge.interval for forge in forges]
        self._complete = complete
        self._elsewhere = elsewhere
        self._memory = memory
        self._neighbours = Neighbours(memory.store, memory.names)
        self._now = now
        self._looks = [_Look() for _ in forges]
        self._pruned: list[Result] = []

    async def plan(self) -> tuple[list[tuple[Forge[Any], Step]], list[Result]]:
        """What ``run`` would do, and what could not be found out."""
        acting = await self._acting()
        record = acting.record
        steps: list[tuple[Forge[Any], Step]] = []
        await self.ask()
        failures = [one for look in self._looks for one in look.trouble]
        for forge, wishes in zip(self.forges, self._assigned(), strict=True):
            for target, some in wishes.items():
                try:
                    hooks = record.recognised(forge.instance, await forge.hooks(target))
                except PointsmanError as error:
                    failures += [
                        failure(wish.event, str(target), wish.url, explained(forge, wish, error)) for wish in some
                    ]
                    continue
                for step in plan(some, hooks, record.secrets(forge.instance)):
                    of_another = await acting.of_another(forge, step)
                    if of_another is None:
                        steps.append((forge, step))
                    elif of_another.well:
                        steps.append((forge, replace(step, action="keep", reason=AS_WANTED)))
                    else:
                        failures.append(of_another)
        if not failures and self._complete:
            for forge, target, identifier, url in self._unwanted(record):
                hook = Existing(target, identifier, url, frozenset())
                steps.append((forge, Step("delete", target, url, UNWANTED, hook=hook)))
        return steps, failures

    async def run(self, due: Collection[int] | None = None, *, retry: bool = True) -> list[Result]:
        """Bring all hooks to what is wanted; gives what became of each. Raises nothing of the forges'.

        ``due``: the events that are looked at, by their place (None: all), except for what did not go well before: it is tried
        again with ``retry``, whatever is due.
        """
        acting = await self._acting()
        self.changed = set()

        def is_due(index: int, well: bool) -> bool:
            return due is None or index in due if well else retry

        calls = [forge.client.calls for forge in self.forges]
        looks = enumerate(self._looks)
        await self._ask([i for i, look in looks if is_due(i, look.wishes is not None) or (retry and not look.well)])
        for index, wishes in enumerate(self._assigned()):
            look = self._looks[index]
            before, look.results = look.results, {}
            for target, some in wishes.items():
                results = before.get(target, [])
                if not results or is_due(index, all(one.well for one in results)):
                    results = await acting.bring(self.forges[index], target, some)
                    if any(one.state in ("created", "deleted") for one in results):
                        self.changed.add(index)
                look.results[target] = results
        for index, (forge, look) in enumerate(zip(self.forges, self._looks, strict=True)):
            states = [one.state for some in look.results.values() for one in some]
            if (due is None or index in due) and states and {*states} == {"kept"}:
                self.pauses[index] = forge.pause((forge.client.calls - calls[index]) / len(states))
        results = [one for look in self._looks for some in (look.trouble, *look.results.values()) for one in some]
        if self._complete and all(look.wishes is not None for look in self._looks):
            if retry or all(one.well for one in self._pruned):
                self._pruned = await self._prune(acting)
            results += self._pruned
        await self._memory.save(self.name, acting.record)
        await self._neighbours.is_here(self.name, self._now(), _PRESENT * max(self.pauses, default=INTERVAL))
        return results

    async def ask(self) -> None:
        """Find out what is wanted, so that ``wants`` knows it before the first look."""
        await self._ask(range(len(self.forges)))

    def wants(self, instance: str, target: Target, url: str) -> bool:
        """Whether this hook is one of those that it looks after; before it knows which, all with such a URL are."""
        return any(
            forge.instance == instance
            and forge.url == url
            and (look.wishes is None or any(wish.target.place == target.place for wish in look.wishes))
            for forge, look in zip(self.forges, self._looks, strict=True)
        )

    async def delete(self, forges: Iterable[Forge[Any]]) -> list[Result]:
        """Delete the hooks of these events, which are those with their URL."""
        acting = await self._acting()
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
                    results += await acting.delete(forge, target, is_ours)
        await self._memory.save(self.name, acting.record)
        return results

    # -- parts -----------------------------------------------------------------------------------------------------------

    async def _acting(self) -> Acting:
        def wanted(instance: str, target: Target, url: str) -> bool:
            known = self._complete and not self.wants(instance, target, url)
            return not known or self._elsewhere(instance, target, url)

        record = await self._memory.load(self.name)
        return Acting(self.name, record, self._neighbours, wanted, now=self._now)

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
        first: dict[tuple[str, tuple[str, str], str], tuple[int, Target]] = {}
        for instance, index, wish in wishes:
            first.setdefault((instance, wish.target.place, wish.url), (index, wish.target))
        found: list[dict[Target, list[Desired]]] = [defaultdict(list) for _ in self.forges]
        for instance, _, wish in wishes:
            index, target = first[instance, wish.target.place, wish.url]
            found[index][target].append(wish)
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
            record.hooks[instance, target, identifier].form = ""
            forge = by_instance.get(instance)
            if forge is None:
                fields = {"source": titled(self.name), "target": str(target), "url": url, "forge": instance}
                log.warning(
                    "a hook that is not wanted any more stays: its event is gone, and its credentials", **fields
                )
                del record.hooks[instance, target, identifier]
            elif not forge.lasting(target) and not self._elsewhere(instance, target, url):
                yield forge, target, identifier, url

    async def _prune(self, acting: Acting) -> list[Result]:
        """Delete what is not wanted any more: of another URL, or a repository that is not named now.

        It stays while what replaces it is not there yet.
        """
        results: list[Result] = []
        for forge, target, identifier, url in list(self._unwanted(acting.record)):
            if self._awaits(forge.instance, target):
                continue
            hook = Existing(target, identifier, url, frozenset())
            if await self._neighbours.first(self.name, forge.instance, hook, self._now(), later=True):
                acting.record.forget(forge.instance, hook)  # it is theirs
                continue

            def is_it(hook: Existing, identifier: str = identifier, url: str = url) -> bool:
                return hook.id == identifier and same_address(hook.url, url)

            results += await acting.delete(forge, target, is_it)
        return results

    def _awaits(self, instance: str, target: Target) -> bool:
        """Whether a hook of this target, by any of its names, is not as it should be yet."""
        return any(
            not one.well
            for forge, look in zip(self.forges, self._looks, strict=True)
            if forge.instance == instance
            for place, results in look.results.items()
            if may_be_one(place, target)
            for one in results
        )


def _by_target(wishes: Iterable[Desired]) -> dict[Target, list[Desired]]:
    found: dict[Target, list[Desired]] = defaultdict(list)
    for wish in wishes:
        found[wish.target].append(wish)
    return found
