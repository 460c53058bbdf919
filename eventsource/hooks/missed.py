"""``redeliverMissed``: failed deliveries are looked for in the forge's log, and those that we do not have are asked for again. Shell.

Every five minutes, and first at the start: what was sent while we were away is in the log. A delivery that we have after all does no
harm: it comes under the same id, and is a duplicate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from events.errors import PointsmanError, Unavailable
from eventsource.hooks import Forge, Missed
from eventsource.hooks.memory import Hook, Memory
from eventsource.hooks.plan import Existing
from eventsource.hooks.results import titled

__all__ = ["MISSED_INTERVAL", "Has", "Redeliverer"]

log = structlog.get_logger("hooks")

MISSED_INTERVAL = 300.0
"""Seconds between two looks into a log."""

SOON = 60.0
"""Seconds until the next look after one that the forge did not let us finish: GitLab sends five deliveries a minute again."""

LOOK_BACK = 3 * 24 * 3600.0
"""Seconds that a log goes back: that of GitHub, three days."""
OVERLAP = 300.0
"""Seconds before the last look that are read again: an attempt is in the log only when it has ended."""

AT_ONCE = 50
"""Deliveries of a hook that are asked for at one look; the next look goes on."""
LONGEST_PAUSE = 3600.0
"""Seconds until a delivery is asked for again that failed again, at most; the first pause is twice the time between looks."""

Has = Callable[[str, str], bool]
"""Whether a delivery has come: the event's name in the EventSource, and the delivery's id."""


class Redeliverer:
    """For the events of one EventSource."""

    def __init__(
        self,
        name: str,
        forges: Sequence[Forge[Any]],
        memory: Memory,
        has: Has | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._forges = [forge for forge in forges if forge.redelivers and forge.config.redeliver_missed]
        self._memory = memory
        self._has = has or (lambda event, delivery: False)
        self._now = now
        self._next = 0.0

    async def run(self, interval: float = MISSED_INTERVAL) -> int:
        """Look, when it is time; says how many deliveries were asked for. Raises nothing of the forges'."""
        if not self._forges or self._now() < self._next:
            return 0
        self._next = self._now() + interval
        record = await self._memory.load(self._name)
        asked = 0
        for forge in self._forges:
            for (instance, target, identifier), hook in list(record.hooks.items()):
                if instance != forge.instance or hook.url != forge.url:
                    continue
                there = Existing(target, identifier, hook.url, frozenset())
                try:
                    asked += await self._look(forge, there, hook)
                except PointsmanError as error:
                    if isinstance(error, Unavailable):
                        self._next = min(self._next, self._now() + (error.retry_after or SOON))
                    log.warning(
                        "missed deliveries cannot be asked for",
                        source=titled(self._name),
                        event_name=forge.event,
                        target=str(target),
                        error=str(error),
                    )
        await self._memory.save(self._name, record)
        return asked

    async def _look(self, forge: Forge[Any], there: Existing, hook: Hook) -> int:
        now = self._now()
        missed = await forge.missed(there, max(hook.settled - OVERLAP, now - LOOK_BACK))
        wanted = [one for one in missed if not self._has(forge.event, one.delivery)]
        hook.asked = {one.delivery: hook.asked[one.delivery] for one in wanted if one.delivery in hook.asked}
        due = [one for one in wanted if self._is_due(hook, one, now)][:AT_ONCE]
        for one in due:
            await forge.redeliver(there, one)
            times, _ = hook.asked.get(one.delivery, (0, 0.0))
            hook.asked[one.delivery] = (times + 1, now)
        hook.settled = min((one.at for one in wanted), default=now)
        if due:
            log.info(
                "missed deliveries are asked for again",
                source=titled(self._name),
                event_name=forge.event,
                target=str(there.target),
                deliveries=len(due),
            )
        return len(due)

    @staticmethod
    def _is_due(hook: Hook, missed: Missed, now: float) -> bool:
        times, last = hook.asked.get(missed.delivery, (0, 0.0))
        return not times or now - last >= min(MISSED_INTERVAL * 2 ** min(times, 16), LONGEST_PAUSE)
