"""When a sensor's pod is ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from events.cli.sensor_pod import SensorPod
from events.cli.state import StateFolder
from events.models.sensor import Sensor
from events.secrets import Vault


@pytest.mark.parametrize(
    ("holder", "working", "ready"),
    [(None, False, False), ("", False, False), ("pod-1", False, False), ("pod-2", False, True), ("pod-1", True, True)],
    ids=["no lease yet", "nobody has it", "it has it and begins", "another works", "it works"],
)
def test_a_pod_is_ready_when_it_or_another_reads_what_comes(
    tmp_path: Any, holder: str | None, working: bool, ready: bool
) -> None:
    sensor = Sensor.model_validate({"metadata": {"name": "ci"}, "spec": {}})
    bus: Any = SimpleNamespace(is_up=True)
    kube: Any = None
    pod: Any = SensorPod(sensor, "ns", bus, Vault(), kube, StateFolder(tmp_path), retention=1.0, owner="pod-1")
    pod._trouble = "the bus gave no answer" if working else ""
    pod._lease = None if holder is None else SimpleNamespace(holder=holder)
    pod._process = SimpleNamespace(unready=list) if working else None

    assert pod.unready() == ([] if ready else ["no pod of this sensor works yet"])
