from __future__ import annotations

from typing import Any

from events.controller.names import Key
from events.controller.store import Store

KEY = Key("Sensor", "n", "a")


def _object(version: int, uid: str = "u", **more: Any) -> dict[str, Any]:
    metadata = {"namespace": "n", "name": "a", "uid": uid, "resourceVersion": str(version), "managedFields": [1]}
    return {"kind": "Sensor", "metadata": metadata, **more}


def _store() -> Store:
    return Store(lambda obj: obj.get("spec", {}).get("bus", "default"), lambda obj: obj.get("status"))


def test_it_says_whether_more_than_the_status_changed() -> None:
    store = _store()

    assert store.put(_object(1, spec={"x": 1})) == "changed"
    assert store.put(_object(2, spec={"x": 1}, status={"ready": True})) == "same"
    assert store.put(_object(2, spec={"x": 1})) == "stale"
    assert store.put(_object(1, spec={"x": 9})) == "stale"
    assert store.put(_object(3, spec={"x": 2})) == "changed"
    seen = store.get(KEY)
    assert seen is not None
    assert (seen.obj["spec"], "managedFields" in seen.obj["metadata"]) == ({"x": 2}, False)


def test_what_is_gone_does_not_come_back_with_a_late_answer_but_a_new_one_of_its_name_may() -> None:
    store = _store()
    store.put(_object(1))
    assert store.drop(_object(2))
    assert not store.drop(_object(2))

    assert store.put(_object(1)) == "stale"
    assert store.put(_object(5, uid="v")) == "changed"
    assert not store.drop(_object(2))


def test_objects_are_found_by_their_mark_as_it_is_now() -> None:
    store = _store()
    store.put(_object(1, spec={"bus": "one"}))
    store.put(_object(2, spec={"bus": "two"}))

    assert list(store.marked("n", "one")) == []
    assert list(store.marked("n", "two")) == [KEY]
    assert list(store.marked("elsewhere", "two")) == []


def test_a_whole_list_tells_what_is_gone() -> None:
    store = _store()
    store.put(_object(1))

    assert store.retain(frozenset({"u"}), lambda key: True) == []
    assert store.retain(frozenset(), lambda key: key.namespace == "elsewhere") == []
    assert [obj["metadata"]["uid"] for obj in store.retain(frozenset(), lambda key: True)] == ["u"]
    assert store.put(_object(1)) == "changed"
