"""Values of Secrets and ConfigMaps by namespace, name and key. A value is never part of a message or a ``repr``.

The reference reads them from files mounted into the pod and drops exactly one trailing newline (spec §0.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from events.errors import SpecError
from events.models.shared import ConfigMapKeySelector, SecretKeySelector

__all__ = ["Vault"]

Key = tuple[str, str, str, str]

MOST_HELD = 4
"""Old values of a key that are accepted at most."""


class Vault:
    """Secret and ConfigMap values, replaceable at run time (rotation).

    Keys are ``("secret" | "configmap", namespace, name, key)``. With a key ``<key>-previous`` beside ``<key>`` both values
    are good, so that a secret can be rotated while deliveries come in. A key that is ``hold``-ed keeps its old values until they are
    let go: of a hook, until its forge has the new one. ``mounted``: the values come from the folders of a pod; this only changes
    what a message advises. ``generation`` counts the changes.
    """

    def __init__(self, values: Mapping[Key, bytes] | None = None, *, mounted: bool = False) -> None:
        self._values: dict[Key, bytes] = dict(values or {})
        self._held: dict[Key, tuple[bytes, ...]] = {}
        self.generation = 0
        self._mounted = mounted

    def __repr__(self) -> str:
        return f"<Vault of {len(self._values)} values>"

    def items(self) -> Iterable[tuple[Key, bytes]]:
        """All values, for handing them to a child process."""
        return self._values.items()

    def replace(self, values: Mapping[Key, bytes]) -> None:
        """Take up new values at once."""
        for key, old in self._held.items():
            before, now = self._values.get(key), values.get(key)
            if before is not None and before != now:
                kept = [value for value in (before, *old) if value != now]
                self._held[key] = tuple(dict.fromkeys(kept))[:MOST_HELD]
        self._values = dict(values)
        self.generation += 1

    def hold(self, namespace: str, selector: SecretKeySelector, old: Iterable[bytes] = ()) -> None:
        """Accept this key's old values as well, from now on; ``old`` are known already, the latest first."""
        key = ("secret", namespace, selector.name, selector.key)
        kept = [value for value in (*self._held.get(key, ()), *old) if value != self._values.get(key)]
        self._held[key] = tuple(dict.fromkeys(kept))[:MOST_HELD]

    def holds(self, namespace: str, selector: SecretKeySelector) -> bool:
        """Whether old values of this key are accepted."""
        return bool(self._held.get(("secret", namespace, selector.name, selector.key)))

    def let_go(self, namespace: str, selector: SecretKeySelector) -> None:
        """Accept the old values of a held key no more."""
        self._held["secret", namespace, selector.name, selector.key] = ()

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, namespace: str, selector: SecretKeySelector | ConfigMapKeySelector) -> bytes:
        """The value that a selector names; raises SpecError when there is none."""
        kind = "secret" if isinstance(selector, SecretKeySelector) else "configmap"
        value = self._values.get((kind, namespace, selector.name, selector.key))
        if value is None:
            raise self._missing(kind, namespace, selector)
        return value.removesuffix(b"\n")

    def _missing(self, kind: str, namespace: str, selector: SecretKeySelector | ConfigMapKeySelector) -> SpecError:
        title = "Secret" if kind == "secret" else "ConfigMap"
        if not (selector.name and selector.key):
            left_out = "key" if selector.name else "name"
            return SpecError(f"a reference to a {title} leaves out its {left_out}", hint="give both name and key")
        what = f"{title} '{selector.name}'"
        hint = f"give it with --secret {selector.name}/{selector.key}=VALUE or a Secret document"
        if kind != "secret":
            hint = "add a ConfigMap document"
        if self._mounted:
            hint = f"add it to the {title}; it is taken up without a restart"
        if not any(key[:3] == (kind, namespace, selector.name) for key in self._values):
            text = f"there is no {what} in namespace '{namespace}'"
            more = "" if self._mounted else f" with key '{selector.key}'"
            return SpecError(text, hint=f"{hint}{more}", reason="SecretMissing")
        text = f"{what} has no key '{selector.key}' in namespace '{namespace}'"
        return SpecError(text, hint=hint, reason="SecretKeyMissing")

    def accepted(self, namespace: str, selector: SecretKeySelector) -> tuple[bytes, ...]:
        """All values that are good now: the current one and, during a rotation, those before it."""
        current = self.get(namespace, selector)
        previous = self._values.get(("secret", namespace, selector.name, f"{selector.key}-previous"))
        held = self._held.get(("secret", namespace, selector.name, selector.key), ())
        if previous is None and not held:
            return (current,)
        others = (*(() if previous is None else (previous,)), *held)
        return (current, *(value.removesuffix(b"\n") for value in others))
