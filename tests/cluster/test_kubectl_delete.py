"""kubectl delete and wait: what goes, what stays, and for what it waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import WAIT, Kubectl, with_kubectl, write_files
from tests.cluster.kubectl_objects import OBJECTS, READY

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=1)
GRACE = "terminationGracePeriodSeconds: 1"
HELD = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: held, finalizers: [example.com/hold]}
"""


async def pods(kubectl: Kubectl, selector: str) -> list[str]:
    return (await kubectl("get", "pods", "-l", selector, "-o", "name")).out.split()


async def owners(kubectl: Kubectl, pod: str) -> list[str]:
    told = json.loads((await kubectl("get", pod, "-o", "json")).out)
    return [each["name"] for each in told["metadata"].get("ownerReferences", [])]


def test_a_cascade_takes_the_pods_or_leaves_them(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=OBJECTS)
        for wait in READY:
            await kubectl(*wait)
        left = await pods(kubectl, "app=back")
        assert await owners(kubectl, left[0]) == ["back"]

        orphaned = await kubectl("delete", "rs", "back", "--cascade=orphan", WAIT)
        assert orphaned.out.startswith('replicaset.apps "back" deleted')
        assert await pods(kubectl, "app=back") == left
        assert await owners(kubectl, left[0]) == []
        await kubectl("delete", "rc/web", "--cascade=foreground", WAIT)
        assert await pods(kubectl, "app=web") == []

        again = '{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"again"},'
        template = '"template":{"metadata":{"labels":{"x":"y"}},"spec":{"containers":'
        spec = f'"spec":{{"replicas":2,{template}[{{"name":"c","image":"i"}}]}}}}}}}}'
        await kubectl("create", "-f", "-", stdin=again + spec)
        await kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "rc/again", WAIT)
        await kubectl("delete", "rc", "again", "--cascade=background", WAIT)
        # The pods go after it: this is what a script waits for.
        await kubectl.try_("wait", "--for=delete", "pods", "-l", "x=y", WAIT)
        assert await pods(kubectl, "x=y") == []

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_what_is_selected_is_deleted(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"objects.yaml": OBJECTS})

    async def scenario(kubectl: Kubectl) -> None:
        for name in ("a", "b", "c", "d"):
            await kubectl("create", "configmap", name)
        await kubectl("label", "cm", "a", "b", "x=y")

        async def left() -> list[str]:
            names = "jsonpath={.items[*].metadata.name}"
            return (await kubectl("get", "cm", "-o", names)).out.split()

        for how in ("server", "client"):
            tried = await kubectl("delete", "cm", "--all", f"--dry-run={how}")
            assert len(tried.lines) == 4
        assert len(await left()) == 4
        assert len((await kubectl("delete", "cm", "-l", "x=y")).lines) == 2
        assert await left() == ["c", "d"]
        await kubectl("delete", "cm", "--field-selector", "metadata.name=c", "--now")
        missing = await kubectl.try_("delete", "cm", "c", "d")
        assert missing.code == 1
        assert missing.out.startswith('configmap "d" deleted')
        assert missing.err == 'Error from server (NotFound): configmaps "c" not found\n'
        await kubectl("delete", "cm", "d", "--ignore-not-found")
        nothing = await kubectl.try_("delete", "cm,secret", "--all")
        assert (nothing.code, nothing.out + nothing.err) == (0, "No resources found\n")

        await kubectl("create", "-f", "objects.yaml")
        await kubectl("delete", "svc/web", "cm/settings")
        by_type = await kubectl("delete", "all", "--all", WAIT)
        assert 'service "headless" deleted' in by_type
        # The controllers may have made pods again before they went.
        await kubectl.until_listed(lambda names: not names, "get", "pods,rc,rs,svc", "-o", "name")
        rest = await kubectl("delete", "-f", "objects.yaml", "--ignore-not-found", WAIT)
        assert len(rest.lines) == 16 - 2 - 2 - 2
        assert (await kubectl("get", "-f", "objects.yaml", "--ignore-not-found")).out == ""

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_grace_finalizers_and_waiting(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        for name in ("graceful", "forced", "now"):
            await kubectl("run", name, "--image=i")
        await kubectl("wait", "pods", "--all", "--for=condition=Ready", WAIT)

        forced = await kubectl.try_("delete", "pod", "forced", "--force", "--grace-period=0")
        assert forced.out.startswith('pod "forced" force deleted')
        assert forced.err.startswith("Warning: Immediate deletion does not wait")
        await kubectl("delete", "pod", "now", "--now", WAIT)
        await kubectl("delete", "pod", "graceful", "--grace-period=1", "--wait=false")
        await kubectl("wait", "pod/graceful", "--for=delete", WAIT)
        assert (await kubectl("get", "pods", "-o", "name")).out == ""

        await kubectl("create", "-f", "-", stdin=HELD)
        slow = await kubectl.refused("delete", "cm", "held", "--timeout=1s")
        assert slow == "error: timed out waiting for the condition on configmaps/held\n"
        held = json.loads((await kubectl("get", "cm", "held", "-o", "json")).out)
        assert held["metadata"]["deletionTimestamp"]
        let_go = '{"metadata":{"finalizers":null}}'
        await kubectl("patch", "cm", "held", "--type=merge", "-p", let_go)
        assert (await kubectl("get", "cm", "held", "--ignore-not-found")).out == ""

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_namespaces_go_with_all_that_is_in_them(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "namespace", "team")
        # The controller looks again when half a pod's grace is over.
        brief = f"{GRACE}, containers: [{{name: main, image"
        objects = OBJECTS.replace("namespace: default", "namespace: team")
        objects = objects.replace("containers: [{name: main, image", brief)
        objects = objects.replace(
            "spec:\n      containers:", f"spec:\n      {GRACE}\n      containers:"
        )
        await kubectl("create", "-n", "team", "-f", "-", stdin=objects)
        await kubectl("delete", "namespace", "team", "--wait=false")
        refused = await kubectl.refused("create", "cm", "late", "-n", "team")
        assert "because it is being terminated" in refused or '"team" not found' in refused
        await kubectl("wait", "--for=delete", "ns/team", WAIT)

        everything = "pods,rc,rs,svc,ep,endpointslices,cm,secrets,sa,quota,limits,pvc,leases,events"
        left = await kubectl.try_("get", everything, "-n", "team", "-o", "name")
        assert left.out == ""
        assert (await kubectl("get", "pv", "-o", "name")).out == "persistentvolume/disk\n"
        await kubectl("delete", "pv", "--all", WAIT)

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_waiting_ends_when_what_is_waited_for_holds(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("run", "one", "--image=i")

        met = "pod/one condition met\n"
        for condition in (
            "create",
            "condition=Ready",
            "condition=Ready=true",
            "jsonpath={.status.podIP}",
            "jsonpath={.status.phase}=Running",
            "jsonpath={.status.containerStatuses[0].ready}=true",
        ):
            assert (await kubectl("wait", "pod/one", f"--for={condition}", WAIT)).out == met
        assert (await kubectl("wait", "nodes", "--all", "--for=condition=Ready", WAIT)).out
        for condition, reason in {
            "condition=Odd": "timed out waiting for the condition on pods/one",
            "delete": "timed out waiting for the condition on pods/one",
            "jsonpath={.status.phase}=Failed": "timed out waiting for the condition on pods/one",
        }.items():
            assert reason in await kubectl.refused(
                "wait", "pod/one", f"--for={condition}", "--timeout=1s"
            )
        missing = await kubectl.refused("wait", "pod/none", "--for=condition=Ready", WAIT)
        assert missing == 'Error from server (NotFound): pods "none" not found\n'

    with_kubectl(program, tmp_path, scenario, FLEET)
