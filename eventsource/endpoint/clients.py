"""The webhook clients of a namespace: the data of the Secret ``argo-workflows-webhook-clients`` (bindings spec §2.3). Pure.

Each key is the name of a ServiceAccount, each value a YAML text with ``type`` and ``secret``, read as the reference reads it: keys in
any case, the first document only, and a value that YAML takes for a number or a boolean becomes the text of that (``0123`` is ``83``,
``yes`` is ``true``). A broken entry is a problem to be told about; the others work all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from events import goyaml
from events.errors import SpecError
from events.expressions.golang.numbers import shortest
from events.models.base import Finding, Json, describe
from eventsource.endpoint import signers
from eventsource.endpoint.signers import Signer

__all__ = ["SECRET_NAME", "Clients", "Entry", "read"]

SECRET_NAME = "argo-workflows-webhook-clients"
"""The name of the Secret, the same in every namespace."""

MAX_ENTRIES = 250
"""Each entry may cost an HMAC over the whole body, for each request."""
MAX_ENTRY = 4 << 10
MAX_VALUES = 1_000
"""Bytes of an entry, and values in it: it is a type, a secret and a few options."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A client: the name of its ServiceAccount, and how it proves itself."""

    name: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class Clients:
    """``entries`` in order of their names, those without a secret last; ``problems`` by the name of the entry."""

    entries: tuple[Entry, ...] = ()
    problems: Mapping[str, SpecError] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding]:
        """What is to be told about them; never with anything from a value."""
        for name, problem in self.problems.items():
            where = f"data[{name}]"
            yield Finding("error", f"{where}.{problem.path}" if problem.path else where, problem.message, problem.hint)
        for entry in self.entries:
            if entry.signer.is_open:
                yield Finding(
                    "warning",
                    f"data[{entry.name}].secret",
                    "is empty: anybody may post in the name of this ServiceAccount",
                    "set the secret of the webhook",
                )


FIELDS = frozenset(("type", "secret", "header", "algorithm", "encoding", "prefix"))
"""What any type reads; other fields are ignored, as in the reference."""


def read(data: Mapping[str, bytes]) -> Clients:
    """The clients in the data of the Secret (its values decoded from base64)."""
    entries: list[Entry] = []
    problems: dict[str, SpecError] = {}
    for name in sorted(data):
        try:
            if len(entries) == MAX_ENTRIES:
                raise SpecError(f"there are more than {MAX_ENTRIES} clients", reason="TooMany")
            entries.append(Entry(name, _signer(_fields(data[name]))))
        except SpecError as problem:
            problems[name] = problem
    # A client that anybody can be must not take what another one can prove.
    entries.sort(key=lambda entry: entry.signer.is_open)
    return Clients(tuple(entries), problems)


def _signer(fields: dict[str, str]) -> Signer:
    kind = fields.pop("type", "")
    if not kind:
        raise SpecError("the type is missing", path="type", hint=f"known: {', '.join(sorted(signers.registry))}")
    if len(kind) > 100:
        raise SpecError("is no type of webhook client", path="type", reason="UnknownKind")
    try:
        implementation = signers.registry[kind]
    except SpecError as error:
        raise SpecError(error.message, path="type", hint=error.hint, reason=error.reason) from None
    return implementation(fields.pop("secret", "").encode("utf-8", "surrogatepass"), fields)


def _fields(text: bytes) -> dict[str, str]:
    """The texts of an entry, names in small letters. Of several spellings the last in byte order counts, as in the reference."""
    value = _yaml(text)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SpecError("must be a mapping with 'type' and 'secret'", reason="WrongType")
    spelled = ((name, name.casefold()) for name in sorted(value) if value[name] is not None)
    return {field: _text(value[name], field) for name, field in spelled if field in FIELDS}


def _yaml(text: bytes) -> Json:
    if len(text) > MAX_ENTRY:
        raise SpecError(f"is longer than {MAX_ENTRY} bytes", reason="TooLarge")
    try:
        return goyaml.load(text, max_values=MAX_VALUES)
    except SpecError as error:
        # Without the words of the parser: they may quote the secret.
        raise SpecError("cannot be read as YAML", hint="put the secret in quotes", reason=error.reason) from None


def _text(value: Json, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise SpecError(f"must be a text, not {describe(value)}", path=name, reason="WrongType")
    return value
