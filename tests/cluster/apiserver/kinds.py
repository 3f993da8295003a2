"""Strategies that tests add to the served ones, and the objects that tests post."""

from __future__ import annotations

from typing import cast

from google.protobuf.message import Message

from cluster.apiserver.registry import served
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.resources.node import NodeStrategy
from cluster.apiserver.resources.persistent_volume import PersistentVolumeStrategy
from cluster.apiserver.resources.persistent_volume_claim import PersistentVolumeClaimStrategy
from cluster.apiserver.resources.pod import PodStrategy
from serialization.kinds import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS
from storage.clock import SystemClock
from tests.cluster.apiserver.serving import Json

PODS_PATH = "/api/v1/namespaces/default/pods"
NODES_PATH = "/api/v1/nodes"
RCS_PATH = "/api/v1/namespaces/default/replicationcontrollers"
LEASES_PATH = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
CONFIG_MAPS_PATH = "/api/v1/namespaces/default/configmaps"
PROTOBUF = "application/vnd.kubernetes.protobuf"


def recorded_strategies() -> list[Strategy[Message]]:
    """Return the served kinds as the recorded server had them set up."""
    special = {
        PODS: PodStrategy({"golden-neg": -5, "golden-high": 100_000}),
        NODES: NodeStrategy(taint_new=True),
        PERSISTENT_VOLUMES: PersistentVolumeStrategy(SystemClock(), protect=True),
        PERSISTENT_VOLUME_CLAIMS: PersistentVolumeClaimStrategy(protect=True),
    }
    strategies = [special.get(each.resource, each) for each in served()]
    return [cast("Strategy[Message]", each) for each in strategies]


def pod(name: str = "a", *, node: str = "", **metadata: object) -> Json:
    """Return a small pod, bound to a node if one is given."""
    spec: Json = {"containers": [{"name": "c", "image": "nginx:1"}]}
    if node:
        spec["nodeName"] = node
    return {"metadata": cast("Json", {"name": name, **metadata}), "spec": spec}


def config_map(name: str = "cm", **metadata: object) -> Json:
    """Return a small ConfigMap."""
    return {"metadata": cast("Json", {"name": name, **metadata}), "data": {"a": "1"}}


def controller(name: str = "rc") -> Json:
    """Return a small replication controller."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
            },
        },
    }
