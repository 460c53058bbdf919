"""``onRedelivery``: whether what a forge delivers again is the same event."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from events.models.base import parse
from eventsource.webhooks import RERUN, registry
from tests.eventsource.suite import SECOND, delivery, listener

HOOK = {"endpoint": "/hook", "port": "12000", "method": "POST"}
GITHUB: dict[str, Any] = {
    "webhook": HOOK,
    "owner": "o",
    "repository": "r",
    "repositories": [{"owner": "o", "names": ["r"]}],
}
SENT = delivery(
    b'{"ref":"main"}', {"x-github-delivery": "d-1", "x-github-event": "push", "content-type": "application/json"}
)


@pytest.mark.parametrize(("choice", "ids"), [("", 1), ("dedupe", 1), (RERUN, 2)])
def test_a_delivery_that_comes_again_is_another_event_only_where_it_shall_run_again(choice: str, ids: int) -> None:
    one = listener("github", {**GITHUB, **({"onRedelivery": choice} if choice else {})})
    later = dataclasses.replace(SENT, received=SENT.received + SECOND)
    taken = [one.take(each) for each in (SENT, later)]
    assert len({received.ids[0] for received in taken}) == ids
    assert {received.delivery_id for received in taken} == {"d-1"}


@pytest.mark.parametrize(("kind", "config"), [("github", GITHUB), ("webhook", HOOK)])
def test_any_other_choice_is_told(kind: str, config: dict[str, Any]) -> None:
    webhook = registry[kind]
    model = parse(webhook.config_model, {**config, "onRedelivery": "again"})
    [told] = [f for f in webhook.advise(model, "spec") if f.path == "spec.onRedelivery"]
    assert told.message == "must be dedupe or rerun, not 'again'"
