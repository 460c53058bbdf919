"""sprig's semantic versions. Follows https://masterminds.github.io/sprig/semver.html with github.com/Masterminds/semver v3.5."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.numbers import parse_int
from events.expressions.golang.values import GoObject, Int, Uint64

__all__ = ["FUNCTIONS", "Version"]

_MAX_VERSION = 256
_MAX_CONSTRAINT = 512
_MAX_GROUPS = 32
_TAIL = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
_VERSION = re.compile(r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?" + _TAIL)
_PATTERN = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?" + _TAIL
_PLAIN = re.sub(r"\((?!\?)", "(?:", _PATTERN)  # the same without numbered groups
_SPACE = r"[\t\n\f\r ]"
_OPERATOR = r"(?:=||!=|>|<|>=|=>|<=|=<|~|~>|\^)"
_ONE = re.compile(rf"{_SPACE}*({_OPERATOR}){_SPACE}*({_PATTERN}){_SPACE}*")
_RANGE = re.compile(rf"{_SPACE}*({_PLAIN}){_SPACE}+-{_SPACE}+({_PLAIN}){_SPACE}*")


@dataclass(frozen=True, eq=False)
class Version(GoObject):
    """``*semver.Version``. ``original`` is the text that it was read from."""

    go_kind: ClassVar[str] = "ptr"
    go_type: ClassVar[str] = "*semver.Version"

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    metadata: str = ""
    original: str = ""

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        text += f"-{self.prerelease}" if self.prerelease else ""
        return text + f"+{self.metadata}" if self.metadata else text

    def compare(self, other: Version) -> int:
        """-1, 0 or 1; metadata does not count, a prerelease is before its release."""
        own, others = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if own != others:
            return -1 if own < others else 1
        if not self.prerelease or not other.prerelease:
            return bool(other.prerelease) - bool(self.prerelease)
        return compare_prereleases(self.prerelease, other.prerelease)


def compare_prereleases(a: str, b: str) -> int:
    """Part by part: numbers by value and before words, a missing part first."""
    parts, others = a.split("."), b.split(".")
    for i in range(max(len(parts), len(others))):
        one, two = parts[i] if i < len(parts) else "", others[i] if i < len(others) else ""
        if one != two:
            return _compare_parts(one, two)
    return 0


def _compare_parts(a: str, b: str) -> int:
    if not a or not b:
        return 1 if a else -1
    number_a, number_b = parse_int(a, signed=False), parse_int(b, signed=False)
    if number_a is not None and number_b is not None:
        return 1 if number_a > number_b else -1
    if number_a is None and number_b is None:
        return 1 if a > b else -1
    return -1 if number_a is not None else 1


@lru_cache(maxsize=1024)
def parse_version(text: str) -> Version:
    """A version, also an incomplete one (``v1.2``). Raises ``EvaluationError``."""
    if len(text) > _MAX_VERSION:
        raise EvaluationError(f"version string is too long (max {_MAX_VERSION} bytes)")
    match = _VERSION.fullmatch(text)
    if match is None:
        raise EvaluationError("invalid semantic version")
    major, minor, patch = (parse_int((part or "0").lstrip("."), signed=False) for part in match.group(1, 2, 3))
    if major is None or minor is None or patch is None:
        raise EvaluationError("error parsing version segment: value out of range")
    prerelease, metadata = match.group(5) or "", match.group(8) or ""
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in prerelease.split(".")):
        raise EvaluationError("version segment starts with 0")
    return Version(major, minor, patch, prerelease, metadata, text)


@dataclass(frozen=True)
class _Constraint:
    """One comparison. ``open_from`` tells from where on the version is left open: 0 major, 1 minor, 2 patch, 3 nowhere."""

    operator: str
    version: Version
    open_from: int

    def allows(self, version: Version) -> bool:
        return _CHECKS[self.operator](version, self)


def _not_equal(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if c.open_from == 3:
        return v.compare(wanted) != 0
    if v.major != wanted.major:
        return True
    if c.open_from == 1:
        return False
    if v.minor != wanted.minor:
        return True
    if c.open_from == 2:
        return compare_prereleases(v.prerelease, wanted.prerelease) != 0
    return v.patch != wanted.patch or v.compare(wanted) != 0


def _greater(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if c.open_from == 3:
        return v.compare(wanted) > 0
    if v.major != wanted.major:
        return v.major > wanted.major
    if c.open_from == 1:
        return False
    return v.minor > wanted.minor if c.open_from == 2 else v.compare(wanted) > 0


def _less(v: Version, c: _Constraint) -> bool:
    return v.compare(c.version) < 0


def _greater_or_equal(v: Version, c: _Constraint) -> bool:
    return v.compare(c.version) >= 0


def _less_or_equal(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if c.open_from == 3:
        return v.compare(wanted) <= 0
    return not (v.major > wanted.major or (v.major == wanted.major and v.minor > wanted.minor and c.open_from != 1))


def _tilde(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if v.compare(wanted) < 0:
        return False
    if (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0) and c.open_from in (0, 3):
        return True
    return v.major == wanted.major and (v.minor == wanted.minor or c.open_from == 1)


def _equal(v: Version, c: _Constraint) -> bool:
    return v.compare(c.version) == 0 if c.open_from == 3 else _tilde(v, c)


def _caret(v: Version, c: _Constraint) -> bool:
    wanted = c.version
    if v.compare(wanted) < 0:
        return False
    if wanted.major > 0 or c.open_from == 1:
        return v.major == wanted.major
    if v.major > 0:
        return False
    if wanted.minor > 0 or c.open_from == 2:
        return v.minor == wanted.minor
    return v.minor == 0 and v.patch == wanted.patch


_CHECKS: dict[str, Callable[[Version, _Constraint], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _greater_or_equal,
    "=>": _greater_or_equal,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}


@lru_cache(maxsize=1024)
def parse_constraint(text: str) -> tuple[tuple[_Constraint, ...], ...]:
    """Alternatives (``||``) of comparisons that must all hold. Raises ``EvaluationError``."""
    if len(text) > _MAX_CONSTRAINT:
        raise EvaluationError(f"constraint string is too long (max {_MAX_CONSTRAINT} bytes)")
    groups = _RANGE.sub(lambda m: f">= {m.group(1)}, <= {m.group(2)} ", text).split("||")
    if len(groups) > _MAX_GROUPS:
        raise EvaluationError(f"too many constraint groups (max {_MAX_GROUPS})")
    return tuple(_group(group) for group in groups)


def _group(text: str) -> tuple[_Constraint, ...]:
    """The comparisons of one alternative, separated by commas or spaces."""
    found: list[_Constraint] = []
    at = 0
    while True:
        match = _ONE.match(text, at)
        if match is None:
            raise EvaluationError(f'improper constraint: "{text}"')
        found.append(_one(match))
        at = match.end()
        if at == len(text):
            return tuple(found)
        if text[at] == ",":
            at += 1
        elif text[at - 1] not in "\t\n\f\r ":
            raise EvaluationError(f'improper constraint: "{text}"')


def _one(match: re.Match[str]) -> _Constraint:
    operator, text, major, minor, patch, prerelease = match.group(1, 2, 3, 4, 5, 6)
    prerelease = prerelease or ""
    open_from = 3
    if major in ("x", "X", "*"):
        text, open_from = f"0.0.0{prerelease}", 0
    elif minor in (None, ".x", ".X", ".*"):
        text, open_from = f"{major}.0.0{prerelease}", 1
    elif patch in (None, ".x", ".X", ".*"):
        text, open_from = f"{major}{minor}.0{prerelease}", 2
    try:
        return _Constraint(operator, parse_version(text), open_from)
    except EvaluationError:
        raise EvaluationError("constraint parser error") from None


def _semver_compare(constraint: str, version: str) -> bool:
    groups = parse_constraint(constraint)
    parsed = parse_version(version)
    return any(
        all(one.allows(parsed) for one in group)
        for group in groups
        if not parsed.prerelease or any(one.version.prerelease for one in group)
    )


def _method(name: str, implementation: Callable[..., object], *parameters: str) -> Function:
    return Function(name, implementation, parameters)


def _next(major: int, minor: int, patch: int, original: str) -> Version:
    version = Version(major, minor, patch)
    return Version(major, minor, patch, original=("v" if original.startswith("v") else "") + str(version))


Version.methods = by_name(
    [
        _method("Major", lambda v: Uint64(v.major)),
        _method("Minor", lambda v: Uint64(v.minor)),
        _method("Patch", lambda v: Uint64(v.patch)),
        _method("Prerelease", lambda v: v.prerelease),
        _method("Metadata", lambda v: v.metadata),
        _method("Original", lambda v: v.original),
        _method("String", str),
        _method("Compare", lambda v, o: Int(v.compare(o)), "*semver.Version"),
        _method("Equal", lambda v, o: v.compare(o) == 0, "*semver.Version"),
        _method("LessThan", lambda v, o: v.compare(o) < 0, "*semver.Version"),
        _method("LessThanEqual", lambda v, o: v.compare(o) <= 0, "*semver.Version"),
        _method("GreaterThan", lambda v, o: v.compare(o) > 0, "*semver.Version"),
        _method("GreaterThanEqual", lambda v, o: v.compare(o) >= 0, "*semver.Version"),
        _method("IncMajor", lambda v: _next(v.major + 1, 0, 0, v.original)),
        _method("IncMinor", lambda v: _next(v.major, v.minor + 1, 0, v.original)),
        _method("IncPatch", lambda v: _next(v.major, v.minor, v.patch + (not v.prerelease), v.original)),
    ]
)

FUNCTIONS = by_name(
    [
        Function("semver", parse_version, ("string",)),
        Function("semverCompare", _semver_compare, ("string", "string")),
    ]
)
