"""Cases ``op: gjson``: what a path finds in a text, in all conversions. Each is run on a parsed document and as a scan."""

from __future__ import annotations

import json
import math
from typing import Any

from events.expressions import gjson
from events.expressions.document import Document

NAME = "gjson"
RECORDED = ("want",)

_ABSENT = object()


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "gjson"


def want(case: dict[str, Any]) -> dict[str, Any]:
    return dict(case["want"])


def run(case: dict[str, Any]) -> dict[str, Any]:
    text = case["json"]
    found = _answer(Document(text.encode()).get(case["path"]))
    scanned = _answer(gjson.get(text, case["path"]))
    return found if repr(found) == repr(scanned) else {"document": found, "scan": scanned}


def _answer(result: gjson.Result) -> dict[str, Any]:
    return {
        "exists": result.exists,
        "type": result.type,
        "raw": result.raw,
        "str": result.string(),
        "num": result.number(),
        "bool": result.boolean(),
        "value": result.value(),
    }


def same(case: dict[str, Any], want: dict[str, Any], got: dict[str, Any]) -> bool:
    if got.keys() != {*want, "value"}:
        return False
    plain = all(got[key] == want[key] for key in ("exists", "type", "raw", "str", "bool"))
    number = float(want["num"])
    same_number = got["num"] == number or (math.isnan(number) and math.isnan(got["num"]))
    return plain and same_number and ("value" not in want or _doubles(want["value"]) == got["value"])


def _doubles(value: Any) -> Any:
    """The value with its numbers as doubles."""
    return json.loads(json.dumps(value), parse_int=float)
