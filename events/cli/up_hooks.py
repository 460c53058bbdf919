"""Hooks under ``up --register-hooks``: what the parent tells its source process, and what that does with it.

The source process is started anew when the manifests change. What must outlive it stands here: secrets' old values, which are good until
the forges have the new ones, and EventSources that are gone from the manifests, whose hooks may be to be deleted. Nothing of it is
written down; fingerprints of secrets are, in the state folder.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from events.cli.plan import Plan
from events.cli.secret_values import VaultKey
from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import MOST_HELD, Vault
from eventsource.hooks.found import configuration
from eventsource.hooks.lease import FileLease
from eventsource.hooks.memory import FileStore
from eventsource.hooks.running import hold_secrets, name_of, run_hooks
from eventsource.recent import Recents

__all__ = ["FOLDER", "HookChanges", "hold_old_secrets", "looking_after_hooks", "want_hooks"]

log = structlog.get_logger("hooks")

FOLDER = "hooks"
"""Of the state folder."""


def want_hooks(sources: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any event of these EventSources has hooks that are ours to make."""
    for body in sources:
        with contextlib.suppress(SpecError):  # told elsewhere
            if any(configuration(kind, raw) for kind, _, raw in parse(EventSource, body).spec.events()):
                return True
    return False


class HookChanges:
    """What an edit of the manifests means for hooks."""

    def __init__(self) -> None:
        self._old: dict[VaultKey, list[bytes]] = {}
        self._removed: dict[tuple[str, str], dict[str, Any]] = {}
        self._vault: dict[VaultKey, bytes] = {}

    def take_up(self, old: Plan, new: Plan) -> None:
        """Remember what was changed and what is gone."""
        for key, value in old.vault.items():
            if key[0] == "secret" and new.vault.get(key, value) != value:
                before = [one for one in self._old.get(key, []) if one != value]
                self._old[key] = [value, *before][:MOST_HELD]
        before_names, names = _by_name(old), _by_name(new)
        gone = {name: body for name, body in before_names.items() if name not in names}
        if gone:
            self._vault |= old.vault
        self._removed = {name: body for name, body in {**self._removed, **gone}.items() if name not in names}

    def to_wire(self, plan: Plan) -> dict[str, Any]:
        """For the source process, which runs this plan: one that could not be taken up may have left out less."""
        names = _by_name(plan)
        return {
            "old": [
                [*key, [base64.b64encode(value).decode() for value in values]] for key, values in self._old.items()
            ],
            "removed": [body for name, body in self._removed.items() if name not in names],
        }

    def vault(self, values: Mapping[VaultKey, bytes]) -> dict[VaultKey, bytes]:
        """These values, and those of EventSources that are gone."""
        return {**self._vault, **values} if self._removed else dict(values)


def _by_name(plan: Plan) -> dict[tuple[str, str], dict[str, Any]]:
    return {(body["metadata"]["namespace"], body["metadata"]["name"]): body for body in plan.sources}


def hold_old_secrets(config: Mapping[str, Any], vault: Vault) -> None:
    """In the source process, before deliveries come in: accept the old values, too."""
    if config.get("hooks") is not None:
        old = {(k, ns, n, key): [base64.b64decode(v) for v in vs] for k, ns, n, key, vs in config["hooks"]["old"]}
        hold_secrets([parse(EventSource, body) for body in config["sources"]], vault, old)


@contextlib.asynccontextmanager
async def looking_after_hooks(config: Mapping[str, Any], vault: Vault, recents: Recents) -> AsyncIterator[None]:
    """In the source process: hooks are looked after for as long as this is entered. Two processes overlap, and one of them acts."""
    if config.get("hooks") is None:
        yield
        return
    folder = Path(config["folder"]) / FOLDER
    lease = FileLease(folder)
    sources, removed = (
        [parse(EventSource, body) for body in some] for some in (config["sources"], config["hooks"]["removed"])
    )
    names = {name_of(source, "default") for source in sources}
    work = run_hooks(sources, vault, FileStore(folder), lease=lease, has=recents.has, removed=removed, names=names)
    task = asyncio.create_task(_guarded(work), name="hooks")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        lease.close()


async def _guarded(work: Any) -> None:
    """Deliveries are taken, whatever becomes of the hooks."""
    try:
        await work
    except Exception:
        log.exception("hooks are not looked after any more")
