"""Which edition of the language a text is written in: options of one engine.

WorkflowEventBindings are read by expr-lang 1.17, ``filter.expression`` of event sources by antonmedv/expr 1.15 of the same
family (spec: argo-workflows-events.md §4, argo-events.md §3.2). Each difference has its name here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["V1_15", "V1_17", "Dialect"]


@dataclass(frozen=True)
class Dialect:
    """The options in which the editions differ; the defaults are those of 1.17."""

    name: str
    typed_env: bool = True
    """Names are checked against the environment's values when compiling; otherwise an unknown name is nil."""
    sequences: bool = True
    """``a; b``, ``if c {…} else {…}``, ``::f()``, back-tick and ``b"…"`` literals, ``0b`` and ``0o`` numbers."""
    chained_comparison: bool = True
    """``1 < x < 5`` means both; otherwise it compares a boolean."""
    optional_index: bool = True
    """``a?.["b"]``."""
    negation_is_strict: bool = True
    """``not`` between operands needs one of in, matches, contains, startsWith, endsWith."""
    nil_is_no_text: bool = True
    """``nil contains x`` is false; otherwise it fails."""
    named_numbers: bool = False
    """Durations count as numbers when types are checked."""
    typed_elements: bool = True
    """The type of a list literal remembers the type of its elements beyond ``in``."""
    lists_by_element: bool = True
    """``[1] == [1.0]``; otherwise lists are equal only when their elements have the same types."""
    length_in_runes: bool = True
    """``len("é")`` is 1; otherwise it counts bytes."""
    nil_becomes_zero: bool = True
    """A nil argument of a host function is the zero value of the parameter's type; otherwise it fails."""


V1_17 = Dialect("1.17")

V1_15 = Dialect(
    "1.15",
    typed_env=False,
    sequences=False,
    chained_comparison=False,
    optional_index=False,
    negation_is_strict=False,
    nil_is_no_text=False,
    named_numbers=True,
    typed_elements=False,
    lists_by_element=False,
    length_in_runes=False,
    nil_becomes_zero=False,
)
