"""The controllers by name. A new controller is one file here beside and one line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.controllers.endpoint_slice import EndpointSliceController
from cluster.controllers.endpoints import EndpointsController
from cluster.controllers.garbage.collector import GarbageCollector
from cluster.controllers.namespace import NamespaceController
from cluster.controllers.node_lifecycle.controller import NodeLifecycleController
from cluster.controllers.pod_gc import PodGarbageCollector
from cluster.controllers.replica_set import ReplicaSetController
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Controller, Surroundings
from cluster.controllers.taint_eviction import TaintEvictionController

CONTROLLERS: Final[dict[str, Callable[[Surroundings], Controller]]] = {
    "replicationcontroller": ReplicationController,
    "replicaset": ReplicaSetController,
    "endpoint": EndpointsController,
    "endpointslice": EndpointSliceController,
    "garbagecollector": GarbageCollector,
    "namespace": NamespaceController,
    "podgc": PodGarbageCollector,
    "nodelifecycle": NodeLifecycleController,
    "tainteviction": TaintEvictionController,
}

EVENT_SOURCES: Final = {
    "replicationcontroller": "replication-controller",
    "endpointslice": "endpoint-slice-controller",
    "nodelifecycle": "node-controller",
    "tainteviction": "taint-eviction-controller",
}
"""As who those report whose name in Kubernetes' events is not their own and ``-controller``."""
