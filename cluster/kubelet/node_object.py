"""The Node object of a hollow node: everything that a kubelet reports, of about real size."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final, NamedTuple

from cluster.kubelet.addresses import host_address, pod_range
from serialization.api.core.v1_pb2 import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
)
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.api.resource_pb2 import Quantity

CONDITIONS: Final = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
"""Type, status, reason and message, in a kubelet's order."""

IMAGES: Final = 5
"""Images that a node reports (a kubelet reports up to 50, a fresh node about this many)."""


class Capacity(NamedTuple):
    """What a node has, as quantities."""

    cpu: str = "8"
    memory: str = "32Gi"
    pods: str = "110"
    ephemeral_storage: str = "100Gi"


class Endpoint(NamedTuple):
    """Where a node's kubelet listens."""

    host: str = ""
    """Empty: nowhere; the node has a made-up address of its own."""
    port: int = 10250

    def address(self, index: int) -> str:
        """Return the InternalIP of a node."""
        return self.host or host_address(index)


NOWHERE: Final = Endpoint()


def hollow_node(
    name: str, index: int, capacity: Capacity, now_s: int, endpoint: Endpoint = NOWHERE
) -> Node:
    """Return the Node that a kubelet registers; everything in it follows from its arguments."""
    return Node(
        metadata=ObjectMeta(
            name=name,
            labels={
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
            },
            annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        ),
        spec=NodeSpec(
            podCIDR=pod_range(index), podCIDRs=[pod_range(index)], providerID=f"hollow://{name}"
        ),
        status=node_status(name, index, capacity, now_s, endpoint),
    )


def node_status(
    name: str, index: int, capacity: Capacity, now_s: int, endpoint: Endpoint = NOWHERE
) -> NodeStatus:
    """Return the full status of a ready node, all conditions having turned at ``now_s``."""
    resources = {
        "cpu": Quantity(string=capacity.cpu),
        "memory": Quantity(string=capacity.memory),
        "pods": Quantity(string=capacity.pods),
        "ephemeral-storage": Quantity(string=capacity.ephemeral_storage),
        "hugepages-2Mi": Quantity(string="0"),
    }
    at = Time(seconds=now_s)
    return NodeStatus(
        capacity=resources,
        allocatable=resources,
        conditions=[
            NodeCondition(
                type=kind,
                status=status,
                lastHeartbeatTime=at,
                lastTransitionTime=at,
                reason=reason,
                message=message,
            )
            for kind, status, reason, message in CONDITIONS
        ],
        addresses=[
            NodeAddress(type="InternalIP", address=endpoint.address(index)),
            NodeAddress(type="Hostname", address=name),
        ],
        daemonEndpoints=NodeDaemonEndpoints(kubeletEndpoint=DaemonEndpoint(Port=endpoint.port)),
        nodeInfo=_system(name),
        images=[_image(number) for number in range(IMAGES)],
    )


def refresh(
    node: Node, index: int, capacity: Capacity, now_s: int, endpoint: Endpoint = NOWHERE
) -> bool:
    """Make a node's status say that its kubelet is alive, and where it listens.

    Conditions keep their transition times unless they turned. A node that reports nothing yet (it
    was registered without a status) gets the whole of it. Returns whether it became ready by this.
    """
    status = node.status
    if not status.conditions or not status.allocatable:
        status.MergeFrom(node_status(node.metadata.name, index, capacity, now_s, endpoint))
        return True
    if endpoint.host:
        _move(status, endpoint)
    turned = False
    present = {condition.type: condition for condition in status.conditions}
    for kind, value, reason, message in CONDITIONS:
        condition = present.get(kind) or status.conditions.add(type=kind)
        if condition.status != value:
            condition.lastTransitionTime.seconds = now_s
            turned = turned or kind == "Ready"
        condition.status, condition.reason, condition.message = value, reason, message
        condition.lastHeartbeatTime.seconds = now_s
    return turned


def _move(status: NodeStatus, endpoint: Endpoint) -> None:
    """Say where a kubelet listens that was started again, perhaps at another port."""
    status.daemonEndpoints.kubeletEndpoint.Port = endpoint.port
    for address in status.addresses:
        if address.type == "InternalIP":
            address.address = endpoint.host


def _system(name: str) -> NodeSystemInfo:
    machine = hashlib.sha256(name.encode()).digest()
    return NodeSystemInfo(
        machineID=machine[:16].hex(),
        systemUUID=str(uuid.UUID(bytes=machine[:16])),
        bootID=str(uuid.UUID(bytes=machine[16:])),
        kernelVersion="6.1.0-hollow",
        osImage="Hollow Linux",
        containerRuntimeVersion="hollow://1.0",
        kubeletVersion="v1.32.0+kubedyno",
        kubeProxyVersion="",
        operatingSystem="linux",
        architecture="amd64",
    )


def _image(number: int) -> ContainerImage:
    name = f"hollow/image-{number}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ContainerImage(
        names=[f"{name}@sha256:{digest}", f"{name}:1.0"], sizeBytes=10_000_000 * (number + 1)
    )
