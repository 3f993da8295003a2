"""A user that is a node: it registers, sends heartbeats, watches its pods, says that they run."""

from __future__ import annotations

import http.client
from typing import Any

import gevent
from locust import task

from bench.load.user import ApiUser
from bench.load.watching import WatchRefusedError, watch
from serialization.api.core.v1_pb2 import Node, NodeCondition, Pod
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity
from serialization.errors import DecodeError
from serialization.kinds import NODES, PODS

CAPACITY = {"cpu": "16", "memory": "64Gi", "pods": "110"}
WATCH_S = 300
RETRY_S = 1.0
GONE = (404, 409)
"""The pod was deleted, or changed, while it was being written: the watch tells what came of it."""


class Kubelet(ApiUser):
    """Node status by GET and PUT every heartbeat; one watch; a PUT for each pod that starts."""

    kind = "kubelet"

    def wait_time(self) -> float:
        """Return how long it is idle between heartbeats, with a tenth of jitter."""
        interval_s = self.around.settings.heartbeat_s
        return interval_s * self.chance.uniform(0.9, 1.1)

    def on_start(self) -> None:
        """Register and begin to watch."""
        self.name = f"locust-{self.around.settings.seed}-{self.number}"
        self.write("register", "POST", NODES, _node(self.name), fine=(409,))
        self._watcher: Any = gevent.spawn(self._watch_for_ever)

    def on_stop(self) -> None:
        """Leave: the node goes with its user."""
        self._watcher.kill()
        self.call("leave", "DELETE", NODES.path(name=self.name), fine=(404,))

    @task
    def heartbeat(self) -> None:
        """Write the node's status: all of it, as kubelets did before leases."""
        node = self.read("read node", NODES, Node, NODES.path(name=self.name))
        if node is not None:
            self.write("heartbeat", "PUT", NODES, node, subresource="status", fine=GONE)

    def _watch_for_ever(self) -> None:
        query = f"watch=true&fieldSelector=spec.nodeName%3D{self.name}&timeoutSeconds={WATCH_S}"
        while True:
            try:
                for event in watch(
                    self.around.settings.server, self.codec, f"{PODS.path()}?{query}"
                ):
                    self.around.counts.watch_events += 1
                    if event.type in {"ADDED", "MODIFIED"}:
                        self._see(self.decode(Pod, event.document))
            except (OSError, http.client.HTTPException, WatchRefusedError, DecodeError):
                self.around.counts.watches_torn += 1
                gevent.sleep(RETRY_S)

    def _see(self, pod: Pod) -> None:
        key = pod.metadata.namespace, pod.metadata.name
        if pod.metadata.HasField("deletionTimestamp"):
            self.call("remove pod", "DELETE", f"{PODS.path(*key)}?gracePeriodSeconds=0", fine=GONE)
        elif pod.status.phase in {"", "Pending"}:
            pod.status.phase = "Running"
            for condition in ("Initialized", "Ready", "ContainersReady"):
                pod.status.conditions.add(type=condition, status="True")
            done = self.write("run pod", "PUT", PODS, pod, subresource="status", fine=GONE)
            self.around.counts.pods_run += done is not None


def _node(name: str) -> Node:
    node = Node(metadata=ObjectMeta(name=name, labels={"kubernetes.io/hostname": name}))
    for resource, amount in CAPACITY.items():
        node.status.capacity[resource].CopyFrom(Quantity(string=amount))
        node.status.allocatable[resource].CopyFrom(Quantity(string=amount))
    node.status.conditions.append(NodeCondition(type="Ready", status="True"))
    return node
