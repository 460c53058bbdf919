"""The hooks of one target brought to what is wanted: list, plan, act, remember. Shell.

First hooks are made and changed, then surplus ones deleted, and these only where the first went well: at no moment is there no hook that was
there before. A hook that several EventSources want is changed by the first of them, by name, only: else each would undo what the other did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import structlog

from events.errors import PointsmanError, Refused, Unavailable
from eventsource.hooks import Desired, Existing, Forge, Target, same_address
from eventsource.hooks.client import MOVED
from eventsource.hooks.memory import Remembered
from eventsource.hooks.neighbours import Neighbours
from eventsource.hooks.plan import AS_WANTED, Step, differences, plan
from eventsource.hooks.results import Result, State, contested, explained, failure, titled

__all__ = ["UNWANTED", "Acting", "Wanted"]

log = structlog.get_logger("hooks")

UNWANTED = "it is not wanted any more"
_DONE: dict[str, State] = {"create": "created", "update": "updated", "delete": "deleted", "keep": "kept"}

Wanted = Callable[[str, Target, str], bool]
"""Whether somebody wants a hook: the instance of its forge, its target and URL."""


class Acting:
    """For the EventSource of this name, with what is remembered of its hooks. ``wanted``: by it or by others, or perhaps."""

    def __init__(
        self,
        name: str,
        record: Remembered,
        neighbours: Neighbours,
        wanted: Wanted,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.record = record
        self._name = name
        self._neighbours = neighbours
        self._wanted = wanted
        self._now = now

    async def bring(self, forge: Forge[Any], target: Target, wishes: list[Desired]) -> list[Result]:
        """Bring the hooks of a target to what is wished for it; gives what became of each. Raises nothing of the forge's."""
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            return [failure(wish.event, str(target), wish.url, explained(forge, wish, error)) for wish in wishes]
        self.record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = self.record.recognised(forge.instance, hooks)
        steps = plan(wishes, hooks, self.record.secrets(forge.instance))
        copies = [step for step in steps if step.action == "delete"]
        results: list[Result] = []
        for step in steps[: len(steps) - len(copies)]:
            result = await self.of_another(forge, step) or await self._act(forge, step)
            in_the_way = [copy for copy in copies if copy.url == step.url]
            if result.crowded and in_the_way:
                # GitHub does not give a hook the events of its copy: here, what is to stay comes after what is to go.
                copies = [copy for copy in copies if copy not in in_the_way]
                results += [await self._act(forge, copy) for copy in in_the_way]
                result = await self._act(forge, step)
            if result.crowded and step.action == "create" and (old := await self._replaced(forge, hooks)):
                reason = f"url: {old.url} → {step.url}"
                moved = replace(step, action="update", hook=replace(old, url=step.url), reason=reason)
                result = await self._act(forge, moved)
            results.append(result)
        if all(result.well for result in results):  # nothing else goes before its replacement is right
            results += [await self._act(forge, copy) for copy in copies]
        return results

    async def delete(self, forge: Forge[Any], target: Target, is_ours: Callable[[Existing], bool]) -> list[Result]:
        """Delete those hooks of a target. Raises nothing of the forge's."""
        try:
            hooks = await forge.hooks(target)
        except PointsmanError as error:
            status = error.status if isinstance(error, Refused) else 0
            if not (status == 404 or (status in MOVED and self.record.has_moved(forge.instance, target))):
                return [failure(forge.event, str(target), forge.url, error)]
            hooks = []  # with the repository, or its name, its hooks are gone
        self.record.keep_only(forge.instance, target, {hook.id for hook in hooks})
        hooks = self.record.recognised(forge.instance, hooks)
        steps = [Step("delete", target, hook.url, UNWANTED, hook=hook) for hook in hooks if is_ours(hook)]
        return [await self._act(forge, step) for step in steps]

    async def of_another(self, forge: Forge[Any], step: Step) -> Result | None:
        """What becomes of a hook that is to be changed, and that an EventSource before this one looks after; None: it may be changed, as
        there is none, or both want the same.
        """
        if step.action != "update":
            return None
        assert step.desired is not None
        assert step.hook is not None
        wish = step.desired
        other = await self._neighbours.first(self._name, forge.instance, step.hook, self._now())
        if other is None:
            return None
        name, theirs = other
        reasons = differences(wish, step.hook, theirs.secret)
        if reasons and (theirs.form, theirs.secret) == (wish.form, wish.fingerprint):
            return None
        if not reasons:
            self._note(forge, step.hook, wish)
            return Result(wish.event, str(wish.target), wish.url, "kept", AS_WANTED)
        return Result(wish.event, str(wish.target), wish.url, "contested", contested(titled(name), reasons))

    async def _replaced(self, forge: Forge[Any], hooks: Iterable[Existing]) -> Existing | None:
        """A hook that would be deleted, as it has a URL that is wanted no more: where there is room for one, it becomes the new one."""
        for hook in hooks:
            ours = self.record.hooks.get((forge.instance, hook.target, hook.id))
            if ours is None or not ours.finish or not same_address(hook.url, ours.url):
                continue
            if self._wanted(forge.instance, hook.target, ours.url):
                continue
            if await self._neighbours.first(self._name, forge.instance, hook, self._now(), later=True) is None:
                return hook
        return None

    async def _act(self, forge: Forge[Any], step: Step) -> Result:
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
            self.record.forget(forge.instance, hook)
        else:
            self._note(forge, hook, step.desired)
        if step.action != "keep":
            log.info(
                f"hook {_DONE[step.action]}",
                source=titled(self._name),
                event_name=event,
                target=str(step.target),
                url=step.url,
                reason=step.reason,
            )
        return Result(event, str(step.target), step.url, _DONE[step.action], step.reason)

    def _note(self, forge: Forge[Any], hook: Existing, wish: Desired) -> None:
        finish = bool(forge.config.delete_hook_on_finish)
        self.record.note(forge.instance, hook, wish, self._now(), finish=finish, hidden=forge.hides_secrets)

    @staticmethod
    async def _update(forge: Forge[Any], hook: Existing, wish: Desired) -> None:
        try:
            await forge.update(hook, wish)
        except Refused as error:
            if error.status != 404:
                raise
            raise Unavailable(f"hook {hook.id} has just been deleted", hint="it is looked at again soon") from None
