"""Which event takes a request: paths and methods by port. Pure.

Paths are exact, or templates of gorilla/mux, which the reference uses: ``/repo/{name}`` takes one segment, ``/num/{id:[0-9]+}``
what the pattern takes (RE2, the whole part). https://pkg.go.dev/github.com/gorilla/mux#Router.HandleFunc
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from events.errors import ExpressionError, SpecError
from events.expressions import regex

__all__ = ["Endpoint", "Options", "Table", "build"]

T = TypeVar("T")
U = TypeVar("U")
Options = dict[str | None, T]
"""What serves a path, by method; the key None is for any method. Without a key, no method is served."""


class Endpoint(NamedTuple):
    """A wish: serve this path on this port. ``tls`` identifies the certificate, None is plain HTTP; ``owner`` is for messages."""

    port: int
    path: str
    methods: frozenset[str] | None
    tls: Any
    owner: str


@dataclass
class Table(Generic[T]):
    """The routes of one port."""

    tls: Any = None
    exact: dict[str, Options[T]] = field(default_factory=dict)
    templates: list[tuple[str, regex.Pattern, Options[T]]] = field(default_factory=list)

    def lookup(self, path: str) -> Options[T] | None:
        """What serves a path (decoded); None when nothing does."""
        found = self.exact.get(path)
        if found is None and self.templates and _is_clean(path):
            for _, pattern, options in self.templates:
                if pattern.found_in(path):
                    return options
        return found

    def map(self, change: Callable[[T], U]) -> Table[U]:
        """The same routes to other things."""

        def mapped(options: Options[T]) -> Options[U]:
            return {method: change(item) for method, item in options.items()}

        return Table(
            self.tls,
            {path: mapped(options) for path, options in self.exact.items()},
            [(text, pattern, mapped(options)) for text, pattern, options in self.templates],
        )


def build(wishes: Iterable[tuple[Endpoint, T]]) -> tuple[dict[int, Table[T]], list[SpecError]]:
    """The table of each port, and what cannot be served. The first one wins; each error names both."""
    tables: dict[int, Table[T]] = {}
    owners: dict[tuple[int, str, str | None], str] = {}
    speakers: dict[int, str] = {}
    errors: list[SpecError] = []
    for endpoint, item in wishes:
        table = tables.setdefault(endpoint.port, Table(endpoint.tls))
        first = speakers.setdefault(endpoint.port, endpoint.owner)
        if table.tls != endpoint.tls:
            errors.append(
                SpecError(
                    f"{first} and {endpoint.owner} share port {endpoint.port}, but not the same TLS certificate",
                    path=endpoint.owner,
                    hint="use another port",
                    reason="RouteClash",
                )
            )
            continue
        try:
            options = _options(table, endpoint)
        except SpecError as error:
            errors.append(error)
            continue
        for method in endpoint.methods if endpoint.methods is not None else (None,):
            taken = [m for m in options if m is None or method is None or m == method]
            if taken:
                other = owners[endpoint.port, endpoint.path, taken[0]]
                errors.append(
                    SpecError(
                        f"{other} and {endpoint.owner} both want {endpoint.path} on port {endpoint.port}",
                        path=endpoint.owner,
                        hint="use another endpoint or port",
                        reason="RouteClash",
                    )
                )
                continue
            options[method] = item
            owners[endpoint.port, endpoint.path, method] = endpoint.owner
    return tables, errors


def _options(table: Table[T], endpoint: Endpoint) -> Options[T]:
    """The options of a path in a table, made when missing."""
    if "{" not in endpoint.path and "}" not in endpoint.path:
        return table.exact.setdefault(endpoint.path, {})
    for text, _, options in table.templates:
        if text == endpoint.path:
            return options
    options = {}
    table.templates.append((endpoint.path, _pattern(endpoint), options))
    return options


def _pattern(endpoint: Endpoint) -> regex.Pattern:
    """The regular expression of a template; it takes the whole path."""
    parts: list[str] = []
    rest = endpoint.path
    try:
        while "{" in rest:
            before, _, rest = rest.partition("{")
            variable, rest = _braced(rest)
            name, colon, pattern = variable.partition(":")
            if "}" in before or not name or (colon and not pattern):
                raise ValueError("write {name} or {name:pattern}")
            parts += [regex.escape(before), "(?:", pattern or "[^/]+", ")"]
        if "}" in rest:
            raise ValueError("a brace is closed that was not opened")
        return regex.pattern("".join([r"\A", *parts, regex.escape(rest), r"\z"]))
    except (ValueError, ExpressionError) as error:
        raise SpecError(f"the endpoint '{endpoint.path}' is no path template: {error}", path=endpoint.owner) from None


def _braced(text: str) -> tuple[str, str]:
    """What stands before the brace that closes this one, and what comes after it; braces within are paired."""
    depth = 1
    for position, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if not depth:
            return text[:position], text[position + 1 :]
    raise ValueError("a brace is not closed")


def _is_clean(path: str) -> bool:
    """Whether the path names itself: the reference redirects ``//x`` and ``/a/../x``; to us they are other paths."""
    return "//" not in path and not any(segment in (".", "..") for segment in path.split("/"))
