"""What ``pointsman hooks`` does, as rows for a table: the EventSources of some manifests, or the one of a pod. Shell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from events.cli.incluster import PodOptions, read_object
from events.cli.mounted import Mounts
from events.cli.printing import age, rfc3339
from events.cli.secret_values import fill
from events.errors import PointsmanError, SpecError
from events.manifests import Bundle
from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.hooks import Desired, Existing, Forge, Target
from eventsource.hooks.found import forges_of
from eventsource.hooks.memory import FileStore, Memory, Store
from eventsource.hooks.plan import AS_WANTED, UNKNOWN_SECRET, Step, differences
from eventsource.hooks.reconcile import Reconciler
from eventsource.hooks.results import Result, contested
from eventsource.hooks.running import connecting, name_of

__all__ = ["Row", "Work", "from_manifests", "from_pod"]


@dataclass(frozen=True)
class Row:
    """A hook, as it is shown. ``state`` is what is or would be done, or how it is."""

    state: str
    source: str
    event: str
    target: str
    url: str
    message: str
    last: str = ""
    id: str = ""
    last_delivery: str = ""

    def to_json(self) -> dict[str, str]:
        """For scripts."""
        return {name: value for name, value in asdict(self).items() if name != "last"}


class Work:
    """An async context manager: connections are open within. ``findings`` are what is wrong with the manifests, in lines."""

    def __init__(self, sources: list[tuple[str, EventSource]], vault: Vault, store: Store, findings: list[str]) -> None:
        self.findings = findings
        self.errors = bool(findings)
        self._sources = sorted(sources, key=lambda one: name_of(one[1], one[0]))
        """In the order of their names: a hook that several want is the first one's."""
        self._vault = vault
        self._memory = Memory(store, {name_of(source, namespace) for namespace, source in sources})
        self._reconcilers: list[tuple[str, Reconciler]] = []
        self._broken: list[Row] = []
        self._deletes = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for namespace, source in self._sources:
            connect = await self._stack.enter_async_context(connecting(self._vault, namespace))
            forges, errors = forges_of(source, self._vault, connect, namespace=namespace)
            name = f"{namespace}/{source.metadata.name}"
            self._broken += [Row("refused", name, event, "", "", str(error)) for event, error in errors]
            if forges:
                elsewhere = partial(self._is_wanted_by_another, name)
                work = Reconciler(
                    name_of(source, namespace), forges, self._memory, complete=not errors, elsewhere=elsewhere
                )
                self._reconcilers.append((name, work))
        return self

    def _is_wanted_by_another(self, name: str, instance: str, target: Target, url: str) -> bool:
        others = [one for other, one in self._reconcilers if other != name]
        return not self._deletes and any(one.wants(instance, target, url) for one in others)

    async def _ask(self) -> None:
        """Find out what all want before anything is deleted that another one wants."""
        if len(self._reconcilers) > 1:
            for _, reconciler in self._reconcilers:
                await reconciler.ask()

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def plan(self) -> list[Row]:
        """What would be done."""
        rows = list(self._broken)
        await self._ask()
        made: dict[tuple[str, tuple[str, str], str], tuple[str, Desired]] = {}
        for name, reconciler in self._reconcilers:
            steps, failures = await reconciler.plan()
            for forge, step in steps:
                row = _step(name, forge, step)
                if step.action == "create" and step.desired is not None:
                    key = (forge.instance, step.target.place, step.url)
                    first, wish = made.setdefault(key, (name, step.desired))
                    row = row if first == name else _made_by_another(row, first, wish, step.desired)
                rows.append(row)
            rows += [_result(name, failure) for failure in failures]
        return rows

    async def apply(self) -> list[Row]:
        """Do it."""
        rows = list(self._broken)
        await self._ask()
        for name, reconciler in self._reconcilers:
            rows += [_result(name, result) for result in await reconciler.run()]
        return rows

    async def delete(self, *, on_finish: bool, kept: Collection[str] = ()) -> list[Row]:
        """Delete the hooks; ``on_finish``: where ``deleteHookOnFinish`` is set. Those with ``kept`` URLs stay."""
        self._deletes = True  # for all of these EventSources: none keeps the hook of another
        rows = list(self._broken)
        for name, reconciler in self._reconcilers:
            forges = [one for one in reconciler.forges if one.config.delete_hook_on_finish or not on_finish]
            rows += [Row("kept", name, one.event, "", one.url, "as was asked for") for one in forges if one.url in kept]
            going = [one for one in forges if one.url not in kept]
            rows += [_result(name, result) for result in await reconciler.delete(going)]
        return rows

    async def status(self) -> list[Row]:
        """How the hooks are, and their deliveries go."""
        rows = list(self._broken)
        await self._ask()
        for name, reconciler in self._reconcilers:
            steps, failures = await reconciler.plan()
            for forge, step in steps:
                row = _step(name, forge, step)
                rows.append(
                    replace(row, state="surplus") if step.action == "delete" else await _state(row, forge, step)
                )
            rows += [_result(name, failure) for failure in failures]
        return rows


def from_manifests(bundle: Bundle, secrets: Mapping[str, bytes], environment: Mapping[str, str], state: Path) -> Work:
    """The EventSources of some manifests, with fingerprints in the state folder."""
    findings = [str(located) for located in bundle.errors]
    sources = []
    for manifest in bundle.of("EventSource"):
        try:
            sources.append((manifest.namespace, parse(EventSource, manifest.body)))
        except SpecError as error:
            findings.append(f"{manifest.file}: {manifest.title}: {error}")
    return Work(sources, Vault(fill(bundle, secrets, environment)), FileStore(state / "hooks"), findings)


def from_pod(environment: Mapping[str, str]) -> Work:
    """The EventSource that a pod is given, with its mounted Secrets. Nothing is remembered. Raises SpecError."""
    if "POINTSMAN_OBJECT" not in environment and not PodOptions.object.exists():
        raise SpecError("no manifests are given", hint="pointsman hooks delete FILE")
    files = PodOptions(
        **{
            name: Path(environment[f"POINTSMAN_{name.upper()}"])
            for name in ("object", "secrets", "configmaps", "state")
            if f"POINTSMAN_{name.upper()}" in environment
        }  # type: ignore[arg-type]
    )
    source = read_object(files.object, EventSource)
    namespace = source.metadata.namespace or environment.get("POD_NAMESPACE") or "default"
    vault = Mounts({"secret": files.secrets, "configmap": files.configmaps}, namespace).vault
    return Work([(namespace, source)], vault, FileStore(files.state / "hooks"), [])


def _step(name: str, forge: Forge[Any], step: Step) -> Row:
    event = step.desired.event if step.desired is not None else forge.event
    identifier = step.hook.id if step.hook is not None else ""
    return Row(step.action, name, event, str(step.target), step.url, step.reason, id=identifier)


def _made_by_another(row: Row, first: str, wish: Desired, own: Desired) -> Row:
    """A hook that is planned for an EventSource before this one, too."""
    there = Existing(wish.target, "", wish.url, wish.events, wish.fields, fingerprint=wish.fingerprint)
    reasons = differences(own, there, None)
    if not reasons:
        return replace(row, state="keep", message=f"it is created for EventSource {first}")
    return replace(row, state="contested", message=contested(first, reasons))


def _result(name: str, result: Result) -> Row:
    return Row(result.state, name, result.event, result.target, result.url, result.message)


async def _state(row: Row, forge: Forge[Any], step: Step) -> Row:
    """What is there, instead of what would be done."""
    if step.hook is None:
        return Row("missing", *_names(row), "there is no hook")
    try:
        return await _with_health(row, forge, step.hook, differs=step.reason not in (AS_WANTED, UNKNOWN_SECRET))
    except PointsmanError as error:
        return Row("failing", *_names(row), str(error), id=row.id)


async def _with_health(row: Row, forge: Forge[Any], hook: Existing, *, differs: bool) -> Row:
    health = await forge.health(hook)
    state = "disabled" if health.disabled else "failing" if health.failing else "differs" if differs else "ok"
    message = "; ".join(text for text in (health.message, "" if row.message == AS_WANTED else row.message) if text)
    last, moment = ("", "") if health.last is None else (f"{age(health.last)} ago", rfc3339(health.last))
    return Row(state, *_names(row), message, last, row.id, moment)


def _names(row: Row) -> tuple[str, str, str, str]:
    return row.source, row.event, row.target, row.url
