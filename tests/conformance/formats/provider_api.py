"""Cases of ``eventsource/provider-api.jsonl``: the calls that an EventSource makes to register its hooks, at start and at the end.

A fake forge is put into the recorded state, our reconciler works on it, and the hooks that there are then must be those that the
recorded calls make; with no more calls than were recorded. Hooks that go with their EventSource are compared after its deletion:
the reference deletes them when its process ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import structlog.testing

from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.models.shared import SecretKeySelector
from eventsource import kinds
from eventsource.hooks import Forge, registry
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges import recorded
from tests.support.forges.base import FakeForge, Request

NAME = "provider_api"
RECORDED = ("outcome",)
"""``calls`` stays: the state of the forge is in its answers."""

Case = dict[str, Any]


def matches(case: Case) -> bool:
    return {"event_source", "spec", "calls"} <= case.keys()


def waits(case: Case) -> str | None:
    return None if case["kind"] in recorded.LISTS else f"hooks of {case['kind']}: not built yet"


def want(case: Case) -> Any:
    forge, kind = recorded.forge_of(case), case["kind"]
    recorded.play(forge, kind, case["calls"])
    hooks = recorded.state(forge, kind)
    stops = "calls_on_sigterm" in (case.get("outcome") or {})
    recorded.play(forge, kind, recorded.stopping(case))
    return {"hooks": hooks, "calls": len(case["calls"]), "deleted": recorded.state(forge, kind) if stops else None}


def run(case: Case) -> Any:
    with structlog.testing.capture_logs():
        return asyncio.run(_run(case))


async def _run(case: Case) -> Any:
    fake = recorded.forge_of(case)
    kind = case["kind"]
    results: list[Any] = []
    try:
        forges = list(_forges(case, fake))
    except SpecError as error:
        forges, results = [], [str(error)]
    reconciler = Reconciler(case["event_source"], forges, Memory(_Nothing()))
    results += await reconciler.run()
    hooks, calls = recorded.state(fake, kind), sum(not _is_further_page(call) for call in fake.calls)
    results += await reconciler.delete(forge for forge in forges if forge.config.delete_hook_on_finish)
    return {"hooks": hooks, "calls": calls, "deleted": recorded.state(fake, kind), "results": results}


def _forges(case: Case, fake: FakeForge) -> Iterator[Forge[Any]]:
    """What manages the hooks of the case's events. Raises SpecError."""
    source = parse(EventSource, {"metadata": {"name": case["event_source"]}, "spec": case["spec"]})

    def secret(selector: SecretKeySelector) -> bytes:
        return recorded.secret_of(case, {"name": selector.name, "key": selector.key})

    for kind, name, raw in source.spec.events():
        config = parse(kinds.get(kind).config_model, raw)
        if config.registers_hooks:
            yield registry[kind](config, name, secret, fake.connect)


class _Nothing:
    """Remembers nothing: each case is the first look."""

    async def get(self, key: str) -> bytes | None:
        return None

    async def put(self, key: str, value: bytes) -> None:
        return None


def _is_further_page(request: Request) -> bool:
    return request.query.get("page", "1") != "1" or request.query.get("start", "0") != "0"


def same(case: Case, want: Any, got: Any) -> bool:
    deleted = want["deleted"] is None or want["deleted"] == got["deleted"]
    return bool(want["hooks"] == got["hooks"] and got["calls"] <= want["calls"] and deleted)
