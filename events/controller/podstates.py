"""What the processes say of themselves, asked once a minute and told in the status: last event, last submission, last error. Shell."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import orjson
import structlog

from events.controller import names
from events.controller.manager import Manager
from events.controller.names import Key
from events.controller.reconcile import Reconciler
from events.controller.scope import Scope
from events.controller.workload import PORT
from events.errors import PointsmanError
from events.kube.control import Control, Selection

__all__ = ["PodStates", "combined"]

log = structlog.get_logger("controller")

_EVERY_SECONDS = 60.0
_AT_ONCE = 16
_MAX_ANSWER = 256 << 10
_MAX_TEXT = 1024
_MOST_TROUBLES = 10
_BAD = ("failing", "refused", "contested")
"""States of hooks that are not as they should be."""


class PodStates:
    """Asks all ready pods of EventSources and Sensors; one that does not answer is left out."""

    def __init__(
        self, control: Control, reconciler: Reconciler, manager: Manager, scope: Scope, *, port: int = PORT
    ) -> None:
        self._control = control
        self._reconciler = reconciler
        self._manager = manager
        self._scope = scope
        self._port = port

    async def run(self, every: float = _EVERY_SECONDS) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=5, connect=2)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            while True:
                await asyncio.sleep(every)
                try:
                    await self.ask(session)
                except PointsmanError as problem:
                    log.warning("pods not asked", reason=problem.message)

    async def ask(self, session: aiohttp.ClientSession) -> None:
        """Ask once."""
        addresses = await self._addresses(self._manager.parents())
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(key: Key, hosts: list[str]) -> None:
            async with limit:
                answers = [answer for host in hosts if (answer := await self._state(session, host)) is not None]
                if answers:
                    await self._reconciler.observe(key, combined(answers))

        async with asyncio.TaskGroup() as tasks:
            for key, hosts in addresses.items():
                tasks.create_task(_logged(one(key, hosts)))

    async def _addresses(self, keys: Iterable[Key]) -> dict[Key, list[str]]:
        found: dict[Key, list[str]] = defaultdict(list)
        wanted = {(key.kind, key.namespace, names.label_value(key.name)): key for key in keys}
        if not wanted:
            return found
        ours = f"{names.MANAGED[0]}={names.MANAGED[1]}"
        for namespace in self._scope.watched:
            for pod in await self._control.find(Selection("v1", "Pod", namespace, ours)):
                key, address = wanted.get(_owner(pod)), (pod.get("status") or {}).get("podIP")
                if key is not None and address and (pod.get("status") or {}).get("phase") == "Running":
                    found[key].append(f"[{address}]" if ":" in address else address)
        return found

    async def _state(self, session: aiohttp.ClientSession, host: str) -> dict[str, Any] | None:
        try:
            async with session.get(f"http://{host}:{self._port}/status", allow_redirects=False) as answer:
                text = b""
                while answer.status == 200 and len(text) <= _MAX_ANSWER and (more := await answer.content.readany()):
                    text += more
            state = orjson.loads(text) if len(text) <= _MAX_ANSWER else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        return state if isinstance(state, dict) else None


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except PointsmanError as problem:
        log.warning("state not told", reason=problem.message)


def _owner(pod: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, namespace, and name as it is in labels, of the object that a pod runs."""
    labels = pod["metadata"].get("labels") or {}
    for kind in (names.EVENT_SOURCE, names.SENSOR):
        name = labels.get(f"{kind.lower()}-name")
        if name:
            return kind, pod["metadata"]["namespace"], name
    return "", "", ""


def combined(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What several pods say, as one: the latest times, the first error, all troubles, also those with hooks.

    Times are RFC 3339 in UTC, and so compare as texts. ``troubles`` is None when there is none, which removes the field.
    """
    found: dict[str, Any] = {}
    troubles: dict[str, None] = {}
    for state in states:
        for name in ("lastEvent", "lastSubmission"):
            value = state.get(name)
            if isinstance(value, str) and value > found.get(name, ""):
                found[name] = value[:64]
        error = state.get("lastError")
        if isinstance(error, str) and error:
            found.setdefault("lastError", error[:_MAX_TEXT])
        troubles |= dict.fromkeys(text[:_MAX_TEXT] for text in _troubles(state))
        if hooks := [hook for hook in _list(state, "hooks") if isinstance(hook, dict)]:  # one pod looks after them
            wrong = sum(hook.get("state") in _BAD for hook in hooks)
            found["hooks"] = {"right": len(hooks) - wrong, "wrong": wrong}
    found["troubles"] = list(troubles)[:_MOST_TROUBLES] or None
    return found


def _troubles(state: Mapping[str, Any]) -> Iterator[str]:
    for text in _list(state, "troubles"):
        if isinstance(text, str):
            yield text
    for hook in _list(state, "hooks"):
        if isinstance(hook, dict) and hook.get("state") in _BAD:
            yield f"hook of event '{hook.get('event')}' at {hook.get('target')}: {hook.get('message')}"


def _list(state: Mapping[str, Any], name: str) -> list[Any]:
    """A list of the answer; whoever may make a pod may make it answer anything."""
    found = state.get(name)
    return found if isinstance(found, list) else []
