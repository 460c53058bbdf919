"""One EventSource's hooks brought to what it wants: list, plan, act, remember. Shell.

Everything may be done again at any time, by any process: what is as it should be is left alone. A forge that is away or refuses
is told in the results and tried again; it keeps nothing else from its work. First hooks are made and changed, then surplus ones
deleted, and these only where the first went well: at no moment is there no hook that was there before.

A hook that several EventSources want is changed by the first of them, by name, only: else each would undo what the other did.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from events.errors import PointsmanError, Refused, Unavailable
from eventsource.hooks import INTERVAL, Desired, Existing, Forge, Target, same_address
from eventsource.hooks.client import MOVED
from eventsource.hooks.memory import Memory, Remembered, may_be_one
from eventsource.hooks.plan import AS_WANTED, Step, differences, plan
from eventsource.hooks.results import Result, State, contested, explained, failure, titled

__all__ = ["Reconciler", "Wanted"]

log = structlog.get_logger("hooks")

_UNWANTED = "it is not wanted any more"
_PRESENT = 2
"""How many times the longest interval an EventSource counts as there without having looked."""
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
        self._now = now
        self._looks = [_Look() for _ in forges]
        self._pruned: list[Result] = []

    async def plan(self) -> tuple[list[tuple[Forge[Any], Step]], list[Result]]:
        """What ``run`` would do, and what could not be found out."""
        record = await self._memory.load(self.name)
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
                    of_another = await self._of_another(forge, step)
                    if of_another is None:
                        steps.append((forge, step))
                    elif of_another.well:
                        steps.append((forge, replace(step, action="keep", reason=AS_WANTED)))
                    else:
                        failures.append(of_another)
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

        calls = [forge.client.calls for forge in self.forges]
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
        for index, (forge, look) in enumerate(zip(self.forges, self._looks, strict=True)):
            states = [one.state for some in look.results.values() for one in some]
            if (due is None or index in due) and states and {*states} == {"kept"}:
                self.pauses[index] = forge.pause((forge.client.calls - calls[index]) / len(states))
        results = [one for look in self._looks for some in (look.trouble, *look.results.values()) for one in some]
        if self._complete and all(look.wishes is not None for look in self._looks):
            if retry or all(one.well for one in self._pruned):
                self._pruned = await self._prune(record)
            results += self._pruned
        await self._memory.save(self.name, record)
        await self._memory.is_here(self.name, self._now(), _PRESENT * max(self.pauses, default=INTERVAL))
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

    async def _target(
        self, forge: Forge[Any], target: Target, wishes: list[Desired], record: Remembered
    ) -> list[Result]:
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            return [failure(wish.event, str(target), wish.url, explained(forge, wish, error)) for wish in wishes]
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = record.recognised(forge.instance, hooks)
        steps = plan(wishes, hooks, record.secrets(forge.instance))
        copies = [step for step in steps if step.action == "delete"]
        results: list[Result] = []
        for step in steps[: len(steps) - len(copies)]:
            result = await self._of_another(forge, step, record) or await self._act(forge, step, record)
            in_the_way = [copy for copy in copies if copy.url == step.url]
            if result.crowded and in_the_way:
                # GitHub does not give a hook the events of its copy: here, what is to stay comes after what is to go.
                copies = [copy for copy in copies if copy not in in_the_way]
                results += [await self._act(forge, copy, record) for copy in in_the_way]
                result = await self._act(forge, step, record)
            if result.crowded and step.action == "create" and (old := self._replaced(forge, hooks, record)):
                step = replace(step, action="update", hook=old, reason=f"url: {old.url} → {step.url}")
                result = await self._act(forge, step, record)
            results.append(result)
        if all(result.well for result in results):  # nothing else goes before its replacement is right
            results += [await self._act(forge, copy, record) for copy in copies]
        return results

    def _replaced(self, forge: Forge[Any], hooks: Iterable[Existing], record: Remembered) -> Existing | None:
        """A hook that would be deleted, as it has a URL that is wanted no more: where there is room for one, it becomes the new one."""
        for hook in hooks:
            ours = record.hooks.get((forge.instance, hook.target, hook.id))
            if ours is not None and ours.finish and same_address(hook.url, ours.url):
                others = self.wants(forge.instance, hook.target, ours.url)
                if not (others or self._elsewhere(forge.instance, hook.target, ours.url)):
                    return hook
        return None

    async def _of_another(self, forge: Forge[Any], step: Step, record: Remembered | None = None) -> Result | None:
        """What becomes of a hook that is to be changed, and that an EventSource before this one looks after; None: it may be changed, as
        there is none, or both want the same.

        ``record``: where it is remembered that the hook is as wanted.
        """
        if step.action != "update":
            return None
        assert step.desired is not None
        assert step.hook is not None
        wish = step.desired
        other = await self._memory.first(self.name, forge.instance, step.hook, self._now())
        if other is None:
            return None
        name, theirs = other
        reasons = differences(wish, step.hook, theirs.secret)
        if reasons and (theirs.form, theirs.secret) == (wish.form, wish.fingerprint):
            return None
        if not reasons:
            if record is not None:
                finish = bool(forge.config.delete_hook_on_finish)
                record.note(forge.instance, step.hook, wish, self._now(), finish=finish)
            return Result(wish.event, str(wish.target), wish.url, "kept", AS_WANTED)
        return Result(wish.event, str(wish.target), wish.url, "contested", contested(titled(name), reasons))

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
                await self._update(forge, hook, step.desired)
            elif step.action == "delete":
                assert hook is not None
                await forge.delete(hook)
        except PointsmanError as error:
            told = failure(event, str(step.target), step.url, explained(forge, step.desired, error))
            return replace(told, crowded=isinstance(error, Refused) and forge.crowded(error))
        assert hook is not None
        if step.desired is None:
            record.forget(forge.instance, hook)
        else:
            finish = bool(forge.config.delete_hook_on_finish)
            now = self._now()
            record.note(forge.instance, hook, step.desired, now, finish=finish, hidden=forge.hides_secrets)
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

    @staticmethod
    async def _update(forge: Forge[Any], hook: Existing, wish: Desired) -> None:
        try:
            await forge.update(hook, wish)
        except Refused as error:
            if error.status != 404:
                raise
            raise Unavailable(f"hook {hook.id} has just been deleted", hint="it is looked at again soon") from None

    async def _prune(self, record: Remembered) -> list[Result]:
        """Delete what is not wanted any more: of another URL, or a repository that is not named now.

        It stays while what replaces it is not there yet.
        """
        results: list[Result] = []
        for forge, target, identifier, url in list(self._unwanted(record)):
            if self._awaits(forge.instance, target):
                continue
            hook = Existing(target, identifier, url, frozenset())
            if await self._memory.first(self.name, forge.instance, hook, self._now(), later=True):
                record.forget(forge.instance, hook)  # it is theirs
                continue

            def is_it(hook: Existing, identifier: str = identifier, url: str = url) -> bool:
                return hook.id == identifier and same_address(hook.url, url)

            results += await self._delete(forge, target, is_it, record)
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

    async def _delete(
        self, forge: Forge[Any], target: Target, is_ours: Callable[[Existing], bool], record: Remembered
    ) -> list[Result]:
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            status = error.status if isinstance(error, Refused) else 0
            if not (status == 404 or (status in MOVED and record.has_moved(forge.instance, target))):
                return [failure(forge.event, str(target), forge.url, error)]
            hooks = []  # with the repository, or its name, its hooks are gone
        record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = record.recognised(forge.instance, hooks)
        steps = [Step("delete", target, hook.url, _UNWANTED, hook=hook) for hook in hooks if is_ours(hook)]
        return [await self._act(forge, step, record) for step in steps]


def _by_target(wishes: Iterable[Desired]) -> dict[Target, list[Desired]]:
    found: dict[Target, list[Desired]] = defaultdict(list)
    for wish in wishes:
        found[wish.target].append(wish)
    return found
