"""The pods of the benchmark: as large as a deployment's, and by default as alike as its replicas.

2.6 KB of JSON when created. Replicas of one controller differ in nothing but their names, and so
did the pods of the generator that the reference figures of a real API server were taken with. A
server may remember what it found out about a spec that it has seen before: that is told apart by
distinct specs, of which each names its pod in a variable of the container, so that no two are
equal and at most parts of them can be remembered. Both sorts are of one size.
"""

from __future__ import annotations

from typing import Final

from serialization.api.core.v1_pb2 import (
    ConfigMapVolumeSource,
    Container,
    ContainerPort,
    ContainerState,
    ContainerStateRunning,
    ContainerStatus,
    EmptyDirVolumeSource,
    EnvVar,
    EnvVarSource,
    HTTPGetAction,
    LocalObjectReference,
    ObjectFieldSelector,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Probe,
    ProbeHandler,
    ResourceRequirements,
    SecretVolumeSource,
    Toleration,
    Volume,
    VolumeMount,
    VolumeSource,
)
from serialization.api.intstr_pb2 import IntOrString
from serialization.api.meta.v1_pb2 import ObjectMeta, Time
from serialization.api.resource_pb2 import Quantity

PORT: Final = 8080
SCHEDULER: Final = "kubedyno-api-bench"
"""No scheduler of this name runs, so a real cluster leaves the pods alone."""
LABEL: Final = "kubedyno-api-bench"
ALIKE: Final = "checkout-7d4b9c6f8d-of-many-replicas"
"""Stands, cut to equal length, where the spec of a distinct pod has its name."""
STARTED_S: Final = 1_767_225_600
"""When the pods say that they were started: any moment will do."""


def pod(namespace: str, name: str, node: str = "", *, distinct: bool = False) -> Pod:
    """Return a pod as a client creates it; on a node, if one is named.

    With ``distinct`` its spec is like no other pod's; without, like every other's but for the node.
    """
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            labels={
                "app.kubernetes.io/name": "checkout",
                "app.kubernetes.io/component": "frontend",
                "app.kubernetes.io/part-of": "web-shop",
                "pod-template-hash": "7d4b9c6f8d",
                LABEL: "load",
            },
            annotations={
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(PORT),
                "checksum/config": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f0",
            },
        ),
        spec=PodSpec(
            containers=[_container(name if distinct else ALIKE[: len(name)])],
            volumes=[
                _volume("config", VolumeSource(configMap=_config_map("checkout-config"))),
                _volume("tls", VolumeSource(secret=SecretVolumeSource(secretName="checkout-tls"))),
                _volume("cache", VolumeSource(emptyDir=EmptyDirVolumeSource())),
            ],
            restartPolicy="Always",
            terminationGracePeriodSeconds=30,
            dnsPolicy="ClusterFirst",
            serviceAccountName="default",
            automountServiceAccountToken=False,
            schedulerName=SCHEDULER,
            tolerations=[
                Toleration(key=key, operator="Exists", effect="NoExecute", tolerationSeconds=300)
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ],
            nodeName=node or None,
        ),
    )


def _container(instance: str) -> Container:
    return Container(
        name="checkout",
        image="registry.example.com/web-shop/checkout:v2.14.3",
        args=["--listen=:8080", "--config=/etc/checkout/config.yaml", "--log-format=json"],
        ports=[
            ContainerPort(name="http", containerPort=PORT, protocol="TCP"),
            ContainerPort(name="metrics", containerPort=9090, protocol="TCP"),
        ],
        env=[
            EnvVar(name="INSTANCE", value=instance),
            EnvVar(name="ENVIRONMENT", value="production"),
            EnvVar(name="DATABASE_HOST", value="orders-db.web-shop.svc.cluster.local"),
            EnvVar(name="FEATURES", value="express-checkout,gift-cards,saved-baskets,store-pickup"),
            EnvVar(name="PAYMENT_URL", value="http://payments.web-shop.svc.cluster.local:8443"),
            EnvVar(name="POD_IP", valueFrom=_from_field("status.podIP")),
            EnvVar(name="NODE_NAME", valueFrom=_from_field("spec.nodeName")),
        ],
        resources=ResourceRequirements(
            requests={"cpu": Quantity(string="100m"), "memory": Quantity(string="128Mi")},
            limits={"cpu": Quantity(string="500m"), "memory": Quantity(string="512Mi")},
        ),
        livenessProbe=_probe("/healthz", delay_s=15),
        readinessProbe=_probe("/ready", delay_s=3),
        volumeMounts=[
            VolumeMount(name="config", mountPath="/etc/checkout", readOnly=True),
            VolumeMount(name="tls", mountPath="/etc/tls", readOnly=True),
            VolumeMount(name="cache", mountPath="/var/cache/checkout"),
        ],
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="IfNotPresent",
    )


def _from_field(path: str) -> EnvVarSource:
    return EnvVarSource(fieldRef=ObjectFieldSelector(apiVersion="v1", fieldPath=path))


def _config_map(name: str) -> ConfigMapVolumeSource:
    return ConfigMapVolumeSource(localObjectReference=LocalObjectReference(name=name))


def _volume(name: str, source: VolumeSource) -> Volume:
    return Volume(name=name, volumeSource=source)


def _probe(path: str, *, delay_s: int) -> Probe:
    return Probe(
        handler=ProbeHandler(
            httpGet=HTTPGetAction(path=path, port=IntOrString(type=0, intVal=PORT), scheme="HTTP")
        ),
        initialDelaySeconds=delay_s,
        timeoutSeconds=1,
        periodSeconds=10,
        successThreshold=1,
        failureThreshold=3,
    )


def running_status(message: str) -> PodStatus:
    """Return what a kubelet reports of a pod that runs; ``message`` is what changes each time."""
    started = Time(seconds=STARTED_S)
    types = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return PodStatus(
        phase="Running",
        message=message,
        conditions=[
            PodCondition(type=each, status="True", lastTransitionTime=started) for each in types
        ],
        hostIP="10.128.0.17",
        podIP="10.4.7.33",
        podIPs=[PodIP(ip="10.4.7.33")],
        startTime=started,
        containerStatuses=[
            ContainerStatus(
                name="checkout",
                state=ContainerState(running=ContainerStateRunning(startedAt=started)),
                ready=True,
                started=True,
                restartCount=0,
                image="registry.example.com/web-shop/checkout:v2.14.3",
                imageID="registry.example.com/web-shop/checkout@sha256:"
                "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                containerID="containerd://"
                "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
            )
        ],
        qosClass="Burstable",
    )
