from __future__ import annotations

from typing import Any

import pytest

from events.controller.diff import contains, fingerprint, merge_patch, recreate, stamped, wish

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("observed", "desired", "so"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 2}, {"a": 1}, False),
        ({"a": {"x": 1, "default": True}}, {"a": {"x": 1}}, True),
        ([{"name": "a", "protocol": "TCP"}], [{"name": "a"}], True),
        ([{"name": "a"}, {"name": "b"}], [{"name": "a"}], False),  # somebody added to a list of ours
        ([], [{"name": "a"}], False),
        (None, [], True),
        (None, {}, True),
        (None, "", True),
        (None, False, True),
        (None, 0, True),
        (None, 1, False),
        (True, 1, False),
        ("1Gi", "1024Mi", True),
        ("500m", "0.5", True),
        ("500m", 0.5, True),
        ("1", 1, True),
        ("1Gi", "1G", False),
        ("img:1", "img:2", False),
        ("", None, False),
    ],
)
def test_contains(observed: Any, desired: Any, so: bool) -> None:
    assert contains(observed, desired) is so


def test_another_wish_has_another_stamp_and_the_same_one_the_same() -> None:
    one: Json = {"kind": "Service", "metadata": {"name": "a", "annotations": {"x": "y"}}, "spec": {"a": 1, "b": 2}}
    same: Json = {"spec": {"b": 2, "a": 1}, "metadata": {"annotations": {"x": "y"}, "name": "a"}, "kind": "Service"}
    other: Json = {**one, "spec": {"a": 1, "b": 3}}

    assert wish(stamped(one)) == wish(stamped(same)) != wish(stamped(other))
    assert stamped(one)["metadata"]["annotations"]["x"] == "y"
    assert wish(one) == ""


def test_the_fingerprint_is_of_everything_but_the_status_and_what_the_server_counts() -> None:
    one: Json = {
        "metadata": {"name": "a", "resourceVersion": "1", "generation": 1, "labels": {"a": "b"}},
        "spec": {"x": 1},
    }
    later: Json = {**one, "metadata": {**one["metadata"], "resourceVersion": "2"}, "status": {"ready": 1}}
    edited: Json = {**one, "metadata": {**one["metadata"], "labels": {}}}

    assert fingerprint(one) == fingerprint(later) != fingerprint(edited)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"y": None}}),
        (None, {"a": [1]}, {"a": [1]}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    ],
)
def test_merge_patch(before: Any, after: Json, patch: Json) -> None:
    assert merge_patch(before, after) == patch


def test_only_another_address_makes_a_service_anew() -> None:
    observed = {"kind": "Service", "spec": {"clusterIP": "10.0.0.1"}}

    assert recreate(observed, {"kind": "Service", "spec": {"clusterIP": "10.0.0.2"}})
    assert not recreate(observed, {"kind": "Service", "spec": {"clusterIP": "10.0.0.1"}})
    assert not recreate(observed, {"kind": "Service", "spec": {}})
    assert recreate({"kind": "Service", "spec": {"clusterIP": "None"}}, {"kind": "Service", "spec": {}})
    assert not recreate(observed, {"kind": "Deployment", "spec": {}})
