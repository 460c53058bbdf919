"""``jsonpath(text, path)``: one value of a JSON document, or a list where the path may have several."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from jsonpath_ng import Child, Fields, Index, Root
from jsonpath_ng.ext.parser import parse

from events.errors import EvaluationError
from events.expressions.golang.values import Int

__all__ = ["query"]

_MAX_PATH = 1024
_MAX_RESULTS = 10_000


_FROM_END = re.compile(r"\[\(@\.length\s*-\s*([0-9]{1,9})\)\]")


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    if len(path) > _MAX_PATH or "=~" in path:  # the library would run the pattern in Python's own engine
        raise EvaluationError(f"the JSON path '{path[:80]}' is too long or has a pattern")
    if path[:1] not in ("$", "@"):
        raise EvaluationError(f"invalid JSON path '{path[:80]}': it does not begin at the root")
    try:
        return parse("$" + _FROM_END.sub(r"[-\1]", path[1:]))
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


def _in_key_order(value: Any) -> Any:
    """The document with the keys of its maps sorted: in that order ``*`` and ``..`` find values."""
    if isinstance(value, dict):
        return {key: _in_key_order(value[key]) for key in sorted(value)}
    return [_in_key_order(item) for item in value] if isinstance(value, list) else value


def _found(path: Any, document: Any) -> list[Any]:
    """What a path finds; where its beginning can have one value only, that must be there."""
    if isinstance(path, Child) and not _definite(path) and _definite(path.left) and not path.left.find(document):
        raise EvaluationError(f"key: '{path.left}' not found")
    found = [match.value for match in path.find(document)]
    if not found and isinstance(path, Child) and path.right == Fields("length"):
        return [Int(len(owner)) for owner in _found(path.left, document) if isinstance(owner, (list, dict, str))]
    return found


def query(document: Any, path: str) -> Any:
    """What ``path`` finds in ``document``. A path to one value that is not there is an ``EvaluationError``."""
    compiled = _compiled(path.strip())
    try:
        found = _found(compiled, document if _definite(compiled) else _in_key_order(document))[:_MAX_RESULTS]
    except EvaluationError:
        raise
    except Exception as error:  # a path that does not fit the document ends in any kind of exception
        raise EvaluationError(f"the JSON path '{path[:80]}' does not fit: {error!s:.80}") from None
    if not _definite(compiled):
        return found
    if not found:
        raise EvaluationError(f"key: '{path[:80]}' not found")
    return found[0]
