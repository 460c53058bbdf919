"""Looking a path up in raw JSON text, exactly as gjson does: the first member of a name that leads on counts.

``look_up`` reads the head of a path (modifier, literal, multipath) and follows pipes; ``_Finder`` walks objects and lists by
components. The walk goes back where a member does not lead on: ``{"a":1,"a":{"b":2}}`` has ``a.b``. It keeps its own stack, so
the depth of a document is not bounded; what calls ``look_up`` again (queries, ``#.x``, multipaths) is, by ``MAX_DEPTH``.
Spec: argo-events.md §1.9.
"""

from __future__ import annotations

import re

from events.errors import EvaluationError
from events.expressions.gjson_modifiers import modify
from events.expressions.gjson_path import ListStep, Modifier, Multipath, Node, ObjectStep, Query, Static
from events.expressions.gjson_scan import MISSING, NEXT_VALUE, Budget, Slice, members, next_value, parse, scan_value
from events.expressions.gjson_text import unescape

__all__ = ["MAX_DEPTH", "find", "look_up"]

MAX_DEPTH = 100  # look-ups within look-ups
_LONG_PATH = 256  # characters; what a path is longer may be read anew in each look-up, and counts as work
_PER_PATH_CHARACTER = 96
_DESCENT = 256

_MEMBER = re.compile(r'[^"}]*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"' + NEXT_VALUE.pattern + ")?", re.DOTALL)
_NEXT_ELEMENT = re.compile(NEXT_VALUE.pattern.replace("]*+", "\\]]*+"))
_CONTAINER = re.compile(r"[{\[]")
_SPACES = re.compile(r"[ \t\r\n]*+")


def find(text: str, path: Node) -> Slice:
    """What the path says of the text. Nothing, when that takes too much work or nests too deep."""
    try:
        return look_up(text, 0, len(text), path, Budget(len(text)))
    except EvaluationError:
        return MISSING


def look_up(text: str, start: int, end: int, path: Node, budget: Budget) -> Slice:
    """What the path says of the window. Raises ``EvaluationError`` when the budget is used up."""
    budget.depth += 1
    if budget.depth > MAX_DEPTH:
        raise EvaluationError(f"the path nests deeper than {MAX_DEPTH}")
    try:
        return _look_up(text, start, end, path, budget)
    finally:
        budget.depth -= 1


def _look_up(text: str, start: int, end: int, path: Node, budget: Budget) -> Slice:
    derived = rebuilt = False  # from a pipe: the index is lost; from a modifier: the indexes too
    shift = 0
    while True:
        budget.spend(_PER_PATH_CHARACTER * max(0, len(path) - _LONG_PATH))
        head = path.head
        if isinstance(head, Node):
            finder = _Finder(text, start, end, budget)
            finder.walk(head)
            result = finder.value
            if finder.pipe is None:
                if result.end > result.start and not finder.counted:
                    inside = result.text is text and start <= result.start < end
                    result.index = result.start - start if inside else 0
                break
            path = finder.pipe
            shift += result.index
            derived = True
            text, start, end = result.text, result.start, result.end
            continue
        if isinstance(head, Multipath):
            text, rest = _select(head, text, start, end, budget), head.rest
            start, end = 0, len(text)
            derived = True
            if rest is None:
                result = Slice(text, 0, end, "JSON")
                break
        else:
            if isinstance(head, Static):
                text, start, end = head.text, 0, len(head.text)
            else:
                text, start, end = _modified(head, text, start, end, budget)
            rest = head.rest
            if rest is None:
                result = parse(text, start, end)
                break
            derived = rebuilt = True
        path = rest
    return _placed(result, derived, rebuilt, shift)


def _placed(result: Slice, derived: bool, rebuilt: bool, shift: int) -> Slice:
    """The result with the indexes that are still known."""
    if not (derived or result.indexes):
        return result
    placed = Slice(result.text, result.start, result.end, result.type, 0 if derived else result.index)
    if result.indexes is not None and not rebuilt:
        placed.indexes = [index + shift for index in result.indexes]
    return placed


def _modified(head: Modifier, text: str, start: int, end: int, budget: Budget) -> tuple[str, int, int]:
    if head.name == "dig":
        path = Node(head.argument)
        return _dig(parse(text, start, end), path, budget)
    return modify(head.name, head.argument, text, start, end, budget)


def _dig(value: Slice, path: Node, budget: Budget) -> tuple[str, int, int]:
    """``@dig:path``: what the path says of the value and of everything inside it, outer before inner."""
    found = []
    waiting = [value]
    while waiting:
        here = waiting.pop()
        result = look_up(here.text, here.start, here.end, path, budget)
        if result.exists:
            found.append(result.raw)
            budget.spend(len(found[-1]))
        if here.type == "JSON":
            waiting.extend(reversed([inner for _, inner in members(here, budget)]))
    out = f"[{','.join(found)}]"
    return out, 0, len(out)


def _select(head: Multipath, text: str, start: int, end: int, budget: Budget) -> str:
    """The list or object put together from what the selectors found; what they did not find is left out."""
    parts = []
    for selector in head.selectors:
        result = look_up(text, start, end, selector.path, budget)
        if result.exists:
            raw = result.raw
            parts.append(f"{selector.name}:{raw}" if head.bracket == "{" else raw)
            budget.spend(len(parts[-1]))
    return f"{head.bracket}{','.join(parts)}{'}' if head.bracket == '{' else ']'}"


class _ObjectWalk:
    """Where the walk stands in an object."""

    __slots__ = ("step",)

    def __init__(self, step: ObjectStep) -> None:
        self.step = step


class _ListWalk:
    """Where the walk stands in a list: how many elements were seen, which (for ``each``), what a query for all has found."""

    __slots__ = ("elements", "found", "found_at", "seen", "step")

    def __init__(self, step: ListStep) -> None:
        self.step = step
        self.seen = 0
        self.elements: list[Slice] = []
        self.found: list[str] | None = None
        self.found_at: list[int] = []


class _Finder:
    """One walk through a window: its ``value``, and the ``pipe`` that is to be applied to it."""

    def __init__(self, text: str, start: int, end: int, budget: Budget) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.budget = budget
        self.at = start
        self.value = MISSING
        self.counted = False
        self.pipe: Node | None = None
        self._stack: list[_ObjectWalk | _ListWalk] = []

    def walk(self, path: Node) -> None:
        """Walk from the first container of the window on. ``..`` takes the window itself for a list."""
        lines = path.lines
        if lines is not None:
            self._enter("[", lines)
        else:
            first = _CONTAINER.search(self.text, self.start, self.end)
            if first is None:
                self.budget.spend(self.end - self.start)
                return
            self.at = first.end()
            self._enter(first.group(), path)
        stack = self._stack
        while stack:
            depth = len(stack)
            inner = stack[-1]
            if self._in_object(inner.step) if isinstance(inner, _ObjectWalk) else self._in_list(inner):
                return
            if len(stack) == depth:
                stack.pop()

    def _enter(self, bracket: str, path: Node) -> None:
        """Go into the container whose bracket was just read."""
        step = path.in_object if bracket == "{" else path.in_list
        if step.pipe is not None:
            self.pipe = step.pipe
        self._stack.append(_ObjectWalk(step) if isinstance(step, ObjectStep) else _ListWalk(step))

    def _in_object(self, step: ObjectStep) -> bool:
        """Go on in an object, to its end or into a member. True: the value was found."""
        text, end, key, glob, rest, budget = self.text, self.end, step.key, step.glob, step.rest, self.budget
        at = self.at
        while at < end:
            member = _MEMBER.match(text, at, end)
            if member is None or member.lastindex is None:  # no further name
                stop = member.end() if member else end
                budget.spend(stop - at)
                at = stop + 1 if text.startswith("}", stop, end) else end
                break
            name = member.group(1)
            if "\\" in name:
                name = unescape(name)
            matches = name == key if glob is None else glob.matches(name)
            start = member.end()
            if start >= end:
                at = end
                break
            if matches and rest is not None and text[start] in "{[":
                budget.spend(_DESCENT + start - at)
                self.at = start + 1
                self._enter(text[start], rest)
                return False
            scanned = scan_value(text, start, end, budget)
            if scanned is None:
                budget.spend(end - at)
                at = end
                break
            kind, stop = scanned
            budget.left -= 128 + stop - at  # Budget.spend, without the call
            if budget.left < 0:
                budget.spend(0)
            if matches and rest is None:
                self.value = Slice(text, start, min(stop, end), kind)
                return True
            at = stop
        self.at = at
        return False

    def _in_list(self, walk: _ListWalk) -> bool:
        """Go on in a list, to its end or into an element. True: the value was found."""
        text, end, step, budget = self.text, self.end, walk.step, self.budget
        index, rest, query, each = step.index, step.rest, step.query, step.each
        at = self.at
        while at <= end:
            wanted = walk.seen == index
            walk.seen += 1
            skipped = _NEXT_ELEMENT.match(text, at, end)
            start = skipped.end() if skipped else end
            if start >= end or text[start] == "]":
                self.at = start + 1
                return self._close(walk, at)
            if wanted and rest is not None and text[start] in "{[":
                budget.spend(_DESCENT + start - at)
                self.at = start + 1
                self._enter(text[start], rest)
                return False
            scanned = scan_value(text, start, end, budget)
            if scanned is None:
                budget.spend(end - at)
                at = end + 1
                break
            kind, stop = scanned
            budget.left -= 128 + stop - at  # Budget.spend, without the call
            if budget.left < 0:
                budget.spend(0)
            if each:
                walk.elements.append(
                    Slice(text, start, min(stop, end), kind, start - self.start if kind == "JSON" else 0)
                )
            elif query is not None:
                if self._ask(walk, query, Slice(text, start, min(stop, end), kind)):
                    return True
            elif wanted and rest is None:
                self.value = Slice(text, start, min(stop, end), kind)
                return True
            at = stop
        self.at = at
        return False

    def _ask(self, walk: _ListWalk, query: Query, element: Slice) -> bool:
        """Ask the query of one element. True: it is the one that was looked for."""
        budget, step = self.budget, walk.step
        if query.all and walk.found is None:
            walk.found = []
        if element.type == "JSON":
            asked = look_up(element.text, element.start, element.end, query.path, budget)
        elif len(query.path):
            return False
        else:
            asked = element
        if not query.condition.holds(asked):
            return False
        result = element
        if step.rest is not None:
            if step.late_pipe is not None:
                self.pipe = step.late_pipe
            result = look_up(element.text, element.start, element.end, step.rest, budget)
        if not query.all:
            self.value = result
            return True
        if walk.found is not None and result.end > result.start:
            budget.spend(result.end - result.start)
            walk.found.append(result.raw)
            walk.found_at.append(result.index + element.start - self.start)
        return False

    def _close(self, walk: _ListWalk, at: int) -> bool:
        """The end of a list, whose last element ended at ``at``. True: the value is what was counted or put together from all elements."""
        step = walk.step
        if step.each and step.rest is not None:
            if step.late_pipe is not None:
                self.pipe = step.late_pipe
            self._take_stray(walk, at)
            self.value = self._collect(walk.elements, step.rest)
            return True
        if step.counts:
            count = str(walk.seen - 1)
            self.value = Slice(count, 0, len(count), "Number")
            self.counted = True
            return True
        if step.query is not None and step.query.all and not self.value.exists:
            self.value = _list_of(walk.found or [], walk.found_at or None)
        return False

    def _take_stray(self, walk: _ListWalk, at: int) -> None:
        """What follows the last comma counts as an element, wherever it is found. In valid JSON nothing does."""
        spaces = _SPACES.match(self.text, at, self.end)
        at = spaces.end() if spaces else self.end
        if at < self.end and self.text[at] != "]":
            stray = next_value(self.text, at, self.start, self.end, self.budget)
            if stray is not None:
                walk.elements.append(stray[0])

    def _collect(self, elements: list[Slice], path: Node) -> Slice:
        """``#.path``: what the path says of each element, where it says anything."""
        found, found_at = [], []
        for element in elements:
            result = look_up(self.text, element.start, element.end, path, self.budget)
            if result.exists:
                found.append(result.raw)
                self.budget.spend(len(found[-1]))
                found_at.append(result.index + element.index if result.indexes is None else result.index)
        return _list_of(found, found_at)


def _list_of(found: list[str], found_at: list[int] | None) -> Slice:
    text = f"[{','.join(found)}]"
    result = Slice(text, 0, len(text), "JSON")
    result.indexes = found_at
    return result
