"""The syntax tree of a template. Follows https://pkg.go.dev/text/template/parse, without positions."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Action",
    "Bool",
    "Branch",
    "Break",
    "Chain",
    "Command",
    "Continue",
    "Definition",
    "Dot",
    "Field",
    "Identifier",
    "If",
    "Nil",
    "Number",
    "Operand",
    "Pipeline",
    "Range",
    "Statement",
    "String",
    "TemplateCall",
    "Text",
    "Variable",
    "With",
]


@dataclass(frozen=True)
class Dot:
    """``.``"""


@dataclass(frozen=True)
class Nil:
    """``nil``"""


@dataclass(frozen=True)
class Bool:
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class String:
    """A quoted text, unquoted."""

    value: str


@dataclass(frozen=True)
class Number:
    """A constant, with every type that it can take: ``1.0`` is an integer too. ``is_float`` is its type where any will do."""

    text: str
    integer: int | None
    unsigned: int | None
    floating: float
    is_float: bool


@dataclass(frozen=True)
class Field:
    """``.a.b``: names looked up from dot."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Variable:
    """``$x.a.b``: the slot of the variable (``None``: assigned, but never declared) and names looked up from it.

    ``of_range`` tells that a range gives the variable its value.
    """

    name: str
    slot: int | None
    names: tuple[str, ...] = ()
    of_range: bool = False


@dataclass(frozen=True)
class Identifier:
    """The name of a function."""

    name: str


@dataclass(frozen=True)
class Chain:
    """``(…).a.b`` or ``f.a.b``."""

    base: Pipeline | Identifier | Nil
    names: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A function or value with its arguments."""

    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands, each the last argument of the next; ``assigns`` with ``=`` to known variables, else ``:=`` declares them."""

    commands: tuple[Command, ...]
    variables: tuple[Variable, ...] = ()
    assigns: bool = False


Operand = Dot | Nil | Bool | String | Number | Field | Variable | Identifier | Chain | Pipeline


@dataclass(frozen=True)
class Text:
    """Literal text."""

    value: str


@dataclass(frozen=True)
class Action:
    """``{{ … }}`` that prints its value, unless it sets a variable."""

    pipeline: Pipeline


@dataclass(frozen=True)
class Branch:
    """One condition with its body."""

    pipeline: Pipeline
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class If:
    """``if``, any number of ``else if``, ``else``."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class With:
    """``with``, any number of ``else with``, ``else``: dot is the value in its body."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class Range:
    """``range`` with its ``else``."""

    pipeline: Pipeline
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class TemplateCall:
    """``{{ template "name" pipeline }}``"""

    name: str
    pipeline: Pipeline | None


@dataclass(frozen=True)
class Break:
    """``{{ break }}``"""


@dataclass(frozen=True)
class Continue:
    """``{{ continue }}``"""


Statement = Text | Action | If | With | Range | TemplateCall | Break | Continue


@dataclass
class Definition:
    """One named template: its body, how many variables it has and how deep it is nested."""

    body: tuple[Statement, ...] = ()
    slots: int = 1
    depth: int = 0
