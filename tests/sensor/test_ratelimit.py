"""Rate limits: as the reference's leaky bucket, with ten executions that an idle time saves up."""

from __future__ import annotations

import pytest

from events.errors import SpecError
from events.models.sensor import RateLimit as Spec
from sensor.ratelimit import RateLimit


def limit(unit: str = "", requests: int = 10) -> RateLimit:
    made = RateLimit.of(Spec(unit=unit, requests_per_unit=requests))
    assert made is not None
    return made


def test_from_the_first_on_executions_are_evenly_spaced() -> None:
    one = limit()
    assert [round(one.take(1_000.0), 6) for _ in range(4)] == [0.0, 0.1, 0.2, 0.3]


def test_an_idle_time_saves_up_ten() -> None:
    one = limit()
    one.take(1_000.0)
    waits = [round(one.take(2_000.0), 6) for _ in range(13)]
    assert waits == [0.0] * 11 + [0.1, 0.2]


def test_to_look_books_nothing() -> None:
    one = limit("Minute", 60)
    one.take(0.0)
    assert [one.wait(0.25), one.wait(0.25), one.take(0.25), one.wait(0.25)] == [0.75, 0.75, 0.75, 1.75]


@pytest.mark.parametrize(("unit", "seconds"), [("", 1.0), ("Second", 1.0), ("Minute", 60.0), ("Hour", 3600.0)])
def test_units(unit: str, seconds: float) -> None:
    one = limit(unit, 1)
    one.take(0.0)
    assert one.wait(0.0) == seconds


@pytest.mark.parametrize("spec", [Spec(unit="Day", requests_per_unit=1), Spec(requests_per_unit=0)])
def test_what_lets_nothing_through_is_an_error(spec: Spec) -> None:
    with pytest.raises(SpecError):
        RateLimit.of(spec)
