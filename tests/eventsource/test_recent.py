from __future__ import annotations

from eventsource.recent import Recent, Recents
from tests.eventsource.suite import listener

CONFIG = {"webhook": {"endpoint": "/hook", "port": "1"}, "organizations": ["octo"]}


def test_the_latest_deliveries_are_known_up_to_a_bound() -> None:
    recent = Recent(3)
    for delivery in ("a", "b", "a", "c", "d"):
        recent.add(delivery)
    assert [delivery in recent for delivery in "abcd"] == [False, True, True, True]


def test_deliveries_are_noted_only_where_missed_ones_are_asked_for() -> None:
    recents = Recents()
    assert recents.of(listener("github", CONFIG)) is None
    noted = recents.of(listener("github", {**CONFIG, "redeliverMissed": True}))
    assert noted is not None
    noted.add("a")
    again = recents.of(listener("github", {**CONFIG, "redeliverMissed": True}))
    assert again is noted, "what is served may change"
    assert recents.has("ns.es", "hook", "a")
    assert not recents.has("ns.es", "hook", "b")
    assert not recents.has("ns.es", "other", "a")
