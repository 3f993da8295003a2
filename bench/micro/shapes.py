"""The objects that codecs are measured on, as messages; the same in every process."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from bench.workload.pod_template import pod
from cluster.kubelet.node_object import Capacity, hollow_node
from cluster.kubelet.pod_status import Placing, set_running
from serialization.api.core.v1_pb2 import Container, Pod, PodList, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference, Time

CREATED_S: Final = 1_700_000_000
LIST_LENGTH: Final = 500


def small_pod() -> Pod:
    """Return a pod with no more than a name and an image, as a client creates it."""
    return Pod(
        metadata=ObjectMeta(name="small", namespace="default"),
        spec=PodSpec(containers=[Container(name="nginx", image="nginx:1.11")]),
    )


def running_pod(number: int = 0) -> Pod:
    """Return the load's pod as it is when a hollow node runs it."""
    made = pod("load-1", f"rc-00001-{number:05d}")
    metadata = made.metadata
    metadata.generateName = "rc-00001-"
    metadata.uid = f"8d3b9a52-6c1f-4e0b-9f57-{number:012d}"
    metadata.resourceVersion = str(100_000 + number)
    metadata.creationTimestamp.CopyFrom(Time(seconds=CREATED_S))
    metadata.ownerReferences.append(
        OwnerReference(
            apiVersion="v1",
            kind="ReplicationController",
            name="rc-00001",
            uid="1f0c7b2e-58a4-4a67-8a35-6d1de3a7f001",
            controller=True,
            blockOwnerDeletion=True,
        )
    )
    made.spec.nodeName = f"hollow-node-{number % 100}"
    placing = Placing("10.0.0.1", f"10.64.0.{number % 250 + 2}", CREATED_S, CREATED_S + 1)
    set_running(made, placing, random.Random(number))
    return made


def pod_list() -> PodList:
    """Return a list of running pods."""
    made = PodList(items=[running_pod(number) for number in range(LIST_LENGTH)])
    made.metadata.resourceVersion = "200000"
    return made


SHAPES: Final[dict[str, Callable[[], Message]]] = {
    "small pod": small_pod,
    "running pod": running_pod,
    "node": lambda: hollow_node("hollow-node-1", 1, Capacity(), CREATED_S),
    f"list of {LIST_LENGTH}": pod_list,
}
