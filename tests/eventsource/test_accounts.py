"""Deliveries: received = accepted + rejected + under way."""

from __future__ import annotations

from eventsource.metrics import Account, EventMetrics, overdue


def test_each_delivery_is_counted_once_on_both_sides() -> None:
    numbers = EventMetrics("ns", "accounts", "push")
    for _ in range(3):
        numbers.arrived()
    numbers.result("stored")
    numbers.left()
    numbers.rejected("Unauthenticated")
    numbers.left()
    account = numbers.account
    assert (account.received, account.accepted, account.rejected, account.under_way, account.difference) == (
        3,
        1,
        1,
        1,
        0,
    )


def test_a_difference_that_stays_for_a_minute_is_told_once() -> None:
    numbers = EventMetrics("ns", "accounts", "lost")
    numbers.arrived()
    numbers.left()  # answered, and counted nowhere
    assert numbers.account.difference == 1
    told = [list(overdue(now)) for now in (100.0, 159.0, 160.0, 300.0)]
    assert told == [[], [], [("ns/accounts/lost", 1)], []]
    numbers.result("stored")
    assert list(overdue(400.0)) == []
    assert numbers.account.since is None


def test_an_account_without_deliveries_adds_up() -> None:
    assert Account().difference == 0
