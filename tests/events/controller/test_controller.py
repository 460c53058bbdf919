"""The controller on a real API server and controller manager: what is applied comes to be, and nothing more is written."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from events.kube.control import Control
from tests.support.controlled import World, bus, exotic_bus, running, said, sensor, settled, source, until
from tests.support.kube import ApiServer, needs_control_plane, needs_kube
from tests.support.pod_fields import ALLOWED, REFUSED

pytestmark = [pytest.mark.kube, needs_kube, needs_control_plane]

Object = dict[str, Any]


def _image(deployment: Object) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_what_is_applied_comes_to_be_with_pods_that_a_restricted_namespace_takes(
    world: World, control: Control
) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(bus(persistence={"volumeSize": "1Gi"}), source(replicas=2), sensor())

        for kind, name in (("EventBus", "default"), ("EventSource", "hooks"), ("Sensor", "build")):
            await world.condition(kind, name, "Deployed", "True")
        deployment = await world.get("Deployment", "hooks-eventsource", "apps/v1")
        assert deployment["spec"]["replicas"] == 2
        assert (await world.get("Service", "hooks-eventsource-svc", "v1"))["spec"]["ports"][0]["port"] == 12000
        assert await world.get("Deployment", "build-sensor", "apps/v1")
        assert await world.get("StatefulSet", "eventbus-default-js", "apps/v1")
        config = (await world.get("EventBus", "default"))["status"]["config"]["jetstream"]
        assert config["url"] == f"nats://eventbus-default-js-svc.{world.namespace}.svc:4222"
        spec = await world.get("ConfigMap", "build-sensor-spec", "v1")
        assert json.loads(spec["data"]["bus.json"]) == {
            "name": "default",
            "ours": True,
            "config": {"jetstream": config},
        }

        async def pods() -> bool:
            return len(await world.find("Pod", "v1")) == 4

        await until(pods)


async def test_a_change_reaches_the_children_within_a_second(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), source(), sensor())
        before = await world.get("Deployment", "build-sensor", "apps/v1")
        await settled(controller)
        begin = time.monotonic()
        await world.apply(sensor(parameter="body.b"))

        async def rolled() -> bool:
            now = await world.get("Deployment", "build-sensor", "apps/v1")
            return bool(now["spec"]["template"] != before["spec"]["template"])

        await until(rolled)
        assert time.monotonic() - begin < 1
        assert "body.b" in (await world.get("ConfigMap", "build-sensor-spec", "v1"))["data"]["object.json"]


async def test_an_unchanged_world_is_not_written_nor_asked_also_by_a_new_controller(
    world: World, control: Control, plane: ApiServer
) -> None:
    template = {"container": {"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}}}
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus(), source(template=template), sensor(replicas=1))
        await world.condition("EventSource", "hooks", "Deployed", "True")
        await settled(controller, 2)
        since = time.time()
        await asyncio.sleep(3)
        assert said(plane.requests("controller", since)) == []
    since = time.time()

    async with running(control, namespaces=(world.namespace,)) as controller:
        await settled(controller, 2)

    assert said(plane.writes("controller", since)) == []


async def test_what_others_change_of_ours_is_put_right_and_what_they_add_stays(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), source())
        deployment = await world.get("Deployment", "hooks-eventsource", "apps/v1")
        await settled(controller)
        edit = {"containers": [{"name": "main", "image": "evil"}]}
        labels = {"theirs": "kept"}
        await world.admin.apply(
            {
                **{name: deployment[name] for name in ("apiVersion", "kind")},
                "metadata": {"name": "hooks-eventsource", "namespace": world.namespace, "labels": labels},
                "spec": {"template": {"spec": edit}},
            },
            force=True,
        )

        async def restored() -> bool:
            return _image(await world.get("Deployment", "hooks-eventsource", "apps/v1")) == "pointsman:test"

        await until(restored)
        await settled(controller)
        assert (await world.get("Deployment", "hooks-eventsource", "apps/v1"))["metadata"]["labels"]["theirs"] == "kept"
        await world.delete("ConfigMap", "hooks-eventsource-spec", "v1")
        await asyncio.sleep(0.3)
        assert await world.get("ConfigMap", "hooks-eventsource-spec", "v1")


async def test_a_service_goes_with_its_ports_and_comes_anew_with_another_address(
    world: World, control: Control
) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source())
        first = await world.get("Service", "hooks-eventsource-svc", "v1")
        await world.apply(source(service={"ports": [{"port": 12000}], "clusterIP": "None"}))

        async def headless() -> bool:
            now = await world.get("Service", "hooks-eventsource-svc", "v1")
            return bool(now["spec"]["clusterIP"] == "None" and now["metadata"]["uid"] != first["metadata"]["uid"])

        await until(headless)
        await world.apply(source(service={"ports": []}))

        async def gone() -> bool:
            return await world.admin.get("v1", "Service", world.namespace, "hooks-eventsource-svc") is None

        await until(gone)


async def test_a_bus_stays_while_somebody_is_on_it_and_nothing_is_left_behind_at_the_end(
    world: World, control: Control
) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(bus(persistence={"volumeSize": "1Gi"}), source(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")

        async def claimed() -> bool:
            return bool(await world.find("PersistentVolumeClaim", "v1"))

        await until(claimed)
        await world.delete("EventBus", "default")
        condition = await world.condition("EventBus", "default", "Deployed", "False")
        assert condition["message"] == "Can not delete an EventBus with 1 EventSources connected."
        await world.delete("EventSource", "hooks")
        await world.delete("Sensor", "build")

        async def nothing() -> bool:
            kinds = [("EventBus", "argoproj.io/v1alpha1"), ("Deployment", "apps/v1"), ("StatefulSet", "apps/v1")]
            kinds += [(kind, "v1") for kind in ("Service", "Secret", "Pod", "ConfigMap", "PersistentVolumeClaim")]
            left = [
                f"{kind} {obj['metadata']['name']}"
                for kind, version in kinds
                for obj in await world.find(kind, version)
            ]
            return left == ["ConfigMap kube-root-ca.crt"]

        await until(nothing, 60)


async def test_those_who_wait_for_a_bus_are_deployed_when_it_is_there(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(source(), sensor())
        condition = await world.condition("EventSource", "hooks", "Deployed", "False")
        assert condition["reason"] == "EventBusNotFound"
        assert "'default'" in condition["message"]
        await world.apply({**exotic_bus(), "spec": {"jetstreamExotic": {}}})

        async def not_ready() -> bool:
            found = await world.condition("Sensor", "build", "Deployed", "False")
            return bool(found["reason"] == "EventBusNotReady" and "url: must be given" in found["message"])

        await until(not_ready)
        await world.apply(exotic_bus())

        for kind, name in (("EventSource", "hooks"), ("Sensor", "build")):
            await world.condition(kind, name, "Deployed", "True", seconds=2)


async def test_a_wrong_specification_leaves_what_runs_alone_and_says_what_is_wrong_where(
    world: World, control: Control
) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), sensor())
        before = await world.get("Deployment", "build-sensor", "apps/v1")
        wrong = sensor()
        wrong["spec"]["triggers"][0]["template"]["conditions"] = "push && ("

        await world.apply(wrong)

        condition = await world.condition("Sensor", "build", "TriggersProvided", "False")
        assert "spec.triggers[0].template.conditions" in condition["message"]
        await world.condition("Sensor", "build", "Deployed", "False")
        await settled(controller)
        after = await world.get("Deployment", "build-sensor", "apps/v1")
        assert (
            after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
            or after["spec"] == before["spec"]
        )


async def test_a_forbidden_field_is_refused_in_the_status_and_in_an_event(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), source(template={"container": {"securityContext": {"privileged": True}}}))

        condition = await world.condition("EventSource", "hooks", "Deployed", "False")

        assert "spec.template.container.securityContext.privileged" in condition["message"]
        await settled(controller)
        assert await world.find("Deployment", "apps/v1") == []
        events = [e for e in await world.find("Event", "v1") if e["involvedObject"]["kind"] == "EventSource"]
        assert [(e["type"], e["reason"]) for e in events if "privileged" in e["message"]] == [
            ("Warning", "BuildDeploymentSpecFailed")
        ]


async def test_missing_keys_are_named_without_values_and_the_rest_is_deployed(world: World, control: Control) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gh"}, "stringData": {"other": "s3cr3t"}}
    async with running(control, namespaces=(world.namespace,)):
        github = {
            "webhook": {"port": "12000", "endpoint": "/gh", "method": "POST"}, "events": ["*"], "contentType": "json",
            "repositories": [{"owner": "o", "names": ["r"]}], "webhookSecret": {"name": "gh", "key": "hook"},
        }  # fmt: skip
        await world.apply(secret, exotic_bus(), source(github={"a": github}))

        condition = await world.condition("EventSource", "hooks", "SourcesProvided", "False")

        assert condition["message"] == "spec.github.a.webhookSecret: Secret 'gh' has no key 'hook'"
        await world.condition("EventSource", "hooks", "Deployed", "True")


async def test_an_object_of_somebody_else_is_never_taken_over(world: World, control: Control) -> None:
    container = {"name": "x", "image": "theirs", "securityContext": {"runAsUser": 1}}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "build-sensor"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [container]}},
        },
    }
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(theirs, exotic_bus(), sensor())

        condition = await world.condition("Sensor", "build", "Deployed", "False")

        assert condition["reason"] == "CreateDeploymentFailed"
        assert "there is a Deployment 'build-sensor' already, and it is not ours" in condition["message"]
        assert _image(await world.get("Deployment", "build-sensor", "apps/v1")) == "theirs"


async def test_a_selector_chooses_the_namespaces(world: World, control: Control) -> None:
    async with running(control, namespace_selector="test=elsewhere") as controller:
        await world.apply(exotic_bus(), sensor())
        await settled(controller, 1)
        assert await world.find("Deployment", "apps/v1") == []
        assert "status" not in await world.get("Sensor", "build")

        world.server.kubectl("label", "namespace", world.namespace, "test=elsewhere", "--overwrite")

        await world.condition("Sensor", "build", "Deployed", "True")


async def test_credentials_are_made_once_and_again_only_when_they_are_missing(world: World, control: Control) -> None:
    async def client() -> str:
        return str((await world.get("Secret", "eventbus-default-js-client-auth", "v1"))["data"]["client-auth"])

    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus())
        await world.condition("EventBus", "default", "Deployed", "True")
        before = await client()
        pods = (await world.get("StatefulSet", "eventbus-default-js", "apps/v1"))["spec"]["template"]
        await world.apply(bus(maxPayload="2MB"))
        await settled(controller)
        assert await client() == before
        await world.delete("Secret", "eventbus-default-js-server", "v1")
        await world.apply(bus(maxPayload="3MB"))
        await settled(controller)

        assert await client() != before
        assert (await world.get("StatefulSet", "eventbus-default-js", "apps/v1"))["spec"]["template"] != pods


async def test_finalizers_of_argo_events_do_not_hold_what_we_look_after(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)):
        old = sensor()
        old["metadata"]["finalizers"] = ["sensor-controller"]
        await world.apply(exotic_bus(), old)
        await world.condition("Sensor", "build", "Deployed", "True")
        await world.delete("Sensor", "build")

        async def gone() -> bool:
            return await world.find("Sensor") == []

        await until(gone)


async def test_what_argo_events_made_for_an_object_is_replaced(world: World, control: Control) -> None:
    await world.apply(exotic_bus(), sensor())
    owner = await world.get("Sensor", "build")
    labels = {"controller": "sensor-controller", "sensor-name": "build", "owner-name": "build"}
    reference = {
        **{name: owner[name] for name in ("apiVersion", "kind")},
        "controller": True,
        "blockOwnerDeletion": True,
    }
    reference |= {name: owner["metadata"][name] for name in ("name", "uid")}
    spec = {"containers": [{"name": "main", "image": "argo", "securityContext": {"runAsUser": 1}}]}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "build-sensor-x7f2k", "labels": labels, "ownerReferences": [reference]},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    await world.apply(theirs)
    async with running(control, namespaces=(world.namespace,)):

        async def replaced() -> bool:
            return [obj["metadata"]["name"] for obj in await world.find("Deployment", "apps/v1")] == ["build-sensor"]

        await until(replaced)


async def test_the_credentials_that_argo_events_made_are_kept_and_completed(world: World, control: Control) -> None:
    await world.apply(bus())
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.condition("EventBus", "default", "Deployed", "True")
        await settled(controller)
        before = await world.get("Secret", "eventbus-default-js-client-auth", "v1")
        removal = {"data": {"ca.crt": None}}
        await world.admin.patch({**before, "apiVersion": "v1", "kind": "Secret"}, removal)
        await world.apply(bus(maxPayload="2MB"))
        await settled(controller)

        assert (await world.get("Secret", "eventbus-default-js-client-auth", "v1"))["data"] == before["data"]


async def test_credentials_that_do_not_belong_together_are_made_anew(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus())
        await world.condition("EventBus", "default", "Deployed", "True")
        await settled(controller)
        secret = await world.get("Secret", "eventbus-default-js-client-auth", "v1")
        other = base64.b64encode(b"username: a\npassword: of-an-older-server\n").decode()
        await world.admin.patch({**secret, "apiVersion": "v1", "kind": "Secret"}, {"data": {"client-auth": other}})
        await world.apply(bus(maxPayload="2MB"))
        await settled(controller)

        assert (await world.get("Secret", "eventbus-default-js-client-auth", "v1"))["data"]["client-auth"] != other


async def test_the_stored_events_stay_readable_when_the_passwords_are_made_anew(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus())
        await world.condition("EventBus", "default", "Deployed", "True")
        await settled(controller)
        before = (await world.get("Secret", "eventbus-default-js-server", "v1"))["data"]
        await world.delete("Secret", "eventbus-default-js-client-auth", "v1")
        await world.apply(bus(maxPayload="2MB"))
        await settled(controller)

        after = (await world.get("Secret", "eventbus-default-js-server", "v1"))["data"]
        assert (after["encryption"] == before["encryption"], after["auth"] == before["auth"]) == (True, False)


async def test_why_pods_cannot_be_made_stands_in_the_status(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), sensor(template={"serviceAccountName": "nobody"}))

        async def told() -> bool:
            condition = await world.condition("Sensor", "build", "Deployed", "True")
            return 'serviceaccount "nobody" not found' in condition.get("message", "")

        await until(told)


async def test_that_a_bus_lacks_pods_stands_in_the_status_until_it_has_them(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus(serviceAccountName="nobody"))

        async def says(text: str) -> bool:
            condition = await world.condition("EventBus", "default", "Deployed", "True")
            return text in condition.get("message", "") + condition["reason"]

        await until(lambda: says("0 of 1 pods are there (kubectl describe statefulset eventbus-default-js says why)"))
        await world.apply(bus())
        await until(lambda: says("Succeeded"))
        await settled(controller)


async def test_what_a_template_says_no_more_is_gone_from_the_pods(world: World, control: Control) -> None:
    given = {
        "serviceAccountName": "strong", "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}], "priority": 3,
        "imagePullSecrets": [{"name": "r"}], "priorityClassName": "high", "affinity": {"podAntiAffinity": {}},
        "securityContext": {"runAsUser": 7, "supplementalGroups": [3]}, "metadata": {"labels": {"l": "m"}, "annotations": {"x": "y"}},
    }  # fmt: skip
    container = {
        "resources": {"limits": {"cpu": 1}}, "imagePullPolicy": "Always", "env": [{"name": "A", "value": "1"}],
        "envFrom": [{"secretRef": {"name": "s"}}], "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "securityContext": {"runAsUser": 8, "readOnlyRootFilesystem": False},
    }  # fmt: skip
    template = {**given, "container": container, "volumes": [{"name": "v", "emptyDir": {}}]}

    async def pods() -> list[Object]:
        made = [("Deployment", "hooks-eventsource"), ("Deployment", "build-sensor"), ("StatefulSet", "eventbus-b-js")]
        return [(await world.get(kind, name, "apps/v1"))["spec"]["template"] for kind, name in made]

    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), bus("b"), source(), sensor())
        await settled(controller)
        bare = await pods()
        simple = {"containerTemplate": {name: container[name] for name in ("resources", "securityContext")}}
        service = {
            "ports": [{"port": 12000}],
            "clusterIP": "None",
            "metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}},
        }
        await world.apply(
            bus("b", **given, **simple), source(template=template, service=service), sensor(template=template)
        )
        await settled(controller)
        assert [pod["spec"]["serviceAccountName"] for pod in await pods()] == ["strong"] * 3
        assert (await world.get("Service", "hooks-eventsource-svc", "v1"))["spec"]["clusterIP"] == "None"
        await world.apply(bus("b"), source(), sensor())
        await settled(controller)

        assert await pods() == bare
        plain = await world.get("Service", "hooks-eventsource-svc", "v1")
        assert (plain["spec"]["clusterIP"] != "None", "a" in plain["metadata"]["annotations"]) == (True, False)
        assert "c" not in plain["metadata"]["labels"]


async def test_that_a_secret_of_somebody_elses_bus_is_missing_stands_in_its_status(
    world: World, control: Control
) -> None:
    access = {
        "url": "nats://elsewhere:4222",
        "tls": {"enabled": True},
        "accessSecret": {"name": "argo-bus", "key": "client-auth"},
    }
    async with running(control, namespaces=(world.namespace,)):
        await world.apply({**exotic_bus(), "spec": {"jetstreamExotic": access}}, sensor())

        told = await world.condition("EventBus", "default", "Configured", "True")
        assert "spec.jetstreamExotic.accessSecret: there is no Secret 'argo-bus'" in told["message"]
        await world.condition("Sensor", "build", "Deployed", "True")


async def test_what_outlives_its_object_on_purpose_is_taken_up_by_the_next_one(world: World, control: Control) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    labels = {"controller": "eventbus-controller", "eventbus-name": "default", "owner-name": "default"}
    kinds = (("StatefulSet", "apps/v1"), ("Deployment", "apps/v1"), ("Secret", "v1"), ("PersistentVolumeClaim", "v1"))

    async def uids() -> set[str]:
        found = [await world.find(*kind) for kind in kinds]
        return {obj["metadata"]["uid"] for objs in found for obj in objs}

    async with running(control, namespaces=(world.namespace,)) as controller:
        volume = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "v", "labels": labels}}
        await world.apply(bus(), sensor(), {**volume, "spec": claim})
        await world.condition("Sensor", "build", "Deployed", "True")
        before = await uids()
        for name in ("sensor/build", "eventbus/default"):
            world.server.kubectl("delete", name, "-n", world.namespace, "--cascade=orphan", "--wait=false")

        async def gone() -> bool:
            return not await world.find("Sensor") and not await world.find("EventBus")

        await until(gone, 60)  # the garbage collector looks for new kinds twice a minute
        await settled(controller)
        assert await uids() == before

        await world.apply(bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")

        assert await uids() == before
        (deployment,) = await world.find("Deployment", "apps/v1")
        new = await world.get("Sensor", "build")
        assert deployment["metadata"]["ownerReferences"][0]["uid"] == new["metadata"]["uid"]


GITHUB = {
    "webhook": {"port": "12000", "endpoint": "/gh", "method": "POST"}, "events": ["*"], "contentType": "json",
    "repositories": [{"owner": "o", "names": ["r"]}], "deleteHookOnFinish": True,
}  # fmt: skip


async def test_a_namespace_can_be_deleted_with_an_eventsource_whose_hooks_are_to_go(
    world: World, control: Control
) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source(github={"a": GITHUB}))
        await world.condition("EventSource", "hooks", "Deployed", "True")
        world.server.kubectl("delete", "namespace", world.namespace, "--wait=false")

        async def gone() -> bool:
            return not await world.find("EventSource") and not await world.find("EventBus")

        await until(gone, 30)


async def test_the_job_for_the_hooks_has_a_name_that_kubernetes_takes(world: World, control: Control) -> None:
    name = "n" * 60
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source(name, service={}, github={"a": GITHUB}))
        await world.condition("EventSource", name, "Deployed", "True")
        await world.delete("EventSource", name)

        async def made() -> bool:
            return len(await world.find("Job", "batch/v1")) == 1

        await until(made)


async def test_hooks_are_deleted_by_a_job_before_an_eventsource_goes(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source(github={"a": GITHUB}))
        await world.condition("EventSource", "hooks", "Deployed", "True")
        await world.delete("EventSource", "hooks")

        job = await world.get("Job", "hooks-eventsource-hooks", "batch/v1")

        assert await world.find("Deployment", "apps/v1") == []
        pod = job["spec"]["template"]
        assert pod["spec"]["containers"][0]["args"] == ["hooks", "delete", "--on-finish"]
        assert "eventsource-name" not in pod["metadata"]["labels"]

        async def made() -> bool:
            return len(await world.find("Pod", "v1")) == 1

        await until(made)
        assert await world.find("EventSource")
        for ended in await world.find("Pod", "v1"):
            await world.admin.patch(ended, {"status": {"phase": "Succeeded"}}, part="status")

        async def gone() -> bool:
            return await world.find("EventSource") == []

        await until(gone)


async def test_an_object_that_is_nested_too_deeply_hides_no_other(world: World, control: Control) -> None:
    def nested(levels: int) -> Object:
        inner: Object = {}
        for _ in range(levels):
            inner = {"a": inner}
        return inner

    await world.apply({**source("readable"), "spec": {"unheardOf": nested(300)}})  # but not to be written
    text = json.dumps({**source("deepest"), "spec": {"unheardOf": 0}})
    deepest = text.replace('"unheardOf": 0', '"unheardOf": ' + '{"a":' * 3000 + "1" + "}" * 3000)
    world.server.kubectl("create", "-n", world.namespace, "--validate=false", "-f", "-", stdin=deepest)

    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")

        world.server.kubectl(
            "create", "-n", world.namespace, "--validate=false", "-f", "-", stdin=deepest.replace("deepest", "deep")
        )
        await world.apply(sensor("other"))
        await world.condition("Sensor", "other", "Deployed", "True")


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ({"volumes": [None]}, "volumes[3].name"),
        ({"container": {"env": [None]}}, "env[5].name"),
        ({"container": {"volumeMounts": [None]}}, "volumeMounts[3].name"),
        ({"securityContext": {"sysctls": {"name": "x"}}}, "sysctls: expected list"),
    ],
)
async def test_what_the_api_server_refuses_of_a_template_is_told_at_once(
    world: World, control: Control, template: Object, word: str
) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source(template=template))

        condition = await world.condition("EventSource", "hooks", "Deployed", "False", seconds=60)

    assert condition["reason"] == "CreateDeploymentFailed"
    assert word in condition["message"]


async def test_fields_that_the_cluster_does_not_know_are_left_out_and_all_others_arrive(
    world: World, control: Control
) -> None:
    template = {"affinity": {"x": 1}, "priority": 0, "container": {"securityContext": {"y": 1, "runAsUser": 7}}}
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), source(template=template))
        await world.condition("EventSource", "hooks", "Deployed", "True")
        await settled(controller)
        made = await world.get("Deployment", "hooks-eventsource", "apps/v1")

        await world.apply(source(template={**template, "priority": 1}))
        await until(lambda: _has(world, "hooks-eventsource", priority=1))

    pod = made["spec"]["template"]["spec"]
    (main,) = pod["containers"]
    assert (pod["affinity"], pod["priority"], main["securityContext"]["runAsUser"]) == ({}, 0, 7)
    assert {mount["mountPath"] for mount in main["volumeMounts"]} >= {"/tmp", "/etc/pointsman"}


async def test_a_fault_of_ours_with_one_object_is_told_and_the_others_are_looked_after(
    world: World, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("events.controller.sensor._provided", fail)
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(sensor())
        assert (await world.condition("Sensor", "build", "Deployed", "False"))["reason"] == "InternalError"

        await world.apply(exotic_bus())
        await world.condition("EventBus", "default", "Deployed", "True")


async def _has(world: World, name: str, **fields: Any) -> bool:
    found = await world.get("Deployment", name, "apps/v1")
    return fields.items() <= found["spec"]["template"]["spec"].items()


async def test_none_of_the_forbidden_fields_gets_past_and_all_of_the_allowed_ones_make_pods(
    world: World, control: Control
) -> None:
    refused = {f"refused-{n}": (path, template) for n, (path, template) in enumerate(REFUSED.items())}
    assert len(refused) >= 30
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), *(source(name, template=template) for name, (_, template) in refused.items()))
        await world.apply(*(sensor(f"allowed-{n}", template=template) for n, template in enumerate(ALLOWED)))

        for name, (path, _) in refused.items():
            assert path in (await world.condition("EventSource", name, "Deployed", "False"))["message"]
        for n in range(len(ALLOWED)):
            await world.condition("Sensor", f"allowed-{n}", "Deployed", "True")
        deployments = await world.find("Deployment", "apps/v1")
        assert {obj["metadata"]["name"] for obj in deployments} == {f"allowed-{n}-sensor" for n in range(len(ALLOWED))}

        async def made() -> bool:
            return len(await world.find("Pod", "v1")) == len(ALLOWED)

        await until(made)  # the namespace enforces `restricted`


async def test_a_fight_over_a_child_is_told_and_fought_slowly(world: World, control: Control, plane: ApiServer) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")
        deployment = await world.get("Deployment", "build-sensor", "apps/v1")
        since = time.time()
        theirs = {
            **{name: deployment[name] for name in ("apiVersion", "kind")},
            "metadata": {"name": "build-sensor", "namespace": world.namespace},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "theirs"}]}}},
        }

        async def fight() -> None:
            while True:
                await world.admin.apply(theirs, force=True)
                await asyncio.sleep(0.05)

        fighting = asyncio.create_task(fight())
        condition = await world.condition("Sensor", "build", "Deployed", "False")
        await asyncio.sleep(2)
        fighting.cancel()

        assert "somebody else keeps changing Deployment 'build-sensor'" in condition["message"]
        ours = [words for words in said(plane.writes("controller", since)) if "deployments" in words]
        assert len(ours) == 5


async def test_what_a_statefulset_cannot_change_is_told_and_all_else_of_the_bus_is_changed(
    world: World, control: Control, plane: ApiServer
) -> None:
    async def servers() -> Object:
        return await world.get("StatefulSet", "eventbus-default-js", "apps/v1")

    def size(stateful_set: Object) -> str:
        (claim,) = stateful_set["spec"]["volumeClaimTemplates"]
        return str(claim["spec"]["resources"]["requests"]["storage"])

    larger = bus(persistence={"volumeSize": "2Gi"}, nodeSelector={"disk": "ssd"})
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(bus(persistence={"volumeSize": "1Gi"}))
        await world.condition("EventBus", "default", "Deployed", "True")
        await world.apply(larger)
        told = await world.condition("EventBus", "default", "Configured", "True")
        await settled(controller)

        made = await servers()
        assert (size(made), made["spec"]["template"]["spec"]["nodeSelector"]) == ("1Gi", {"disk": "ssd"})
        assert told["message"].startswith("spec.jetstream.persistence: is not changed")
        since = time.time()
        await asyncio.sleep(2)
        assert said(plane.requests("controller", since)) == []

        plane.kubectl("delete", "statefulset", "-n", world.namespace, "eventbus-default-js", "--cascade=orphan")

        async def anew() -> bool:
            there = await servers()
            return there["metadata"]["uid"] != made["metadata"]["uid"] and size(there) == "2Gi"

        await until(anew)
        assert not (await world.condition("EventBus", "default", "Configured", "True")).get("message")
        (pod,) = await world.find("Pod", "v1")
        assert pod["metadata"]["creationTimestamp"] <= (await servers())["metadata"]["creationTimestamp"]
        await world.apply(bus())

        async def kept() -> bool:
            condition = await world.condition("EventBus", "default", "Configured", "True")
            return "is not changed" in condition.get("message", "") and size(await servers()) == "2Gi"

        await until(kept)
