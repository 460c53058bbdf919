"""The node of the test bed does what tests take from a kubelet."""

from __future__ import annotations

import json
import os
import signal
import urllib.request

import pytest

from tests.support.bed import Space
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.up import eventually

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube]

PODS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {nats.conf: "http: 8222, server_name: $POD_NAME, jetstream {store_dir: /data}"}
---
apiVersion: v1
kind: Service
metadata: {name: bus}
spec: {selector: {app: bus}, ports: [{name: monitor, port: 80, targetPort: monitor}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: bus}
spec:
  replicas: 2
  selector: {matchLabels: {app: bus}}
  template:
    metadata: {labels: {app: bus}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: main
        image: nats:test
        args: [--config, /etc/nats/nats.conf]
        env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        ports: [{name: monitor, containerPort: 8222}]
        readinessProbe: {httpGet: {path: /healthz, port: monitor}}
        securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        volumeMounts: [{name: conf, mountPath: /etc/nats}, {name: data, mountPath: /data}]
      volumes:
      - {name: conf, configMap: {name: conf}}
      - {name: data, emptyDir: {}}
"""


def test_a_deployment_runs_is_reached_by_its_service_restarts_and_goes_away(space: Space) -> None:
    space.apply(PODS)
    space.rolled_out("deployment/bus")
    url = f"http://{space.address('bus')}/varz"

    def answering() -> set[str]:
        return {json.load(urllib.request.urlopen(url, timeout=5))["server_name"] for _ in range(20)}

    pods = {pod["metadata"]["name"]: pod for pod in space.find("pods")}
    eventually(lambda: answering() == set(pods))  # the Service learns of a pod after its Deployment did

    killed, other = sorted(pods)
    os.kill(space.process(pods[killed]), signal.SIGKILL)
    eventually(lambda: restarts(space, killed) == 1)
    eventually(lambda: answering() == {killed, other})

    space.kubectl("delete", "deployment,service,configmap", "--all")
    space.emptied("pods", "replicasets")
    assert "Initiating Shutdown" in space.node.logs()[f"{space.name}_{other}_main"]


def restarts(space: Space, name: str) -> int:
    pod = space.get("pod", name)
    assert pod is not None
    status = pod["status"]["containerStatuses"][0]
    return int(status["restartCount"]) if status["ready"] else -1
