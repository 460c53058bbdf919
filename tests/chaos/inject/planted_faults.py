"""Faults that the suite must find, patched into the product's processes by name. The product knows nothing of them.

Each is a mistake that somebody could make, in one place of the product; ``tests/chaos/planted`` says which row finds it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from types import ModuleType
from typing import Any

from chaos_patches import patch, replace

# -- accepting ---------------------------------------------------------------------------------------------------------


@patch("skip_the_fsync_of_the_bus", "eventbus.nats_config")
def _lazy_bus(module: ModuleType, _: str) -> None:
    """The bus acknowledges before its data is on the disk."""
    old = module.render
    replace(module, "render", lambda *args, **options: old(*args, **{**options, "sync": "default"}))


@patch("skip_the_fsync_of_the_spool", "eventbus.disk")
def _lazy_spool(module: ModuleType, _: str) -> None:
    """The spool answers when it has written, not when it has synced."""
    replace(module.Disk, "sync", lambda self, descriptor: None)


@patch("answer_before_the_store", "eventsource.answers")
def _eager_answer(module: ModuleType, _: str) -> None:
    """The answer does not wait for the bus."""
    from eventbus.interface import Stored

    old, kept = module.publish, set[Any]()

    class Eager:
        def __init__(self, bus: Any) -> None:
            self.bus = bus

        async def publish(self, *args: Any, **options: Any) -> Any:
            task = asyncio.ensure_future(self.bus.publish(*args, **options))
            kept.add(task)
            task.add_done_callback(kept.discard)
            return Stored(1, False)

    async def publish(served: Any, received: Any) -> Any:
        return await old(dataclasses.replace(served, bus=Eager(served.bus)), received)

    replace(module, "publish", publish)


@patch("random_event_id", "events.models.event")
def _random_event_id(module: ModuleType, _: str) -> None:
    """Each delivery is a new event, as in the reference."""
    replace(module, "event_id", lambda *args, **options: os.urandom(16).hex())


@patch("forget_the_spool_of_an_ended_process", "eventbus.segments")
def _forgotten_spool(module: ModuleType, _: str) -> None:
    """What a killed process left is not adopted."""
    replace(module.Folders, "adopt", lambda self: [])


@patch("drop_what_the_bus_did_not_take", "eventbus.forwarder")
def _dropped(module: ModuleType, _: str) -> None:
    """The forwarder says that it has sent what it has not."""
    from events.errors import Unavailable

    old = module.Forwarder._forward

    async def forward(self: Any, batch: Any) -> Any:
        send = self._send

        async def carefree(*args: Any) -> None:
            try:
                await asyncio.wait_for(send(*args), 0.001)
            except (Unavailable, TimeoutError):
                pass

        self._send = carefree
        try:
            return await old(self, batch)
        finally:
            self._send = send

    replace(module.Forwarder, "_forward", forward)


@patch("accept_what_cannot_be_kept", "eventbus.spool")
def _full_spool(module: ModuleType, _: str) -> None:
    """A failing disk is swallowed: 202 instead of 503."""

    def answer(futures: Any, error: Any) -> None:
        for future in futures:
            if not future.done():
                future.set_result(None)

    replace(module, "_answer", answer)


@patch("accept_without_a_signature", "eventsource.signatures")
def _optional_signature(module: ModuleType, _: str) -> None:
    """A missing signature is no reason to refuse."""
    old = module.hub_signature
    replace(module, "hub_signature", lambda header, *args, **options: header and old(header, *args, **options))


@patch("compare_the_beginning_of_a_signature", "eventsource.signatures")
def _prefix_comparison(module: ModuleType, _: str) -> None:
    """Only as much as was given is compared."""

    def any_equal(given: bytes, expected: Any) -> bool:
        return any(len(given) > 8 and one.startswith(given) for one in expected)

    replace(module, "_any_equal", any_equal)


# -- the bus -----------------------------------------------------------------------------------------------------------


@patch("drop_the_oldest", "eventbus.stream")
def _drop_the_oldest(module: ModuleType, _: str) -> None:
    """A full stream drops what nobody has read, as in the reference."""
    old = module.StreamSettings.request
    replace(module.StreamSettings, "request", lambda self: {**old(self), "max_msgs": 300, "discard": "old"})


@patch("a_new_consumer_for_each_process", "eventbus.subjects")
def _random_durable(module: ModuleType, _: str) -> None:
    """What came while the sensor was away is nobody's."""
    replace(module, "durable", lambda namespace, sensor: f"sensor-{os.urandom(6).hex()}")


# -- the sensor --------------------------------------------------------------------------------------------------------


@patch("ack_before_the_submission", "sensor.runner")
def _early_ack(module: ModuleType, _: str) -> None:
    """A message is acknowledged as soon as it has arrived."""
    old = module.SensorRunner._take

    async def take(self: Any, batch: Any) -> None:
        for message in batch:
            await message.ack()
        await old(self, batch)

    replace(module.SensorRunner, "_take", take)


@patch("ack_a_post_before_its_bindings", "sensor.bindings.runner")
def _early_ack_of_posts(module: ModuleType, _: str) -> None:
    """A posted event is acknowledged before its bindings have run."""
    old = module.BindingRunner._settle

    async def settle(self: Any, posted: Any) -> None:
        await posted.message.ack()
        await old(self, posted)

    replace(module.BindingRunner, "_settle", settle)


@patch("filter_error_is_false", "sensor.dependencies")
def _quiet_error(module: ModuleType, _: str) -> None:
    """A filter that fails is taken for one that said no."""
    from events.models.values import Verdict, VerdictKind

    old = module.CompiledDependency.decide

    def decide(self: Any, event: Any) -> Any:
        decision = old(self, event)
        if decision.verdict.kind is VerdictKind.ERROR:
            verdict = Verdict(VerdictKind.FAILED, decision.verdict.clause, decision.verdict.reason)
            return dataclasses.replace(decision, verdict=verdict)
        return decision

    replace(module.CompiledDependency, "decide", decide)


@patch("filters_pass_everything", "sensor.dependencies")
def _open_filters(module: ModuleType, _: str) -> None:
    """Whatever a filter says, the event counts."""
    from events.models.values import Verdict, VerdictKind

    old = module.CompiledDependency.decide

    def decide(self: Any, event: Any) -> Any:
        return dataclasses.replace(old(self, event), verdict=Verdict(VerdictKind.PASSED))

    replace(module.CompiledDependency, "decide", decide)


@patch("drop_the_409_check", "sensor.triggers._objects")
def _trusting_409(module: ModuleType, _: str) -> None:
    """A name that is taken counts as ours, whoever has it."""
    from events.kube import AlreadyExists
    from events.models.values import Outcome, OutcomeKind

    async def create_once(submission: Any, tools: Any) -> Any:
        try:
            await tools.kube.create(submission.body)
        except AlreadyExists:
            pass
        return Outcome(OutcomeKind.SUBMITTED, submission.body["metadata"]["name"])

    replace(module, "create_once", create_once)


@patch("409_is_a_failure", "sensor.triggers._objects")
def _strict_409(module: ModuleType, _: str) -> None:
    """A name that is taken is never ours, although we have asked before."""
    replace(module, "ANNOTATION_EVENT", "somebody/else")
    old = module.ObjectRenderer.render

    def render(self: Any, context: Any) -> Any:
        obj = old(self, context)
        obj["metadata"]["annotations"]["somebody/else"] = os.urandom(4).hex()
        return obj

    replace(module.ObjectRenderer, "render", render)


@patch("random_workflow_name", "sensor.naming")
def _random_name(module: ModuleType, _: str) -> None:
    """Each attempt has a name of its own, as ``generateName`` gives it."""
    replace(module, "generated_name", lambda generate_name, key: f"{generate_name}{os.urandom(6).hex()}")


@patch("a_timeout_is_final", "events.kube.client")
def _final_timeout(module: ModuleType, _: str) -> None:
    """What the API server did not answer is given up."""
    from events.errors import Refused, Unavailable

    old = module.Cluster.request

    async def call(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return await old(self, *args, **options)
        except Unavailable as error:
            raise Refused(str(error)) from error

    replace(module.Cluster, "request", call)


@patch("forget_the_ledger", "eventbus.ledger")
def _forgetful_ledger(module: ModuleType, _: str) -> None:
    """What became of an event is not written down."""

    async def record(self: Any, *args: Any, **options: Any) -> None:
        return None

    replace(module.Ledger, "record", record)


@patch("keep_joins_in_memory", "sensor.joining")
def _volatile_joins(module: ModuleType, _: str) -> None:
    """The matches of a join are acknowledged without being kept."""

    async def save(self: Any, beside: int | None = None) -> None:
        return None

    replace(module.Joining, "_save", save)


@patch("a_join_keeps_its_matches", "sensor.join")
def _sticky_join(module: ModuleType, _: str) -> None:
    """A complete set is not forgotten, so the next event completes another."""
    old = module.offer

    def offer(condition: Any, state: Any, match: Any) -> Any:
        after, complete = old(condition, state, match)
        return (module.JoinState(dict(complete.matches)) if complete is not None else after), complete

    replace(module, "offer", offer)


@patch("ask_a_target_without_mercy", "sensor.breaker")
def _no_breaker(module: ModuleType, _: str) -> None:
    """A target that is away is asked for each event."""
    replace(module.Target, "wait", lambda self, now: 0.0)
