r"""Reading a gjson path: what its first component says where an object, where a list, and where a whole value is looked at.

The three readings differ: ``#`` counts only in lists, ``\`` escapes only in objects, and ``[a,b]``, ``{a,b}``, ``@modifier``
and ``!literal`` only at the start. So a ``Node`` (a position in a path text) is read in each way when it first is needed, and
keeps what it read. No path is an error: what cannot be read is a name that nothing has. Spec: argo-events.md §1.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from events.expressions.gjson_match import Condition, Glob, glob
from events.expressions.gjson_scan import COMPOUND, skip_compound, squash
from events.expressions.gjson_text import quote, unescape

__all__ = ["MODIFIERS", "ListStep", "Modifier", "Multipath", "Node", "ObjectStep", "Query", "Selector", "Static"]

MODIFIERS = frozenset(
    [
        "pretty",
        "ugly",
        "reverse",
        "this",
        "flatten",
        "join",
        "valid",
        "keys",
        "values",
        "tostr",
        "fromstr",
        "group",
        "dig",
    ]
)

_OBJECT_PLAIN = re.compile(r"[^|.*?\\]*+")
_LIST_PLAIN = re.compile(r"[^|.#]*+")
_MODIFIER_NAME = re.compile(r"@([^.|:]*+)")
_STATIC_NAME = re.compile(r"!([^.|]*+)")
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_QUERY_TOKEN = re.compile(rf"{_QUOTED}|\\.?|[!=<>%\[\]()]", re.DOTALL)
_SELECTOR_TOKEN = re.compile(rf"{_QUOTED}|\\.?|[@:,\[\](){{}}]", re.DOTALL)
_PIPE_TOKEN = re.compile(r"\\.?|\.(?:#[\[(]?)?|\|", re.DOTALL)
_BRACKETS = {
    "(": re.compile(rf"{_QUOTED}|\\.?|[()]", re.DOTALL),
    "[": re.compile(rf"{_QUOTED}|\\.?|[\[\]]", re.DOTALL),
}
_OPERATOR = re.compile(r"[!<>]=|!%|==?|[<>%]|!\Z")
_NOT_SIMPLE = re.compile(r"[\x00-\x1f\[\]{}()#|!]")
_SPACE = "".join(map(chr, range(0x21)))


@dataclass(frozen=True, slots=True)
class ObjectStep:
    """Members named ``key``, or whose name is of the pattern ``glob``; then ``rest`` inside, or ``pipe`` on the result."""

    key: str
    glob: Glob | None
    rest: Node | None
    pipe: Node | None


@dataclass(frozen=True, slots=True)
class Query:
    """``#(path OP value)``, with ``all`` followed by ``#``. ``path`` is relative to each element."""

    path: Node
    condition: Condition
    all: bool


@dataclass(frozen=True, slots=True)
class ListStep:
    """An element by ``index``, the number of elements (``counts``), ``each`` element's ``rest``, or those that a query finds.

    ``late_pipe`` is the pipe within ``rest`` of ``each`` or of a query: it is applied to the list that comes out, once any did.
    """

    index: int
    counts: bool
    each: bool
    query: Query | None
    rest: Node | None
    pipe: Node | None
    late_pipe: Node | None = None


@dataclass(frozen=True, slots=True)
class Modifier:
    """``@name:argument``; ``rest`` is looked up in its result."""

    name: str
    argument: str
    rest: Node | None


@dataclass(frozen=True, slots=True)
class Static:
    """``!literal``; ``rest`` is looked up in it."""

    text: str
    rest: Node | None


@dataclass(frozen=True, slots=True)
class Selector:
    """One member of a multipath; ``name`` is a quoted JSON string, used in objects only."""

    name: str
    path: Node


@dataclass(frozen=True, slots=True)
class Multipath:
    """``[a,b]`` or ``{"x":a,b}``, opened by ``bracket``; ``rest`` is looked up in the result."""

    bracket: str
    selectors: tuple[Selector, ...]
    rest: Node | None


class Node:
    """The path that begins at ``start`` of a path text and reaches to its end."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.start = start

    def __len__(self) -> int:
        return len(self.text) - self.start

    @cached_property
    def head(self) -> Modifier | Static | Multipath | Node:
        """What the start of a path says; a ``Node`` (mostly this one) that is to be read by its components otherwise."""
        first = self.text[self.start : self.start + 1]
        if len(self) > 1:
            if first == "@":
                return _read_modifier(self.text, self.start) or self
            if first == "!":
                return _read_static(self.text, self.start) or self
            if first in ("[", "{"):
                return _read_multipath(self.text, self.start)
        return self

    @cached_property
    def lines(self) -> Node | None:
        """What follows ``..``, the sign of JSON lines."""
        return Node(self.text, self.start + 2) if self.text.startswith("..", self.start) else None

    @cached_property
    def in_object(self) -> ObjectStep:
        """The first component, for members of an object."""
        return _read_object_step(self.text, self.start)

    @cached_property
    def in_list(self) -> ListStep:
        """The first component, for elements of a list."""
        return _read_list_step(self.text, self.start)


def _follow(text: str, dot: int, pipes: bool = True) -> tuple[Node | None, Node | None]:
    """What stands behind a dot: ``(rest, pipe)``. A multipath or a modifier there is a pipe."""
    after = dot + 1
    if pipes and after < len(text):
        name = _MODIFIER_NAME.match(text, after)
        if text[after] in COMPOUND or (name is not None and name.group(1) in MODIFIERS):
            return None, Node(text, after)
    return Node(text, after), None


def _read_object_step(text: str, start: int) -> ObjectStep:
    parts = []
    wild = False
    rest = pipe = None
    at, end = start, len(text)
    while at < end:
        plain = _OBJECT_PLAIN.match(text, at)
        if plain is not None and plain.end() > at:
            parts.append(plain.group())
            at = plain.end()
            continue
        char = text[at]
        if char == ".":
            rest, pipe = _follow(text, at)
            break
        if char == "|":
            pipe = Node(text, at + 1)
            break
        if char == "\\":
            parts.append(text[at + 1 : at + 2])
            at += 2
            continue
        wild = True
        parts.append(char)
        at += 1
    key = "".join(parts)
    return ObjectStep(key, glob(key) if wild else None, rest, pipe)


def _read_list_step(text: str, start: int) -> ListStep:
    at, end = start, len(text)
    special = False  # a component with "#" is no index
    each = False
    query = None
    rest = pipe = None
    while at < end:
        plain = _LIST_PLAIN.match(text, at)
        at = plain.end() if plain else end
        if at == end:
            break
        if text[at] == "|":
            pipe = Node(text, at + 1)
            break
        if text[at] == ".":
            rest, pipe = _follow(text, at, pipes=not special)
            break
        special = True
        if at == start:
            each = text.startswith(".", at + 1)
            if text.startswith(("[", "("), at + 1):
                query, stop = _read_query(text, at)
                if stop is None:
                    at = end  # brackets do not close: this is all of the path
                    break
                at = stop - 1
        at += 1
    part = text[start:at]
    late_pipe = None
    if rest is not None and (each or query is not None):
        rest, late_pipe = _split_at_pipe(rest)
    index = -1
    if part and not special and not part.strip("0123456789"):
        # Go's unsigned 64-bit numbers wrap around.
        index = _wrapped(part)
    return ListStep(index, part == "#" and not each, each, query, rest, pipe, late_pipe)


def _wrapped(digits: str) -> int:
    number = 0
    for start in range(0, len(digits), 18):
        chunk = digits[start : start + 18]
        number = (number * 10 ** len(chunk) + int(chunk)) & 0xFFFFFFFFFFFFFFFF
    return number if number < 1 << 63 else -1


def _read_query(text: str, start: int) -> tuple[Query, int | None]:
    """The query that begins with ``#(`` or ``#[`` and the position behind it; ``None`` when its brackets do not close."""
    depth = 1
    operator = 0
    escaped = False
    for match in _QUERY_TOKEN.finditer(text, start + 2):
        sign = match.group()
        at = match.start()
        if sign[0] == '"':
            escaped = escaped or "\\" in sign
        elif sign in ("[", "("):
            depth += 1
        elif sign in ("]", ")"):
            depth -= 1
            if depth == 0:
                path = text[start + 2 : operator or at].strip(_SPACE)
                condition = _read_condition(text[operator:at].strip(_SPACE) if operator else "", escaped)
                return Query(Node(path), condition, text.startswith("#", at + 1)), at + 1
        elif sign[0] != "\\" and depth == 1 and not operator:
            operator = at
    return Query(Node(""), Condition("", ""), False), None


def _read_condition(text: str, escaped: bool) -> Condition:
    match = _OPERATOR.match(text)
    operator = match.group() if match else ""
    operand = text[len(operator) :].strip(_SPACE)
    if len(operand) >= 2 and operand[0] == operand[-1] == '"':
        operand = operand[1:-1]
        if escaped:
            operand = unescape(operand)
    return Condition("=" if operator == "==" else operator, operand)


def _split_at_pipe(path: Node) -> tuple[Node, Node | None]:
    """A path cut at its first pipe outside of queries."""
    text = path.text
    if text.find("|", path.start) < 0:
        return path, None
    if text.startswith("{", path.start):
        first = path.start + 1
        cut = squash(text, first, len(text)) if first < len(text) else first
        if text.startswith("|", cut):
            return Node(text[path.start : cut]), Node(text, cut + 1)
        return path, None
    at = path.start
    while match := _PIPE_TOKEN.search(text, at):
        sign = match.group()
        at = match.end()
        if sign == "|":
            return Node(text[path.start : match.start()]), Node(text, at)
        if sign[0] != ".":
            continue
        if at == len(text):
            break
        if sign[-1] in _BRACKETS:
            at = _skip_brackets(text, at, sign[-1])
        elif sign[-1] == "#":
            at += 1  # whatever follows is passed over, a pipe too
    return path, None


def _skip_brackets(text: str, at: int, bracket: str) -> int:
    depth = 1
    for match in _BRACKETS[bracket].finditer(text, at):
        sign = match.group()
        if sign[0] not in '"\\':
            depth += 1 if sign == bracket else -1
            if depth == 0:
                return match.end()
    return len(text)


def _read_modifier(text: str, start: int) -> Modifier | None:
    match = _MODIFIER_NAME.match(text, start)
    if match is None or match.group(1) not in MODIFIERS:
        return None
    at = match.end()
    argument = ""
    if text.startswith(":", at):
        at += 1
        stop = _argument_end(text, at)
        argument, at = text[at:stop], stop
    return Modifier(match.group(1), argument, _rest(text, at))


def _argument_end(text: str, at: int) -> int:
    """A JSON argument ends with its value, any other at the next pipe outside of brackets and quotes."""
    end = len(text)
    if text.startswith(("{", "[", '"'), at):
        return squash(text, at, end)
    while at < end and text[at] != "|":
        at = squash(text, at, end) if text[at] in '{["(' else at + 1
    return at


def _rest(text: str, at: int) -> Node | None:
    """The path behind a dot or pipe; anything else that follows is dropped."""
    return Node(text, at + 1) if text.startswith((".", "|"), at) else None


def _read_static(text: str, start: int) -> Static | None:
    if text[start + 1] in '{["+-0123456789':
        stop = min(skip_compound(text, start + 1, len(text)), len(text))
        return Static(text[start + 1 : stop], _rest(text, stop))
    match = _STATIC_NAME.match(text, start)
    if match is None or match.group(1).lower() not in ("true", "false", "null", "nan", "inf"):
        return None
    return Static(match.group(1), _rest(text, match.end()))


def _read_multipath(text: str, start: int) -> Multipath | Node:
    """A multipath. Without its closing bracket the path is an empty name; what follows the bracket directly is a plain path."""
    selectors = []
    depth, modifier = 1, False
    colon, begin = 0, start + 1
    for match in _SELECTOR_TOKEN.finditer(text, start + 1):
        sign, at = match.group(), match.start()
        if sign == "@":
            modifier = modifier or text[at - 1] in ".|"
        elif sign == ":":
            if not modifier and not colon and depth == 1:
                colon = at
        elif sign in ("[", "(", "{"):
            depth += 1
        elif sign in ("]", ")", "}"):
            depth -= 1
        elif sign != ",":
            continue
        if (sign == "," and depth == 1) or depth == 0:
            path = text[colon + 1 if colon else begin : at]
            selectors.append(Selector(_name(text[begin:colon] if colon else "", path), Node(path)))
            colon, modifier, begin = 0, False, at + 1
        if depth == 0:
            if begin == len(text) or text[begin] in ".|":
                return Multipath(text[start], tuple(selectors), _rest(text, begin))
            return Node(text, begin)
    return Node("")


def _name(given: str, path: str) -> str:
    """The quoted name of an object member: as given, else the last component of its path, else ``_``."""
    if given:
        return given if _is_json_string(given) else quote(given)
    at = len(path)
    while at > 0 and (path[at - 1] not in "|." or (at > 1 and path[at - 2] == "\\")):
        at -= 1
    last = path[at:]
    return quote("_" if _NOT_SIMPLE.search(last) else last)


_JSON_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"[ \t\n\r]*')


def _is_json_string(text: str) -> bool:
    return _JSON_STRING.fullmatch(text) is not None
