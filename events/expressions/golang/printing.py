"""Go's ``fmt`` without verbs: how a value is printed by ``{{ . }}``, ``print``, ``println`` and ``%v``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from events.expressions.golang.limits import check_printed, check_text
from events.expressions.golang.numbers import shortest
from events.expressions.golang.values import SizedInt

__all__ = ["format_value", "join_texts", "sprint", "sprintln", "text_of"]


def format_value(value: Any) -> str:
    """``%v``: numbers in their shortest form, lists as ``[a b]``, maps as ``map[key:value]`` in key order, nil as ``<nil>``."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float or kind is int:
        return shortest(float(value))
    if isinstance(value, (list, dict)):
        return _nested(value)
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "<nil>"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)) and not isinstance(value, SizedInt):
        return shortest(float(value))
    return str(value)


def _nested(value: Any) -> str:
    """Lists and maps, without recursion: a document may be nested deeper than Python's stack."""
    parts: list[str] = []
    size = 0
    open_values: list[Iterator[tuple[str, Any]]] = [iter((("", value),))]
    while open_values:
        step = next(open_values[-1], None)
        if step is None:
            open_values.pop()
            parts.append("]")
            continue
        prefix, item = step
        if isinstance(item, dict):
            text = prefix + "map["
            open_values.append(_map_items(item))
        elif isinstance(item, list):
            text = prefix + "["
            open_values.append(_list_items(item))
        else:
            text = prefix + (item if type(item) is str else _scalar(item))
        parts.append(text)
        size += len(text) + 1
        check_text(size)
        check_printed(len(parts), len(open_values))
    parts.pop()  # the end of the iterator that held the value itself
    return "".join(parts)


def _list_items(items: list[Any]) -> Iterator[tuple[str, Any]]:
    separator = ""
    for item in items:
        yield separator, item
        separator = " "


def _map_items(items: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    separator = ""
    for key in sorted(items):
        yield f"{separator}{key}:", items[key]
        separator = " "


def text_of(value: Any) -> str:
    """The text of a value where Go says ``fmt.Sprint(value)``; a string is itself."""
    return value if type(value) is str else format_value(value)


def sprint(values: tuple[Any, ...]) -> str:
    """``fmt.Sprint``: a space only between two neighbours that are both no strings."""
    parts: list[str] = []
    size = 0
    after_text = True
    for value in values:
        is_text = type(value) is str
        if not is_text and not after_text:
            parts.append(" ")
        parts.append(format_value(value))
        size += len(parts[-1]) + 1
        check_text(size)
        after_text = is_text
    return "".join(parts)


def sprintln(values: tuple[Any, ...]) -> str:
    """``fmt.Sprintln``: a space between all, a line end behind."""
    return join_texts(" ", values) + "\n"


def join_texts(separator: str, values: tuple[Any, ...] | list[Any]) -> str:
    """The printed values with a separator between them, bounded in size."""
    parts: list[str] = []
    size = 0
    for value in values:
        parts.append(format_value(value))
        size += len(parts[-1]) + len(separator)
        check_text(size)
    return separator.join(parts)
