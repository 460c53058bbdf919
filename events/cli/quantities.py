"""Options that are a time or a size."""

from __future__ import annotations

import re

import click

__all__ = ["DAY", "read_retention", "read_size"]

DAY = 24 * 3600


def read_retention(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """A duration such as ``7d``, in seconds."""
    units = {"h": 3600, "d": DAY, "m": 60}
    number, unit = value[:-1], value[-1:]
    if unit not in units or not re.fullmatch("[0-9]{1,5}", number) or int(number) == 0:
        raise click.BadParameter("write a number of days, hours or minutes, such as 7d, 12h, 30m")
    return int(number) * units[unit]


def read_size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A size such as ``512Mi``, in bytes."""
    if value is None:
        return None
    units = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
    found = re.fullmatch("([0-9]{1,6})(Ki|Mi|Gi)", value)
    if found is None or int(found[1]) == 0:
        raise click.BadParameter("write a number with Ki, Mi or Gi, such as 512Mi")
    return int(found[1]) * units[found[2]]
