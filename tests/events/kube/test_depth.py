from __future__ import annotations

import json
import time

from events.kube.depth import MAX_DEPTH, without_deep_items


def _deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def test_a_list_loses_only_the_items_that_nest_too_deeply() -> None:
    odd = json.dumps({"name": '}]{["\\" {'})
    items = f"[{odd},{_deep(5000)},{odd},{_deep(MAX_DEPTH - 2)}]"
    text = f'{{"kind":"List","a":{{"b":1}},"items":{items},"metadata":{{"continue":"x"}},"z":1}}'

    found = json.loads(without_deep_items(text.encode()))

    assert (found["metadata"], found["z"]) == ({"continue": "x"}, 1)
    assert found["items"][:3] == [json.loads(odd), None, json.loads(odd)]
    assert found["items"][3]["a"]


def test_of_what_is_no_list_nothing_is_left() -> None:
    assert without_deep_items(_deep(3000).encode()) == b""


def test_hostile_text_takes_no_longer_than_its_length() -> None:
    for hostile in ('"' + "\\" * 999_999, '"a' * 500_000, "[{" * 500_000):
        begin = time.monotonic()
        without_deep_items(hostile.encode())
        assert time.monotonic() - begin < 5
