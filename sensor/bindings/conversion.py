r"""How the value of an expression becomes the text of a Workflow's parameter (spec: argo-workflows-events.md §5). Pure.

``argo`` is the reference's way: JSON without the outer quotes, so that a quote in a text arrives as ``\"``, a line break as the
two characters ``\n``, and a field that is not there as ``null``. ``plain`` is ours, for a binding that asks for it: a text
arrives as it is, and for a field that is not there the parameter is left out, so that the template's default counts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from events.errors import SpecError
from events.expressions import expr
from events.models.binding import CONVERSION
from events.registry import did_you_mean

__all__ = ["Conversion", "conversion_of", "convert"]


class Conversion(StrEnum):
    """How values become parameters."""

    ARGO = "argo"
    PLAIN = "plain"


def conversion_of(annotations: dict[str, str]) -> Conversion:
    """What the annotations of a binding ask for. Raises ``SpecError`` for an unknown word."""
    word = annotations.get(CONVERSION, Conversion.ARGO)
    try:
        return Conversion(word)
    except ValueError:
        known = [conversion.value for conversion in Conversion]
        raise SpecError(
            f"annotation {CONVERSION} is '{word[:40]}'",
            path=f"metadata.annotations.{CONVERSION}",
            hint=did_you_mean(word, known) or f"one of {', '.join(known)}",
        ) from None


def convert(value: Any, conversion: Conversion) -> str | None:
    """The text, or None where the parameter is left out. Raises ``EvaluationError`` for what JSON cannot hold."""
    if conversion is Conversion.ARGO:
        return expr.to_parameter(value)
    return None if value is None else expr.to_plain(value)
