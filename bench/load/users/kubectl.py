"""A user that is a person with kubectl: lists, looks, creates, labels, scales, deletes."""

from __future__ import annotations

from typing import Final

import orjson
from locust import task

from bench.load.user import ApiUser
from bench.workload.pod_template import replication_controller
from serialization.api.core.v1_pb2 import ConfigMap, Namespace, ReplicationController
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import (
    CONFIG_MAPS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICATION_CONTROLLERS,
)

MERGE: Final = {"content-type": "application/merge-patch+json"}
TABLE: Final = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
"""What kubectl get asks for, in every cell: it has no protobuf form."""

REPLICAS_MAX: Final = 5
LIST_LIMIT: Final = 500
"""kubectl's own page size."""


class Kubectl(ApiUser):
    """Works in a namespace of its own, one to three seconds between commands."""

    kind = "kubectl"

    def wait_time(self) -> float:
        """Return how long it thinks."""
        return self.chance.uniform(1.0, 3.0)

    def on_start(self) -> None:
        """Make the namespace, and a controller to look at."""
        self.namespace = f"locust-{self.around.settings.seed}-{self.number}"
        self._made = 0
        namespace = Namespace(metadata=ObjectMeta(name=self.namespace))
        self.write("create namespace", "POST", NAMESPACES, namespace, fine=(409,))
        self._create_controller()

    def on_stop(self) -> None:
        """Delete the namespace with all that is in it."""
        path = NAMESPACES.path(name=self.namespace)
        self.call("delete namespace", "DELETE", path, fine=(404, 409))

    @task(10)
    def get_pods(self) -> None:
        """Do ``kubectl get pods``."""
        path = f"{PODS.path(self.namespace)}?limit={LIST_LIMIT}"
        self.call("get pods", "GET", path, headers=TABLE)

    @task(2)
    def get_all_pods(self) -> None:
        """Do ``kubectl get pods -A, one page``."""
        self.call("get pods -A", "GET", f"{PODS.path()}?limit={LIST_LIMIT}", headers=TABLE)

    @task(2)
    def get_nodes(self) -> None:
        """Do ``kubectl get nodes``."""
        self.call("get nodes", "GET", f"{NODES.path()}?limit={LIST_LIMIT}", headers=TABLE)

    @task(5)
    def get_controller(self) -> None:
        """Do ``kubectl get rc NAME -o yaml``."""
        self.read("get rc", REPLICATION_CONTROLLERS, ReplicationController, self._controller)

    @task(3)
    def scale(self) -> None:
        """Do ``kubectl scale rc NAME --replicas N``."""
        replicas = self.chance.randint(0, REPLICAS_MAX)
        body = orjson.dumps({"spec": {"replicas": replicas}})
        self.call("scale rc", "PATCH", f"{self._controller}/scale", body, headers=MERGE)

    @task(3)
    def label(self) -> None:
        """Do ``kubectl label rc NAME --overwrite touched=N``."""
        body = orjson.dumps({"metadata": {"labels": {"touched": str(self.chance.randint(0, 9))}}})
        self.call("label rc", "PATCH", self._controller, body, headers=MERGE)

    @task(2)
    def configure(self) -> None:
        """Do ``kubectl create configmap, get, delete``."""
        self._made += 1
        meta = ObjectMeta(namespace=self.namespace, name=f"settings-{self._made}")
        made = ConfigMap(metadata=meta, data={"key": "value" * 20})
        if self.write("create configmap", "POST", CONFIG_MAPS, made) is None:
            return
        path = CONFIG_MAPS.path(self.namespace, meta.name)
        self.read("get configmap", CONFIG_MAPS, ConfigMap, path)
        self.call("delete configmap", "DELETE", path)

    @property
    def _controller(self) -> str:
        return REPLICATION_CONTROLLERS.path(self.namespace, "web")

    def _create_controller(self) -> None:
        controller = replication_controller(self.namespace, "web", REPLICAS_MAX)
        self.write("create rc", "POST", REPLICATION_CONTROLLERS, controller, fine=(409,))
