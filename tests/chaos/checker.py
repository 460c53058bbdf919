"""Joins what the generator was told with what the target has: lost, duplicate, wrong. Then asks whether the product's own records agree.

Deliveries are followed by the sender's id, which the generator made; the product's event ids play no part in it. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.generator import FAULTY, FIRES
from tests.chaos.journal import Record

DELIVERY, TRIGGER = "pointsman/delivery-id", "pointsman/trigger"


@dataclass
class Findings:
    """Counts, and the delivery ids behind each that should be zero."""

    sent: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_word: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    submitted: int = 0
    filtered: int = 0
    dead: list[str] = field(default_factory=list)
    """Dead-lettered by the product, though the target would have taken them."""
    lost: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Started although a filter said no, or by a delivery that nobody sent."""
    unrecorded: list[str] = field(default_factory=list)
    """What became of them does not stand in the product's records."""

    def failures(self) -> list[str]:
        """One sentence for each kind of failure."""
        kinds = ("lost", "duplicate", "wrong", "dead", "unrecorded")
        return [f"{len(ids)} {kind}: {', '.join(sorted(ids)[:5])}" for kind in kinds if (ids := getattr(self, kind))]

    def figures(self) -> dict[str, Any]:
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "by_status": dict(sorted(self.by_status.items())),
            "by_word": dict(sorted(self.by_word.items())),
            "submitted": self.submitted,
            "filtered": self.filtered,
            "dead_letters": len(self.dead),
            "lost": len(self.lost),
            "duplicate": len(self.duplicate),
        }


def accepted(generator: Iterable[Record]) -> dict[str, str]:
    """Delivery id → branch, of what has a 2xx."""
    return {r["id"]: r["ref"] for r in generator if r["what"] == "answered" and 200 <= r["status"] < 300}


def created(target: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """(delivery id, trigger) → the creates that the target has taken; a joined Workflow counts for each of its deliveries."""
    found: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in target:
        if record["what"] == "created":
            notes = record["object"]["metadata"].get("annotations") or {}
            for delivery in notes.get(DELIVERY, "").split(","):
                found[delivery, notes.get(TRIGGER, "").rpartition("/")[2]].append(record)
    return found


def missing(generator: Iterable[Record], target: Iterable[Record], triggers: Iterable[str] = ("start",)) -> list[str]:
    """Accepted deliveries that should have started something and have not (yet)."""
    has = created(target).keys()
    return [d for d, ref in accepted(generator).items() if ref == FIRES and any((d, t) not in has for t in triggers)]


def check(
    generator: Iterable[Record],
    target: Iterable[Record],
    events: Iterable[Mapping[str, Any]],
    outcomes: Iterable[Mapping[str, Any]],
    *,
    triggers: Iterable[str] = ("start",),
) -> Findings:
    """``events`` and ``outcomes`` are the product's own records: they explain a missing Workflow, and must not contradict."""
    findings, generator, triggers = Findings(), list(generator), list(triggers)
    sent = {r["id"]: r["ref"] for r in generator if r["what"] == "sent"}
    findings.sent = sum(1 for r in generator if r["what"] == "sent")
    findings.by_status = Counter(r["status"] for r in generator if r["what"] == "answered")
    findings.by_word = Counter(r["word"] for r in generator if r["what"] == "answered" and r["word"])
    taken, has = accepted(generator), created(target)
    findings.accepted = len(taken)
    became = _became(events, outcomes)

    for delivery, ref in taken.items():
        for trigger in triggers:
            creates, said = has.get((delivery, trigger), []), became[delivery, trigger]
            if ref != FIRES:
                findings.filtered += 1
                if ("error" if ref == FAULTY else "filtered") not in said:
                    findings.unrecorded.append(delivery)
            elif creates:
                findings.submitted += 1
                if not said & {"submitted", "duplicate"}:
                    findings.unrecorded.append(delivery)
            elif "refused" in said or "dead-lettered" in said:
                findings.dead.append(delivery)
            else:
                findings.lost.append(delivery)
    for (delivery, trigger), records in has.items():
        if trigger not in triggers:
            continue
        if len(records) > 1:
            findings.duplicate.append(delivery)
        if sent.get(delivery) != FIRES:
            findings.wrong.append(delivery)
    return findings


def _became(
    events: Iterable[Mapping[str, Any]], outcomes: Iterable[Mapping[str, Any]]
) -> defaultdict[tuple[str, str], set[str]]:
    deliveries = {event["id"]: event["delivery"] for event in events}
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for outcome in outcomes:
        found[deliveries.get(outcome["event"], ""), outcome["trigger"]].add(outcome["outcome"])
    return found


def imbalances(accounts: Iterable[Mapping[str, Any]], triggers: Iterable[str]) -> list[str]:
    """Triggers whose own accounting does not add up, or says that something is lost, or (of ``triggers``) still pending."""
    return [
        f"the accounting of {a['sensor']}/{a['trigger']} does not add up: {dict(a)}"
        for a in accounts
        if a["difference"] or a["lost"] or (a["pending"] and a["trigger"] in triggers)
    ]


def in_flight(generator: Iterable[Record], target: Iterable[Record], at: int, *, of_source: bool) -> int:
    """How many events were under way at this moment (ns), by the two journals.

    For the source: sent and not answered. For what comes after it: sent, and not yet with the target (or refused, or to be filtered).
    """
    ended: dict[str, int] = {}
    sent: dict[str, int] = {}
    for record in generator:
        if record["what"] == "sent":
            sent.setdefault(record["id"], record["t"])
        elif of_source or record["ref"] != FIRES or not 200 <= record["status"] < 300:
            ended[record["id"]] = record["t"]
    if not of_source:
        for (delivery, _), creates in created(target).items():
            ended[delivery] = creates[0]["t"]
    return sum(1 for delivery, begun in sent.items() if begun <= at < ended.get(delivery, 1 << 63))
