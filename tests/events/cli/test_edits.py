"""What the log says of an edit."""

from __future__ import annotations

from events.cli.edits import changes, new_urls
from events.cli.plan import Plan


def _sensor(name: str, **spec: object) -> tuple[str, dict[str, object]]:
    return "ci", {"metadata": {"name": name}, "spec": spec}


def test_an_edit_names_what_came_what_is_different_and_what_is_gone() -> None:
    old = Plan(sensors=[_sensor("one"), _sensor("two"), _sensor("three")], vault={("secret", "ci", "hook", "k"): b"a"})
    new = Plan(
        sensors=[_sensor("two", x=1), _sensor("three"), _sensor("four")], vault={("secret", "ci", "hook", "k"): b"b"}
    )
    assert changes(old, new) == {
        "added": ["Sensor ci/four"],
        "changed": ["Secret ci/hook", "Sensor ci/two"],
        "removed": ["Sensor ci/one"],
    }
    assert changes(old, old) == {}


def test_only_new_addresses_are_told() -> None:
    old = Plan(lines=[("a", "github x", "http://h:1/x")])
    new = Plan(lines=[*old.lines, ("a", "github y", "http://h:1/y"), ("s", "log t", "on dep")])
    assert new_urls(old, new) == ["http://h:1/y"]
