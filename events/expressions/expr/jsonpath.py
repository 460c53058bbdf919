"""``jsonpath(text, path)``: one value of a JSON document, or a list where the path may have several."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jsonpath_ng import Child, Descendants, Fields, Index, Root, Slice, Union
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext import parse

from events.expressions.expr.values import fail

__all__ = ["query"]

_MAX_PATH = 1024
_MAX_RESULTS = 10_000


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    if len(path) > _MAX_PATH:
        fail("the JSON path is too long")
    try:
        return parse(path)
    except (JSONPathError, ValueError, RecursionError, IndexError, AttributeError, TypeError):
        fail(f"invalid JSON path '{path[:80]}'")
    except Exception as error:
        fail(f"invalid JSON path '{path[:80]}': {error!s:.80}")


def _definite(path: Any) -> bool:
    """Whether a path can only have one value."""
    if isinstance(path, Child):
        return _definite(path.left) and _definite(path.right)
    if isinstance(path, Fields):
        return len(path.fields) == 1 and path.fields[0] != "*"
    if isinstance(path, Index):
        return len(getattr(path, "indices", (0,))) == 1
    return not isinstance(path, (Slice, Descendants, Union)) and isinstance(path, Root)


def query(document: Any, path: str) -> Any:
    """What ``path`` finds in ``document``. A path to one value that is not there is an ``EvaluationError``."""
    compiled = _compiled(path.strip())
    try:
        found = [match.value for match in compiled.find(document)][:_MAX_RESULTS]
    except (JSONPathError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        fail(f"the JSON path '{path[:80]}' does not fit the document")
    if not _definite(compiled):
        return found
    if not found:
        fail(f"key: '{path[:80]}' not found")
    return found[0]
