"""A kind is found by its file name: ``registry["argoWorkflow"]`` imports ``<package>/argo_workflow.py``, and nothing else.

A kind file registers itself with the ``register`` of its package::

    @register("github")
    class GitHub(Webhook): ...

After the package's own folder, the entry points of group ``pointsman.<package>`` are asked, so that others can add kinds.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from events.errors import SpecError

__all__ = ["Registry", "did_you_mean", "snake_case"]

T = TypeVar("T")


def snake_case(kind: str) -> str:
    """``argoWorkflow`` and ``argo-workflow`` → ``argo_workflow``: from a wire name to its file."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", kind).lower().replace("-", "_")


def did_you_mean(word: str, known: Iterator[str] | list[str]) -> str:
    """The hint ``did you mean 'x'?``, or an empty text when nothing is near."""
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.75)
    return f"did you mean '{by_lower[near[0]]}'?" if near else ""


class Registry(Generic[T]):
    """The kinds of one package, imported when first asked for."""

    def __init__(self, package: str, what: str) -> None:
        self.package = package
        self.what = what
        self._kinds: dict[str, T] = {}

    def register(self, kind: str) -> Callable[[T], T]:
        """Decorator of the class (or function) that implements ``kind``."""

        def decorate(item: T) -> T:
            known = self._kinds.get(kind)
            if known is not None and getattr(known, "__qualname__", "") != getattr(item, "__qualname__", ""):
                raise RuntimeError(f"two implementations of {self.what} '{kind}'")
            self._kinds[kind] = item
            return item

        return decorate

    def __getitem__(self, kind: str) -> T:
        if kind not in self._kinds:
            self._load(kind)
        try:
            return self._kinds[kind]
        except KeyError:
            known = sorted(self)
            raise SpecError(
                f"unknown {self.what} '{kind}'",
                hint=did_you_mean(kind, known) or f"known: {', '.join(known)}",
                reason="UnknownKind",
            ) from None

    def __contains__(self, kind: str) -> bool:
        if kind not in self._kinds:
            self._load(kind)
        return kind in self._kinds

    def __iter__(self) -> Iterator[str]:
        """All kinds; this imports the whole folder."""
        for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"pointsman.{self.package}"):
            point.load()
        return iter(sorted(self._kinds))

    def _load(self, kind: str) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,99}", kind):
            return
        name = f"{self.package}.{snake_case(kind)}"
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            for point in entry_points(group=f"pointsman.{self.package}", name=kind):
                point.load()
