"""``skipBranchRefsChangedOnOpenPR``: which commits of a push are in open pull requests, asked of a Bitbucket Server while the delivery
waits for its answer (spec §3.4). Shell.

Only of deliveries that are verified, and for a few seconds: what cannot be found out in that time counts as in none, so that a forge that
is away costs nobody an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager

import structlog

from events.errors import PointsmanError, SpecError
from events.models.shared import SecretKeySelector
from events.secrets import Vault
from eventsource.delivery import Delivery
from eventsource.hooks import Connect, part
from eventsource.hooks.bitbucketserver import by_start, client_of
from eventsource.hooks.client import Client
from eventsource.hooks.limits import SharedLimits
from eventsource.hooks.running import connecting
from eventsource.listener import Listener, Received
from eventsource.webhooks.bitbucketserver import BitbucketServer, Commit

__all__ = ["OpenPulls", "open_pulls"]

log = structlog.get_logger("eventsource")

_LONGEST = 3.0
"""Seconds for all questions of a delivery."""
_MOST = 50
"""Commits of a delivery that are asked for."""
_AT_ONCE = 4


def open_pulls(listener: Listener, vault: Vault) -> OpenPulls | None:
    """What receives the deliveries of this event, if it is one that leaves out pushes."""
    webhook = listener.webhook
    if not isinstance(webhook, BitbucketServer) or not webhook.leaves_out:
        return None
    limits = SharedLimits()
    return OpenPulls(listener, webhook, vault, lambda: connecting(vault, listener.namespace, limits))


class OpenPulls:
    """For one event."""

    def __init__(
        self,
        listener: Listener,
        webhook: BitbucketServer,
        vault: Vault,
        connections: Callable[[], AbstractAsyncContextManager[Connect]],
    ) -> None:
        self._listener = listener
        self._webhook = webhook
        self._vault = vault
        self._connections = connections

    async def receive(self, delivery: Delivery) -> Received:
        """As ``Listener.receive``, without the changes that are in open pull requests."""
        self._listener.verify(delivery)
        commits = self._webhook.commits(delivery)
        if commits is None:
            return self._listener.take(delivery)
        asked = list(dict.fromkeys(commit for commit in commits if commit is not None))
        found = await self._in_open_pulls(asked[:_MOST]) if asked else ()
        return self._listener.take(delivery, self._webhook.left_out(commits, found))

    async def _in_open_pulls(self, commits: Collection[Commit]) -> set[Commit]:
        found: set[Commit] = set()
        problems: set[str] = set()
        turns = asyncio.Semaphore(_AT_ONCE)

        async def ask(client: Client, commit: Commit) -> None:
            async with turns:
                try:
                    if await _is_in_open_pull(client, commit):
                        found.add(commit)
                except PointsmanError as error:
                    problems.add(str(error))

        try:
            async with asyncio.timeout(_LONGEST), self._connections() as connect:
                client = client_of(self._webhook.config, self._secret, connect)
                async with asyncio.TaskGroup() as questions:
                    for commit in commits:
                        questions.create_task(ask(client, commit))
        except SpecError as error:
            problems.add(str(error))
        except TimeoutError:
            problems.add(f"no answer within {_LONGEST:.0f} s")
        if problems:
            log.warning(
                "whether pushed commits are in open pull requests is not known: they count",
                listener=self._listener.owner,
                error="; ".join(sorted(problems)[:3]),
            )
        return found

    def _secret(self, selector: SecretKeySelector) -> bytes:
        return self._vault.get(self._listener.namespace, selector)


async def _is_in_open_pull(client: Client, commit: Commit) -> bool:
    """Raises Unavailable, Refused, SpecError (the credentials)."""
    where = f"/projects/{part(commit.project)}/repos/{part(commit.repository)}"
    query = {"limit": "500", "start": "0"}
    pulls = await client.items(f"{where}/commits/{part(commit.hash)}/pull-requests", query, by_start)
    return any(isinstance(pull, dict) and str(pull.get("state", "")).upper() == "OPEN" for pull in pulls)
