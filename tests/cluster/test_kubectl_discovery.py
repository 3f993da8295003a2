"""kubectl's commands about the server: what it serves, what it explains, what it has not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import Kubectl, with_kubectl

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=1)
SHORT = {
    "cm": "configmaps",
    "ep": "endpoints",
    "ev": "events",
    "limits": "limitranges",
    "no": "nodes",
    "ns": "namespaces",
    "po": "pods",
    "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims",
    "quota": "resourcequotas",
    "rc": "replicationcontrollers",
    "rs": "replicasets",
    "sa": "serviceaccounts",
    "svc": "services",
}
LONG = ["endpointslices", "leases", "secrets"]
NOT_SERVED = {
    "top nodes": "error: Metrics API not available",
    "top pods": "error: Metrics API not available",
    "auth can-i create pods": "the server could not find the requested resource",
    "auth can-i --list": "the server could not find the requested resource",
    "auth whoami": "the selfsubjectreviews API is not enabled in the cluster",
    "get deployments": 'the server doesn\'t have a resource type "deployments"',
    "get --raw /apis/nothing": "the server could not find the requested resource",
    "explain deployments": 'the server doesn\'t have a resource type "deployments"',
    "explain pods.nope": 'field "nope" does not exist',
    "explain pods --output=plaintext-openapiv2": "couldn't find resource for",
    # It has told the nodes, events, controllers and services by then.
    "cluster-info dump": "the server could not find the requested resource",
    "rollout status rc/x": '"x" not found',
    "apply --server-side -f object.json": "Server-side apply not available on the server",
    "create -f deployment.json": 'no matches for kind "Deployment" in version "apps/v1"',
    "apply -f deployment.json": 'no matches for kind "Deployment" in version "apps/v1"',
}
OBJECT = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}'
DEPLOYMENT = '{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}'


def test_what_is_served_is_told(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        assert (await kubectl("api-versions")).lines == [
            *("apps/v1", "coordination.k8s.io/v1", "discovery.k8s.io/v1", "v1")
        ]
        names = (await kubectl("api-resources", "-o", "name")).out.split()
        assert sorted(name.partition(".")[0] for name in names) == sorted(
            [*SHORT.values(), *LONG, "bindings"]
        )
        rows = (await kubectl("api-resources")).rows
        assert {row[1]: row[0] for row in rows if len(row) == 5} == SHORT
        not_namespaced = await kubectl("api-resources", "--namespaced=false", "-o", "name")
        assert not_namespaced.out.split() == ["namespaces", "nodes", "persistentvolumes"]
        listable = await kubectl("api-resources", "--verbs=list,watch,deletecollection")
        assert len(listable.rows) == len(SHORT) + len(LONG) - 1
        named = (await kubectl("get", ",".join(SHORT), "-A", "-o", "name")).lines
        assert {"namespace/default", "node/hollow-node-0"} <= set(named)
        for node in ("no", "node", "Node", "nodes", "nodes.v1."):
            assert (await kubectl("get", node, "-o", "name")).out == "node/hollow-node-0\n"
        assert await kubectl("explain", "rs") == await kubectl("explain", "replicasets")

        version = json.loads((await kubectl("version", "-o", "json")).out)["serverVersion"]
        assert (version["major"], version["minor"]) == ("1", "32")
        assert "Kubernetes control plane is running at http" in await kubectl("cluster-info")
        for page in ("/healthz", "/readyz", "/livez"):
            assert (await kubectl("get", "--raw", page)).out == "ok"

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_fields_are_explained(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        told = await kubectl("explain", "pod.spec.containers.livenessProbe.httpGet")
        assert "FIELD: httpGet <HTTPGetAction>" in told
        assert "port <IntOrString> -required-" in told
        assert "GROUP: coordination.k8s.io KIND: Lease VERSION: v1" in await kubectl(
            "explain", "leases.spec"
        )
        effect = "effect <string> enum: NoExecute, NoSchedule, PreferNoSchedule"
        assert effect in await kubectl("explain", "pod.spec.tolerations")
        every = (await kubectl("explain", "pods", "--recursive")).out
        fields = re.findall(r"(?m)^ +(\w+)\t<", every)
        assert len(fields) > 800
        assert {"tolerations", "livenessProbe", "ephemeralContainers"} <= set(fields)
        depths = {len(line) - len(line.lstrip()) for line in every.splitlines()}
        assert max(depths) > 14

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_what_is_not_served_is_refused_clearly(program: str, tmp_path: Path) -> None:
    (tmp_path / "object.json").write_text(OBJECT)
    (tmp_path / "deployment.json").write_text(DEPLOYMENT)

    async def scenario(kubectl: Kubectl) -> None:
        for command, reason in NOT_SERVED.items():
            assert reason in await kubectl.refused(*command.split())

    with_kubectl(program, tmp_path, scenario, FLEET)
