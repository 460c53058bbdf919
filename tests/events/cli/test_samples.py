"""Our sample payloads have the shape of the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.shared import SHARED, needs_shared

SAMPLES = Path(__file__).parents[3] / "events/cli/samples"
REAL = SHARED / "payloads"

# Which real payloads are of the kind of a sample, and what these happen not to show or not to have.
KINDS: dict[str, list[str]] = {
    "github/push": ["push*"],
    "github/tag": ["push*"],
    "github/pull_request": ["pull_request.*"],
    "github/pull_request_review": ["pull_request_review.*"],
    "github/release": ["release.*"],
    "github/ping": ["ping.*"],
    "github/issue_comment": ["issue_comment.*"],
    "gitlab/push": ["push-event*"],
    "gitlab/tag": ["tag-event*"],
    "gitlab/merge-request": ["merge-request-event*"],
    "gitlab/note": ["comment-merge-request-event*"],
    "bitbucket/push": ["repo-push*"],
    "bitbucket/tag": ["repo-push*"],
    "bitbucket/pull-request": ["pull-request-created*"],
    "bitbucketserver/push": ["repo-refs-changed*"],
    "bitbucketserver/tag": ["repo-refs-changed*"],
    "bitbucketserver/pull-request": ["pr-opened*"],
}
ANYWHERE = {"github": ["organization"], "gitlab": ["event_type"]}
"""Keys that a forge adds to any event of an organization: they may come from any payload of it."""
PERSONAL = (".project.owner",)
"""The real projects of Bitbucket Server are personal; ours belongs to a team: without owner, with ``public``."""
TEAM = (".project.public",)

Shape = dict[str, set[str]]


def shape(value: Any) -> Shape:
    """Types by key path; the items of a list share a path."""
    found: Shape = {}
    for path, kind in _walk(value, ""):
        found.setdefault(path, set()).add(kind)
    return found


def _walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    yield (
        path,
        {bool: "boolean", int: "number", float: "number", type(None): "null"}.get(type(value), type(value).__name__),
    )
    items = value.items() if isinstance(value, dict) else [("[]", v) for v in value] if isinstance(value, list) else ()
    for key, item in items:
        yield from _walk(item, f"{path}.{key}")


def sample(name: str) -> Any:
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())


def real(name: str) -> list[Shape]:
    forge = name.partition("/")[0]
    files = sorted({f for pattern in KINDS[name] for f in (REAL / forge).glob(pattern)})
    assert files
    return [shape(orjson.loads(f.read_bytes())) for f in files]


def common(forge: str) -> Shape:
    """The shapes of what may come from any payload of a forge."""
    found: Shape = {}
    for file in (REAL / forge).glob("*.json"):
        payload = orjson.loads(file.read_bytes())
        for path, kinds in shape({k: payload[k] for k in ANYWHERE.get(forge, ()) if k in payload}).items():
            found.setdefault(path, set()).update(kinds)
    return found


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", KINDS)
def test_a_sample_has_nothing_that_a_real_payload_has_not(name: str) -> None:
    known = common(name.partition("/")[0])
    for one in real(name):
        for path, kinds in one.items():
            known.setdefault(path, set()).update(kinds)
    for path, kinds in shape(sample(name)).items():
        if path.endswith(TEAM):
            continue
        assert path in known, path
        assert kinds <= known[path] | {"null"} or known[path] == {"null"}, path


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", KINDS)
def test_a_sample_has_what_all_real_payloads_have(name: str) -> None:
    ours = shape(sample(name))
    empty = {path for path, kinds in ours.items() if kinds <= {"null", "list", "dict"} and not _has_below(path, ours)}
    expected = set.intersection(*(set(one) for one in real(name)))
    expected = {
        p for p in expected if not any(p.startswith(f"{e}.") for e in empty) and not any(t in p for t in PERSONAL)
    }
    missing = expected - set(ours)
    assert len(missing) <= 0.1 * len(expected), sorted(missing)


def _has_below(path: str, paths: Shape) -> bool:
    return any(other.startswith(f"{path}.") for other in paths)


def test_every_sample_is_compared() -> None:
    assert {str(f.relative_to(SAMPLES).with_suffix("")) for f in SAMPLES.rglob("*.json")} == set(KINDS)


def test_samples_are_of_realistic_size() -> None:
    assert 7_000 <= len(orjson.dumps(sample("github/push"))) <= 9_000
    assert len(orjson.dumps(sample("github/pull_request"))) > 20_000
