"""The pod that every load uses: realistic in size, about 2.5 KB of JSON once it runs."""

from __future__ import annotations

from serialization.api.core.v1_pb2 import (
    Container,
    ContainerPort,
    EmptyDirVolumeSource,
    EnvVar,
    EnvVarSource,
    HTTPGetAction,
    Namespace,
    ObjectFieldSelector,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Probe,
    ProbeHandler,
    ReplicationController,
    ReplicationControllerSpec,
    ResourceRequirements,
    Volume,
    VolumeMount,
    VolumeSource,
)
from serialization.api.intstr_pb2 import IntOrString
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity

HTTP_PORT = 80


def pod_spec() -> PodSpec:
    """Return a web server's spec: ports, environment, resources, a probe, a volume."""
    container = Container(
        name="nginx",
        image="nginx:1.11",
        args=["-g", "daemon off;"],
        ports=[ContainerPort(containerPort=HTTP_PORT, protocol="TCP")],
        env=[
            EnvVar(name="MODE", value="production"),
            EnvVar(
                name="POD_IP",
                valueFrom=EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath="status.podIP")),
            ),
        ],
        resources=ResourceRequirements(
            requests={"cpu": Quantity(string="100m"), "memory": Quantity(string="128Mi")},
            limits={"cpu": Quantity(string="200m"), "memory": Quantity(string="256Mi")},
        ),
        livenessProbe=Probe(
            handler=ProbeHandler(
                httpGet=HTTPGetAction(path="/healthz", port=IntOrString(type=0, intVal=HTTP_PORT))
            ),
            initialDelaySeconds=15,
        ),
        volumeMounts=[VolumeMount(name="www", mountPath="/usr/share/nginx/html")],
    )
    volume = Volume(name="www", volumeSource=VolumeSource(emptyDir=EmptyDirVolumeSource()))
    return PodSpec(containers=[container], volumes=[volume])


def pod(namespace: str, name: str) -> Pod:
    """Return a pod that stands alone."""
    labels = {"app": name, "tier": "frontend"}
    return Pod(metadata=ObjectMeta(namespace=namespace, name=name, labels=labels), spec=pod_spec())


def replication_controller(namespace: str, name: str, replicas: int) -> ReplicationController:
    """Return a controller of ``replicas`` such pods."""
    labels = {"app": name, "tier": "frontend"}
    return ReplicationController(
        metadata=ObjectMeta(namespace=namespace, name=name, labels=labels),
        spec=ReplicationControllerSpec(
            replicas=replicas,
            selector={"app": name},
            template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod_spec()),
        ),
    )


def namespace(name: str) -> Namespace:
    """Return a namespace."""
    return Namespace(metadata=ObjectMeta(name=name))
