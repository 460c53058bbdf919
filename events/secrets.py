"""Values of Secrets and ConfigMaps by namespace, name and key. A value is never part of a message or a ``repr``.

The reference reads them from files mounted into the pod and drops exactly one trailing newline (spec §0.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from events.errors import SpecError
from events.models.shared import ConfigMapKeySelector, SecretKeySelector

__all__ = ["Vault"]

Key = tuple[str, str, str, str]


class Vault:
    """Secret and ConfigMap values, replaceable at run time (rotation).

    Keys are ``("secret" | "configmap", namespace, name, key)``. With a key ``<key>-previous`` beside ``<key>`` both values
    are good, so that a secret can be rotated while deliveries come in. ``mounted``: they come from the folders of a pod; this only
    changes what a message advises.
    """

    def __init__(self, values: Mapping[Key, bytes] | None = None, *, mounted: bool = False) -> None:
        self._values: dict[Key, bytes] = dict(values or {})
        self._mounted = mounted

    def __repr__(self) -> str:
        return f"<Vault of {len(self._values)} values>"

    def items(self) -> Iterable[tuple[Key, bytes]]:
        """All values, for handing them to a child process."""
        return self._values.items()

    def replace(self, values: Mapping[Key, bytes]) -> None:
        """Take up new values at once."""
        self._values = dict(values)

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
        what = f"{'Secret' if kind == 'secret' else 'ConfigMap'} '{selector.name}'"
        hint = f"give it with --secret {selector.name}/{selector.key}=VALUE or a Secret document"
        if kind != "secret":
            hint = "add a ConfigMap document"
        if self._mounted:
            hint = f"add it to the {'Secret' if kind == 'secret' else 'ConfigMap'}; it is taken up without a restart"
        if not any(key[:3] == (kind, namespace, selector.name) for key in self._values):
            text = f"there is no {what} in namespace '{namespace}'"
            more = "" if self._mounted else f" with key '{selector.key}'"
            return SpecError(text, hint=f"{hint}{more}", reason="SecretMissing")
        text = f"{what} has no key '{selector.key}' in namespace '{namespace}'"
        return SpecError(text, hint=hint, reason="SecretKeyMissing")

    def accepted(self, namespace: str, selector: SecretKeySelector) -> tuple[bytes, ...]:
        """All values that are good now: the current one and, during a rotation, the previous one."""
        current = self.get(namespace, selector)
        previous = self._values.get(("secret", namespace, selector.name, f"{selector.key}-previous"))
        return (current,) if previous is None else (current, previous.removesuffix(b"\n"))
