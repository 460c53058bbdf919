"""A delivery: one HTTP request as a frozen value. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MASKED", "Delivery", "Headers", "canonical", "masked"]

MASKED = "*** Masked Auth Secret ***"
"""What stands in the data for any Authorization header, as in the reference."""

Headers = tuple[tuple[str, str], ...]
"""Canonical names with values, in order of arrival."""


def canonical(name: str) -> str:
    """Go's canonical header name: ``x-github-event`` → ``X-Github-Event``."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def masked(headers: list[tuple[str, str]]) -> Headers:
    """The headers (canonical names) without credentials."""
    if any(name == "Authorization" for name, _ in headers):
        headers = [field for field in headers if field[0] != "Authorization"]
        headers.append(("Authorization", MASKED))
    return tuple(headers)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came in. ``headers`` has canonical names in order of arrival; ``query`` is the raw text after ``?``;
    ``received`` is nanoseconds since 1970.
    """

    method: str
    path: str
    headers: Headers
    body: bytes = b""
    query: str = ""
    received: int = 0
    _first: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value in self.headers:
            self._first.setdefault(name, value)

    def header(self, name: str) -> str:
        """The first value of the header with this canonical name; empty when absent."""
        return self._first.get(name, "")
