"""Step 10 · accounting, always on: what the bus says it handed over is compared with what the ledger says was settled. Shell.

Every few seconds: how many messages for this sensor lie in the stream between the last comparison and the place up to which all is
acknowledged, and how many of them were settled; and whether each of its triggers' accounts adds up (``eventbus.tally``). A difference that
stays for a minute is an alarm: an error in the log, and ``pointsman_accounting_difference`` (or ``…_lost_total``) is not 0.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from eventbus.interface import Subscription
from eventbus.ledger import Ledger
from eventbus.tally import Account, Checkpoint
from events.errors import PointsmanError
from sensor import gauges

__all__ = ["Auditing"]

log = structlog.get_logger("sensor")

EVERY = 10.0
"""Seconds between two comparisons."""

ALARM = 60.0
"""Seconds for which a difference may stay before it is told."""


class Auditing:
    """The accounts of one sensor (``name``), which are ``mine``. Without a subscription others read its events, too: then there is
    nothing to compare with.
    """

    def __init__(
        self, name: str, mine: Callable[[Account], bool], ledger: Ledger, subscription: Subscription | None
    ) -> None:
        self._name = name
        self._mine = mine
        self._ledger = ledger
        self._subscription = subscription
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        """Compare, again and again."""
        while True:
            try:
                await self.compare()
            except PointsmanError as error:
                log.info("accounts cannot be compared now", sensor=self._name, error=str(error))
            await asyncio.sleep(EVERY)

    async def compare(self) -> None:
        """One comparison. Raises Unavailable."""
        self._check_triggers()
        await self._check_stream()

    def _check_triggers(self) -> None:
        accounts = [account for account in self._ledger.accounts() if self._mine(account)]
        gauges.accounts(self._name, accounts)
        for account in accounts:
            if self._lasts(f"{account.sensor}/{account.trigger}", account.difference):
                log.error(
                    "accounts do not add up",
                    sensor=account.sensor,
                    trigger=account.trigger,
                    stored=account.stored,
                    difference=account.difference,
                )

    async def _check_stream(self) -> None:
        sensor = self._name
        if self._subscription is None:
            await self._ledger.check_off(Checkpoint(sensor, "", self._ledger.last_seen(sensor), 0, 0))
            return
        last = self._ledger.checkpoint(sensor)
        # Also before any is found to be lost: ``increase`` does not see the first step of a series that begins with it.
        gauges.lost(sensor, last.lost if last is not None else 0)
        progress = await self._subscription.progress(last.sequence if last is not None else 0)
        if last is None or last.stream != progress.stream or last.sequence > progress.floor:
            # Nothing to compare with yet, or the stream was made anew.
            await self._ledger.check_off(
                Checkpoint(sensor, progress.stream, progress.floor, 0, last.lost if last else 0)
            )
            return
        seen = self._ledger.seen_between(sensor, last.sequence, progress.floor)
        missing = max(0, progress.settled - seen)  # fewer in the stream than were seen: the rest has grown old
        if missing and not self._lasts("", missing):
            return
        if missing:
            log.error("events are lost", sensor=sensor, events=missing, between=f"{last.sequence + 1}…{progress.floor}")
            self._since.pop("", None)
            self._told.discard("")
        else:
            self._lasts("", 0)
        if progress.floor > last.sequence or missing:
            new = Checkpoint(sensor, progress.stream, progress.floor, last.checked + seen, last.lost + missing)
            await self._ledger.check_off(new)
            last = new
        gauges.lost(sensor, last.lost)

    def _lasts(self, what: str, difference: int) -> bool:
        """Whether a difference has stayed so long that it is to be told now."""
        if difference == 0:
            self._since.pop(what, None)
            self._told.discard(what)
            return False
        now = time.monotonic()
        if what in self._told or now - self._since.setdefault(what, now) < ALARM:
            return False
        self._told.add(what)
        return True
