"""The expr-lang language: selectors, parameters and metadata of WorkflowEventBindings, filters of event sources.

``prepare(text)`` once, then ``selector(env)`` for each event::

    selector = prepare('payload.action == "opened"')
    selector({"namespace": "argo", "discriminator": "", "metadata": {}, "payload": event})

Follows expr-lang/expr 1.17.8 (``V1_17``) and antonmedv/expr 1.15.5 (``V1_15``), see https://expr-lang.org. JSON numbers are
floats as in the reference; whole numbers of a program are ``Int``.
"""

from events.expressions.expr.dialect import V1_15, V1_17, Dialect
from events.expressions.expr.expanding import expand
from events.expressions.expr.functions import HELPERS, PLAIN, Functions
from events.expressions.expr.grammar import builtin_names
from events.expressions.expr.parameter import clean, to_parameter, to_plain
from events.expressions.expr.program import Program, Selector, compile, prepare  # noqa: A004 - the customary name, used as expr.compile
from events.expressions.expr.reading import Path, free_names, reads

__all__ = [
    "HELPERS",
    "PLAIN",
    "V1_15",
    "V1_17",
    "Dialect",
    "Functions",
    "Path",
    "Program",
    "Selector",
    "builtin_names",
    "clean",
    "compile",
    "expand",
    "free_names",
    "prepare",
    "reads",
    "to_parameter",
    "to_plain",
]
