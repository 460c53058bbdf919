"""sprig's dict functions. ``set``, ``unset`` and the merges change their first argument in place.

Go gives keys and values in random order; here they come sorted by key, so that a retried event renders the same.
Follows https://masterminds.github.io/sprig/dicts.html and its sources, v3.3, with https://pkg.go.dev/dario.cat/mergo.
"""

from __future__ import annotations

from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.limits import MAX_DEPTH, check_items
from events.expressions.golang.printing import text_of
from events.expressions.golang.values import NilMap, StringMap, Strings, deep_copy, is_empty, is_nil, type_of

__all__ = ["FUNCTIONS"]

Dict = dict[str, Any]


def _dict(*pairs: Any) -> Dict:
    values = (*pairs[1::2], "")
    return {text_of(key): value for key, value in zip(pairs[::2], values, strict=False)}


def _get(source: Dict | None, key: str) -> Any:
    return source.get(key, "") if source else ""


def _set(target: Dict | None, key: str, value: Any) -> Dict:
    if is_nil(target) or target is None:
        raise EvaluationError("assignment to entry in nil map")
    target[key] = value
    return target


def _unset(target: Dict | None, key: str) -> Dict:
    if target is None:
        return NilMap()
    target.pop(key, None)
    return target


def _has_key(source: Dict | None, key: str) -> bool:
    return bool(source) and key in (source or {})


def _pluck(key: str, *sources: Dict | None) -> list[Any]:
    return [source[key] for source in sources if source and key in source]


def _keys(*sources: Dict | None) -> Strings:
    return Strings(key for source in sources for key in sorted(source or {}))


def _values(source: Dict | None) -> list[Any]:
    return [source[key] for key in sorted(source)] if source else []


def _pick(source: Dict | None, *keys: str) -> Dict:
    return {key: source[key] for key in keys if source and key in source}


def _omit(source: Dict | None, *keys: str) -> Dict:
    omitted = set(keys)
    return {key: value for key, value in (source or {}).items() if key not in omitted}


def _dig(*arguments: Any) -> Any:
    if len(arguments) < 3:
        raise EvaluationError("dig needs at least three arguments")
    *path, default, source = arguments
    for key in path:
        if type(key) is not str:
            raise EvaluationError(f"dig: a key is a string, not {type_of(key)}")
    for key in path:
        if not isinstance(source, dict) or isinstance(source, StringMap):
            raise EvaluationError(f"dig: cannot look up '{key}' in {type_of(source)}")
        if key not in source:
            return default
        source = source[key]
    return source


def _merge(target: Dict | None, *sources: Dict | None) -> Dict:
    return _merged(target, sources, overwrite=False)


def _merge_overwrite(target: Dict | None, *sources: Dict | None) -> Dict:
    return _merged(target, sources, overwrite=True)


def _merged(target: Dict | None, sources: tuple[Dict | None, ...], *, overwrite: bool) -> Dict:
    if target is None and not any(source is not None for source in sources):
        return NilMap()
    result = {} if target is None else target
    for source in sources:
        _merge_into(result, source or {}, overwrite, 0)
    return result


def _merge_into(target: Dict, source: Dict, overwrite: bool, depth: int) -> None:
    """Fill what is missing or empty in ``target``; with ``overwrite`` what ``source`` has wins. Maps merge, lists don't."""
    if depth > MAX_DEPTH:
        raise EvaluationError("the maps are too deep to merge", reason="LimitReached")
    for key in sorted(source):
        value, known = source[key], target.get(key)
        if value is None:
            if overwrite:
                target[key] = None
        elif isinstance(value, dict) and isinstance(known, dict) and (value or known):
            if known is not value:
                _merge_into(known, value, overwrite, depth + 1)
        elif overwrite or is_empty(known):
            target[key] = value
    check_items(len(target))


def _deep_copy(value: Any) -> Any:
    if value is None:
        raise EvaluationError("cannot copy a nil")
    return deep_copy(value)


FUNCTIONS = by_name(
    [
        Function("dict", _dict, ("any...",)),
        Function("get", _get, ("map", "string")),
        Function("set", _set, ("map", "string", "any"), mutates=True),
        Function("unset", _unset, ("map", "string"), mutates=True),
        Function("hasKey", _has_key, ("map", "string")),
        Function("pluck", _pluck, ("string", "map...")),
        Function("keys", _keys, ("map...",)),
        Function("values", _values, ("map",)),
        Function("pick", _pick, ("map", "string...")),
        Function("omit", _omit, ("map", "string...")),
        Function("dig", _dig, ("any...",)),
        Function("merge", _merge, ("map", "map..."), mutates=True, heavy=True),
        Function("mustMerge", _merge, ("map", "map..."), mutates=True, heavy=True),
        Function("mergeOverwrite", _merge_overwrite, ("map", "map..."), mutates=True, heavy=True),
        Function("mustMergeOverwrite", _merge_overwrite, ("map", "map..."), mutates=True, heavy=True),
        Function("deepCopy", _deep_copy, ("any",), heavy=True),
        Function("mustDeepCopy", _deep_copy, ("any",), heavy=True),
    ]
)
