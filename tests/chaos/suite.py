"""The rows, and how one is carried out: its size by tier, its folder, its seed, its deadline."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chaos.bench import Run
from tests.chaos.report import Report

ROWS = (
    "kills",
    "posts",
    "redelivery",
    "ambiguous",
    "collisions",
    "backlog",
    "fsync",
    "signatures",
    "bus_away",
    "target_away",
    "joins",
    "two_sensors",
    "crashpoints",
    "disk_full",
    "slow",
)


async def carry_out(
    row: str,
    tier: str,
    folder: Path,
    seed: int,
    *,
    scale: float = 1.0,
    deadline: float | None = None,
    plants: tuple[str, ...] = (),
    size: Any = None,
    **options: Any,
) -> Report:
    """Run a row. ``scale`` multiplies its counts; what breaks off (also at ``deadline`` seconds) is a failure like others."""
    module = importlib.import_module(f"tests.chaos.rows.{row}")
    run = Run(row, folder, seed, plants, **options)
    began = time.monotonic()
    try:
        async with asyncio.timeout(deadline):
            report: Report = await module.run(wanted(size or scaled(module.TIERS[tier], scale), options), run)
    except (AssertionError, TimeoutError, ExceptionGroup) as error:
        report = run.report()
        report.failures.append(f"broke off: {_words(error)}")
    report.seconds = time.monotonic() - began
    return report


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_words, error.exceptions))
    return f"{type(error).__name__}: {error}"


def wanted(size: Any, options: Mapping[str, Any]) -> Any:
    """The size with what was asked for on the command line, as far as the row knows it."""
    names = {f.name for f in dataclasses.fields(size)}
    return dataclasses.replace(size, **{n: v for n, v in options.items() if n in names and v is not None})


def scaled(size: Any, scale: float) -> Any:
    """The whole numbers of a size are counts."""
    counts = {f.name: getattr(size, f.name) for f in dataclasses.fields(size)}
    return dataclasses.replace(size, **{n: max(1, round(v * scale)) for n, v in counts.items() if type(v) is int})
