"""Where an event lies: which bus and stream hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventbus.stream import FOR_BINDINGS, OURS, StreamSettings
from sensor.bindings.records import LEDGER_BUS

__all__ = ["BINDINGS_BUS", "where_stored"]

BINDINGS_BUS = ("_pointsman", "bindings")
"""The account of posted events on the embedded bus; no namespace has this name."""


def where_stored(row: Mapping[str, Any]) -> tuple[tuple[str, str], StreamSettings]:
    """The bus (namespace and name) and the stream that hold the event of a row of the ledger."""
    if row["bus"] == LEDGER_BUS:
        return BINDINGS_BUS, FOR_BINDINGS
    return (row["namespace"], row["bus"]), OURS
