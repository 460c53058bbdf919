"""A bus without a volume that comes back empty: what comes from then on is worked on, by itself."""

from __future__ import annotations

import pytest

from eventbus.jetstream import JetStreamBus
from tests.chaos.system import Target
from tests.support.nats import event, nats
from tests.support.sensor_pods import Deployment
from tests.test_sensor_pods import active, bus, made, pods, target, until

__all__ = ["bus", "nats", "pods", "target"]

pytestmark = pytest.mark.timeout(240)


async def test_another_pod_goes_on_when_the_bus_has_lost_everything(
    bus: JetStreamBus, target: Target, pods: Deployment
) -> None:
    first, second = pods.pod("first"), pods.pod("second")
    await active(pods)
    await until(lambda: first.is_ready and second.is_ready)
    await bus.publish(event("before"))
    await until(lambda: made(target).total() == 1)

    for name in (await bus.api.call("STREAM.NAMES"))["streams"]:
        await bus.api.call(f"STREAM.DELETE.{name}")
    for n in range(50):
        await bus.publish(event(f"after-{n}"))  # makes the stream anew

    await until(lambda: made(target).total() == 51, 60, lambda: first.log[-2000:] + second.log[-2000:])
    assert set(made(target).values()) == {1}
