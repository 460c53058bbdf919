"""``jsonpath(text, path)``: one value of a JSON document, or a list where the path may have several."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jsonpath_ng import Child, Fields, Index, Root
from jsonpath_ng.ext.parser import parse

from events.errors import EvaluationError

__all__ = ["query"]

_MAX_PATH = 1024
_MAX_RESULTS = 10_000


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    if len(path) > _MAX_PATH or "=~" in path:  # the library would run the pattern in Python's own engine
        raise EvaluationError(f"the JSON path '{path[:80]}' is too long or has a pattern")
    try:
        return parse(path)
    except Exception as error:  # the library's parser raises what it likes
        raise EvaluationError(f"invalid JSON path '{path[:80]}': {error!s:.80}") from None


def _definite(path: Any) -> bool:
    """Whether a path can only have one value."""
    if isinstance(path, Child):
        return _definite(path.left) and _definite(path.right)
    if isinstance(path, Fields):
        return len(path.fields) == 1 and path.fields[0] != "*"
    if isinstance(path, Index):
        return len(getattr(path, "indices", (0,))) == 1
    return isinstance(path, Root)


def query(document: Any, path: str) -> Any:
    """What ``path`` finds in ``document``. A path to one value that is not there is an ``EvaluationError``."""
    compiled = _compiled(path.strip())
    try:
        found = [match.value for match in compiled.find(document)][:_MAX_RESULTS]
    except Exception as error:  # a path that does not fit the document ends in any kind of exception
        raise EvaluationError(f"the JSON path '{path[:80]}' does not fit: {error!s:.80}") from None
    if not _definite(compiled):
        return found
    if not found:
        raise EvaluationError(f"key: '{path[:80]}' not found")
    return found[0]
