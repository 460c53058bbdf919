"""What an expression reads of its environment: ``payload.action``, ``metadata["x-github-event"]``, for those who ask why."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from events.expressions.expr.ast import (
    ChainNode,
    IdentifierNode,
    IntegerNode,
    LetNode,
    MemberNode,
    Node,
    StringNode,
    children,
)
from events.expressions.expr.dialect import V1_17, Dialect
from events.expressions.expr.parser import parse

__all__ = ["ENVIRONMENT", "Path", "free_names", "reads"]

ENVIRONMENT = "$env"
"""The name of the whole environment."""

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Path:
    """A name of the environment and the way below it, as far as it does not depend on values. Prints as it is written."""

    steps: tuple[str | int, ...]
    _text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        root, *rest = self.steps
        object.__setattr__(self, "_text", str(root) + "".join(map(_written, rest)))

    def __str__(self) -> str:
        return self._text

    def read(self, env: Mapping[str, Any]) -> Any:
        """The value there, or None."""
        value: Any = env
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step) if isinstance(value, Mapping) else None
            else:
                value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        return value


def _written(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_NAME.fullmatch(step):
        return f".{step}"
    quoted = step.replace("\\", "\\\\").replace('"', '\\"')
    return f'["{quoted}"]'


def reads(text: str, names: Collection[str], dialect: Dialect = V1_17) -> tuple[Path, ...]:
    """The paths below ``names`` that the expression mentions, each once, in the order of the text.

    The whole environment, ``$env``, is a path of its own. Raises ``ExpressionError`` when the syntax is wrong.
    """
    found: dict[Path, int] = {}
    for node, path in _paths(parse(text, dialect), {*names, ENVIRONMENT}):
        found[path] = min(node.position, found.get(path, node.position))
    return tuple(sorted(found, key=found.__getitem__))


def _paths(tree: Node, names: Collection[str]) -> Iterator[tuple[Node, Path]]:
    waiting, seen = [tree], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # `a ?: b` holds `a` twice
            continue
        seen.add(id(node))
        members: list[MemberNode] = []
        root = node
        while isinstance(root, (MemberNode, ChainNode)):
            if isinstance(root, MemberNode):
                members.append(root)
            root = root.node
        if not isinstance(root, IdentifierNode) or root.value not in names:
            waiting.extend(children(node))
            continue
        properties = [member.property for member in reversed(members)]
        steps: list[str | int] = [root.value]
        for key in properties:
            if not isinstance(key, (StringNode, IntegerNode)):
                break
            steps.append(key.value)
        waiting.extend(properties[len(steps) - 1 :])
        if root.value == ENVIRONMENT and len(steps) > 1:
            del steps[0]  # `$env.payload.x` is `payload.x`
        yield root, Path(tuple(steps))


def free_names(text: str, dialect: Dialect = V1_17) -> list[str]:
    """The names that the environment (or a built-in function) must give, each once, in order. Raises ``ExpressionError``."""
    found: dict[str, None] = {}
    waiting: list[tuple[Node, frozenset[str]]] = [(parse(text, dialect), frozenset())]
    while waiting:
        node, variables = waiting.pop()
        if isinstance(node, IdentifierNode) and node.value not in variables:
            found[node.value] = None
        inner = variables | {node.name} if isinstance(node, LetNode) else variables
        below = [(child, inner if child is getattr(node, "body", None) else variables) for child in children(node)]
        waiting += reversed(below)
    return list(found)
