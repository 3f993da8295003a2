"""kubectl against a whole cluster on the memory store: what its users see, its scripts rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster.kubectl import NODES, WAIT, Kubectl, with_kubectl

pytestmark = pytest.mark.slow

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: single
  labels: {app: single}
spec:
  containers:
  - name: main
    image: example/main:1
    ports: [{containerPort: 80}]
    resources: {requests: {cpu: 100m, memory: 64Mi}}
"""
REPLICATION_CONTROLLER = """\
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 4
  selector: {app: web}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "example/main:1"}]
"""
NODE = """\
apiVersion: v1
kind: Node
metadata: {name: by-hand}
"""


def test_a_pod_is_created_runs_and_is_deleted(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        created = await kubectl("create", "-f", "-", stdin=POD)
        assert created.out == "pod/single created\n"
        await kubectl("wait", "--for=condition=Ready", "pod/single", WAIT)

        (row,) = (await kubectl("get", "pods")).rows
        assert row[:4] == ["single", "1/1", "Running", "0"]
        (wide,) = (await kubectl("get", "pods", "-o", "wide", "--all-namespaces")).rows
        assert wide[:2] == ["default", "single"]
        assert wide[7].startswith("hollow-node-")
        pod = json.loads((await kubectl("get", "pod", "single", "-o", "json")).out)
        assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")
        assert pod["spec"]["nodeName"] == wide[7]
        assert pod["status"]["podIP"] == wide[6]
        assigned = f"Successfully assigned default/single to {wide[7]}"
        await kubectl.until_told([assigned], "describe", "pod", "single")

        deleted = await kubectl("delete", "pod", "single", WAIT)
        assert deleted.out.startswith('pod "single" deleted')
        gone = await kubectl.try_("get", "pod", "single")
        assert gone.code == 1
        assert gone.err == 'Error from server (NotFound): pods "single" not found\n'

    with_kubectl(program, tmp_path, scenario)


def test_a_replication_controller_keeps_its_pods(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=REPLICATION_CONTROLLER)
        await kubectl("wait", "--for=jsonpath={.status.readyReplicas}=4", "rc/web", WAIT)

        (row,) = (await kubectl("get", "rc")).rows
        assert row[:4] == ["web", "4", "4", "4"]
        pods = (await kubectl("get", "pods", "-l", "app=web", "-o", "name")).lines
        assert len(pods) == 4
        assert (await kubectl("get", "pods", "-l", "app!=web", "-o", "name")).lines == []

        await kubectl("delete", pods[0], WAIT)
        # The controller's status may still tell of the one that went.
        after = await kubectl.until_listed(
            lambda names: len(names) == 4, "get", "pods", "-l", "app=web", "-o", "name"
        )
        assert pods[0] not in after

        # Without --cascade=orphan the garbage collector would take the pods.
        deleted = await kubectl("delete", "rc", "web", "--cascade=orphan")
        assert deleted.out.startswith('replicationcontroller "web" deleted')
        assert (await kubectl("get", "pods", "-l", "app=web", "-o", "name")).lines == sorted(after)
        await kubectl("delete", "pods", "--all", WAIT)
        assert (await kubectl("get", "pods", "-o", "name")).out == ""

    with_kubectl(program, tmp_path, scenario)


def test_nodes_are_listed_created_and_deleted(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        rows = (await kubectl("get", "nodes")).rows
        assert [row[:2] for row in rows] == [[f"hollow-node-{n}", "Ready"] for n in range(NODES)]

        assert (await kubectl("create", "-f", "-", stdin=NODE)).out == "node/by-hand created\n"
        assert [row[:2] for row in (await kubectl("get", "no", "by-hand")).rows] == [
            ["by-hand", "Unknown"]
        ]
        again = await kubectl.try_("create", "-f", "-", stdin=NODE)
        assert again.code == 1
        assert '(AlreadyExists): error when creating "STDIN": nodes "by-hand" already' in again.err

        await kubectl("delete", "node", "by-hand", WAIT)
        assert len((await kubectl("get", "nodes", "-o", "name")).lines) == NODES

    with_kubectl(program, tmp_path, scenario)


def test_field_selectors_and_versions(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=POD)
        await kubectl("wait", "--for=condition=Ready", "pod/single", WAIT)
        pod = json.loads((await kubectl("get", "pod", "single", "-o", "json")).out)
        node = pod["spec"]["nodeName"]

        async def named(selector: str) -> list[str]:
            return (await kubectl("get", "pods", "--field-selector", selector, "-o", "name")).lines

        assert await named(f"spec.nodeName={node},status.phase=Running") == ["pod/single"]
        assert await named(f"spec.nodeName!={node}") == []
        refused = await kubectl.try_("get", "pods", "--field-selector", "spec.color=red")
        assert refused.code == 1
        assert "(BadRequest)" in refused.err
        assert "field label not supported: spec.color" in refused.err

        resources = {row[0] for row in (await kubectl("api-resources", "--no-headers=false")).rows}
        assert {"pods", "nodes", "replicationcontrollers", "leases"} <= resources
        version = json.loads((await kubectl("version", "-o", "json")).out)
        assert version["serverVersion"]["gitVersion"].startswith("v1.32.")

    with_kubectl(program, tmp_path, scenario)


def test_what_kubectl_sends_amiss_is_refused_with_the_path(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        misspelt = POD.replace("containerPort", "containerPrt")
        strict = await kubectl.try_("create", "-f", "-", stdin=misspelt)
        assert strict.code == 1
        assert 'unknown field "spec.containers[0].ports[0].containerPrt"' in strict.err

        wrong = POD.replace("cpu: 100m", "cpu: a lot")
        quantity = await kubectl.try_("create", "--validate=false", "-f", "-", stdin=wrong)
        assert quantity.code == 1
        assert "spec.containers[0].resources.requests.cpu: quantities must match" in quantity.err
        assert (await kubectl("get", "pods", "-o", "name")).out == ""

    with_kubectl(program, tmp_path, scenario)
