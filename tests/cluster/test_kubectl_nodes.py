"""kubectl taint, cordon, drain: what keeps pods off nodes, and takes them away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import WAIT, Kubectl, with_kubectl
from tests.cluster.test_kubectl import REPLICATION_CONTROLLER

pytestmark = pytest.mark.slow

NODE = "hollow-node-0"
OTHER = "hollow-node-1"
NODES_OF_PODS = ("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")


async def spec_of(kubectl: Kubectl, node: str) -> dict[str, object]:
    spec: dict[str, object] = json.loads(
        (await kubectl("get", "node", node, "-o", "jsonpath={.spec}")).out
    )
    return spec


def test_taints_are_set_changed_and_taken_away(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        said = await kubectl("taint", "nodes", NODE, "a=b:NoSchedule", "c:PreferNoSchedule")
        assert said.out == f"node/{NODE} tainted\n"
        again = await kubectl.refused("taint", "nodes", NODE, "a=b:NoSchedule")
        assert "already has a taint(s) with same effect(s)" in again
        await kubectl("taint", "nodes", NODE, "a=x:NoSchedule", "--overwrite")
        assert (await spec_of(kubectl, NODE))["taints"] == [
            {"key": "a", "value": "x", "effect": "NoSchedule"},
            {"key": "c", "effect": "PreferNoSchedule"},
        ]
        assert "Taints: a=x:NoSchedule" in await kubectl("describe", "node", NODE)
        await kubectl("taint", "nodes", OTHER, "a=x:NoSchedule")
        await kubectl("run", "one", "--image=i")
        await kubectl("wait", "--for=condition=PodScheduled=false", "pod/one", WAIT)
        (row,) = (await kubectl("get", "pods")).rows
        assert row[1:3] == ["0/1", "Pending"]
        untolerated = "0/2 nodes are available: 2 node(s) had untolerated taint {a: x}."
        await kubectl.until_told([untolerated], "describe", "pod", "one")

        removed = await kubectl("taint", "nodes", "--all", "a-")
        assert removed.lines == [f"node/{NODE} untainted", f"node/{OTHER} untainted"]
        await kubectl("wait", "--for=condition=Ready", "pod/one", WAIT)

    with_kubectl(program, tmp_path, scenario, FleetOptions(nodes=2))


def test_a_node_is_cordoned_drained_and_used_again(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=REPLICATION_CONTROLLER)
        await kubectl("wait", "--for=jsonpath={.status.readyReplicas}=4", "rc/web", WAIT)
        await kubectl(
            "run", "alone", "--image=i", f'--overrides={{"spec":{{"nodeName":"{NODE}"}}}}'
        )
        await kubectl("wait", "--for=condition=Ready", "pod/alone", WAIT)

        assert (await kubectl("cordon", NODE)).out == f"node/{NODE} cordoned\n"
        assert (await kubectl("cordon", NODE)).out == f"node/{NODE} already cordoned\n"
        assert (await kubectl("get", "node", NODE)).rows[0][1] == "Ready,SchedulingDisabled"
        refused = await kubectl.refused("drain", NODE)
        assert "cannot delete Pods that declare no controller (use --force to override)" in refused
        drained = await kubectl.try_("drain", NODE, "--force", "--timeout=60s")
        assert drained.code == 0
        assert drained.err == "Warning: deleting Pods that declare no controller: default/alone\n"
        assert drained.out.endswith(f"node/{NODE} drained\n")
        # The controller's status may still tell of the pods that went.
        await kubectl.until_listed(lambda nodes: nodes == [OTHER] * 4, *NODES_OF_PODS)

        assert (await kubectl("uncordon", NODE)).out == f"node/{NODE} uncordoned\n"
        await kubectl("delete", "pods", "--all", WAIT)
        nodes = await kubectl.until_listed(lambda nodes: len(nodes) == 4, *NODES_OF_PODS)
        assert set(nodes) == {NODE, OTHER}

    with_kubectl(program, tmp_path, scenario, FleetOptions(nodes=2))
