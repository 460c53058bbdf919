"""The modifiers of gjson paths, ``@name:argument``: from the text of a value to another text.

Each takes a window of a text and gives one, the same where it changes nothing. Spec: argo-events.md §1.9.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from events.expressions.gjson_pretty import pretty
from events.expressions.gjson_scan import Budget, Slice, members, parse
from events.expressions.gjson_text import quote, to_bool
from events.expressions.json_text import is_valid

__all__ = ["modify"]

Window = tuple[str, int, int]

_SPACE = "".join(map(chr, range(0x21)))
_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_NOT_SPACE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[^\x00-\x20"]++', re.DOTALL)


def modify(name: str, argument: str, text: str, start: int, end: int, budget: Budget) -> Window:
    """The window that the modifier ``name`` (one of ``MODIFIERS``, not ``dig``) makes of ``text[start:end]``."""
    budget.spend(end - start)
    out = _MODIFIERS[name](text, start, end, argument, budget)
    if isinstance(out, str):
        budget.spend(len(out))
        return out, 0, len(out)
    return out


def _option(argument: str, name: str, budget: Budget) -> Slice | None:
    """An option of the argument, a JSON object; of several the last."""
    option = None
    if argument:
        for key, value in members(parse(argument, 0, len(argument)), budget):
            if key is not None and key.string() == name:
                option = value
    return option


def _flag(argument: str, name: str, budget: Budget) -> bool:
    option = _option(argument, name, budget)
    if option is None:
        return False
    return to_bool(option.string()) is True if option.type == "String" else option.number != 0


def _pretty(text: str, start: int, end: int, argument: str, budget: Budget) -> str:
    given = {name: _option(argument, name, budget) for name in ("sortKeys", "indent", "prefix", "width")}
    indent, prefix, width = given["indent"], given["prefix"], given["width"]
    return pretty(
        text[start:end],
        budget,
        indent="  " if indent is None else _only_spaces(indent.string()),
        prefix="" if prefix is None else _only_spaces(prefix.string()),
        width=80 if width is None else _integer(width),
        sort_keys=_flag(argument, "sortKeys", budget),
    )


def _only_spaces(text: str) -> str:
    return "".join(char for char in text if char in " \t\n\r")


def _integer(value: Slice) -> int:
    """Go's conversion to an integer."""
    if value.type == "String":
        text = value.string()
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else 0
    number = value.number
    return int(number) if abs(number) < 1e18 else 0


def _ugly(text: str, start: int, end: int, argument: str, budget: Budget) -> str:
    return "".join(_NOT_SPACE.findall(text[start:end]))


def _this(text: str, start: int, end: int, argument: str, budget: Budget) -> Window:
    return text, start, end


def _reverse(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    value = parse(text, start, end)
    if value.type != "JSON":
        return text, start, end
    parts = [inner.raw if key is None else f"{key.raw}:{inner.raw}" for key, inner in members(value, budget)]
    joined = ",".join(reversed(parts))
    return f"[{joined}]" if value.is_a("[") else f"{{{joined}}}"


def _flatten(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    value = parse(text, start, end)
    if not value.is_a("["):
        return text, start, end
    deep = _flag(argument, "deep", budget)
    parts = []
    waiting = [members(value, budget)]
    while waiting:
        for _, inner in waiting[-1]:
            if inner.is_a("["):
                if deep:
                    waiting.append(members(inner, budget))
                    break
                raw = _unwrap(inner.raw).strip(_GO_SPACE)
            else:
                raw = inner.raw.strip(_GO_SPACE)
            if raw:
                parts.append(raw)
        else:
            waiting.pop()
    return f"[{','.join(parts)}]"


def _unwrap(raw: str) -> str:
    """The inside of a container."""
    raw = raw.strip(_SPACE)
    return raw[1:-1] if len(raw) >= 2 and raw[0] in "[{" else raw


def _join(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    value = parse(text, start, end)
    if not value.is_a("["):
        return text, start, end
    objects = [inner for _, inner in members(value, budget) if inner.is_a("{")]
    if _flag(argument, "preserve", budget):
        return f"{{{','.join(_unwrap(inner.raw) for inner in objects)}}}"
    names: dict[str, str] = {}
    values: dict[str, str] = {}
    for inner in objects:
        for key, member in members(inner, budget):
            if key is not None:
                name = key.string()
                names.setdefault(name, key.raw)
                values[name] = member.raw
    return f"{{{','.join(f'{raw}:{values[name]}' for name, raw in names.items())}}}"


def _valid(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    return (text, start, end) if is_valid(text[start:end]) else ""


def _keys(text: str, start: int, end: int, argument: str, budget: Budget) -> str:
    return f"[{','.join('null' if key is None else key.raw for key, _ in members(parse(text, start, end), budget))}]"


def _values(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    value = parse(text, start, end)
    if value.is_a("["):
        return text, start, end
    return f"[{','.join(inner.raw for _, inner in members(value, budget))}]"


def _to_string(text: str, start: int, end: int, argument: str, budget: Budget) -> str:
    return quote(text[start:end])


def _from_string(text: str, start: int, end: int, argument: str, budget: Budget) -> str | Window:
    if not is_valid(text[start:end]):
        return ""
    value = parse(text, start, end)
    if value.type in ("JSON", "Number") and value.string() == value.raw:
        return text, value.start, value.end
    if value.type == "String" and "\\" not in value.raw:
        return text, value.start + 1, value.end - 1
    return value.string()


def _group(text: str, start: int, end: int, argument: str, budget: Budget) -> str:
    value = parse(text, start, end)
    if not value.is_a("{"):
        return ""
    rows: list[list[str]] = []
    for key, inner in members(value, budget):
        if key is None or not inner.is_a("["):
            continue
        for number, (_, element) in enumerate(members(inner, budget)):
            if number == len(rows):
                rows.append([])
            rows[number].append(f"{key.raw}:{element.raw}")
            budget.spend(len(rows[number][-1]))
    return "[" + ",".join(f"{{{','.join(row)}}}" for row in rows) + "]"


_MODIFIERS: dict[str, Callable[[str, int, int, str, Budget], str | Window]] = {
    "pretty": _pretty,
    "ugly": _ugly,
    "this": _this,
    "reverse": _reverse,
    "flatten": _flatten,
    "join": _join,
    "valid": _valid,
    "keys": _keys,
    "values": _values,
    "tostr": _to_string,
    "fromstr": _from_string,
    "group": _group,
}
