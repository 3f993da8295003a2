"""What users do to a plane, and what befalls it: one deed at a time, at random."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from google.protobuf.message import Message

from cluster.client.interface import ObjectKey, Propagation
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import LabelSelector, ObjectMeta, OwnerReference
from serialization.kinds import (
    CONFIG_MAPS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SECRETS,
    SERVICES,
)
from serialization.scheme import Resource, metadata_of
from tests.simulation.troubled import KEPT, SPACES, Troubled

APPS: Final = ("a", "b")
REPLICAS_MAX: Final = 5
POLICIES: Final = (
    Propagation.BACKGROUND,
    Propagation.FOREGROUND,
    Propagation.ORPHAN,
    Propagation.DEFAULT,
)


async def create_namespace(at: Troubled) -> str:
    name = at.chance.choice(SPACES[1:])
    await at.client.create(NAMESPACES, "", core.Namespace(metadata=ObjectMeta(name=name)))
    return name


async def delete_namespace(at: Troubled) -> str:
    name = at.chance.choice(SPACES[1:])
    await at.client.delete(NAMESPACES, ObjectKey("", name))
    return name


def _meta(at: Troubled) -> ObjectMeta:
    return ObjectMeta(
        namespace=at.chance.choice(SPACES), name=at.chance.choice(APPS), labels={"in": "it"}
    )


def _template(at: Troubled, app: str) -> core.PodTemplateSpec:
    metadata = ObjectMeta(labels={"app": app})
    if at.chance.random() < 0.3:
        metadata.annotations["kubedyno.dev/crash-after"] = "1s:20s"
        metadata.annotations["kubedyno.dev/crashes"] = "2"
    spec = core.PodSpec(
        containers=[core.Container(name="c", image="i:1")],
        terminationGracePeriodSeconds=at.chance.choice((0, 1, 10)),
    )
    return core.PodTemplateSpec(metadata=metadata, spec=spec)


async def create_controller(at: Troubled) -> str:
    meta = _meta(at)
    spec = core.ReplicationControllerSpec(
        replicas=at.chance.randint(0, REPLICAS_MAX),
        selector={"app": meta.name},
        template=_template(at, meta.name),
    )
    made = core.ReplicationController(metadata=meta, spec=spec)
    await at.client.create(REPLICATION_CONTROLLERS, meta.namespace, made)
    return f"{meta.namespace}/{meta.name}"


async def create_replica_set(at: Troubled) -> str:
    meta = _meta(at)
    spec = apps.ReplicaSetSpec(
        replicas=at.chance.randint(0, REPLICAS_MAX),
        selector=LabelSelector(matchLabels={"app": meta.name}),
        template=_template(at, meta.name),
    )
    made = apps.ReplicaSet(metadata=meta, spec=spec)
    await at.client.create(REPLICA_SETS, meta.namespace, made)
    return f"{meta.namespace}/{meta.name}"


async def scale(at: Troubled) -> str:
    controller = await at.some(REPLICATION_CONTROLLERS, core.ReplicationController)
    if controller is None:
        return "none"
    controller.spec.replicas = at.chance.randint(0, REPLICAS_MAX)
    await at.client.update(REPLICATION_CONTROLLERS, controller)
    return f"{controller.metadata.namespace}/{controller.metadata.name}"


async def _delete(
    at: Troubled, resource: Resource, kind: type[Message], policy: Propagation
) -> str:
    found = await at.some(resource, kind)
    if found is None:
        return "none"
    meta = metadata_of(found)
    key = ObjectKey(meta.namespace, meta.name)
    await at.client.delete(resource, key, uid=meta.uid, propagation=policy)
    return f"{key} {policy}"


async def delete_controller(at: Troubled) -> str:
    policy = at.chance.choice(POLICIES)
    return await _delete(at, REPLICATION_CONTROLLERS, core.ReplicationController, policy)


async def delete_replica_set(at: Troubled) -> str:
    return await _delete(at, REPLICA_SETS, apps.ReplicaSet, at.chance.choice(POLICIES))


async def replace_controller(at: Troubled) -> str:
    """Delete one and make it again under its name, as ``kubectl replace --force`` does."""
    found = await at.some(REPLICATION_CONTROLLERS, core.ReplicationController)
    if found is None:
        return "none"
    key = ObjectKey(found.metadata.namespace, found.metadata.name)
    policy = at.chance.choice((Propagation.BACKGROUND, Propagation.ORPHAN))
    await at.client.delete(REPLICATION_CONTROLLERS, key, propagation=policy)
    again = core.ReplicationController(
        metadata=ObjectMeta(namespace=key.namespace, name=key.name), spec=found.spec
    )
    await at.client.create(REPLICATION_CONTROLLERS, key.namespace, again)
    return f"{key} {policy}"


async def create_service(at: Troubled) -> str:
    meta = _meta(at)
    spec = core.ServiceSpec(selector={"app": meta.name}, ports=[core.ServicePort(port=80)])
    if at.chance.random() < 0.3:
        spec.clusterIP = "None"
    await at.client.create(SERVICES, meta.namespace, core.Service(metadata=meta, spec=spec))
    return f"{meta.namespace}/{meta.name}"


async def delete_service(at: Troubled) -> str:
    policy = at.chance.choice((Propagation.BACKGROUND, Propagation.FOREGROUND))
    found = await at.some(SERVICES, core.Service)
    if found is None or found.metadata.name == "kubernetes":
        return "none"
    key = ObjectKey(found.metadata.namespace, found.metadata.name)
    await at.client.delete(SERVICES, key, propagation=policy)
    return f"{key} {policy}"


async def create_pod(at: Troubled) -> str:
    meta = _meta(at)
    template = _template(at, meta.name)
    template.metadata.namespace, template.metadata.name = meta.namespace, f"bare-{meta.name}"
    if at.chance.random() < 0.5:
        template.spec.restartPolicy = "Never"
        template.metadata.annotations["kubedyno.dev/run-for"] = "1s:30s"
    if at.chance.random() < 0.2:
        template.metadata.finalizers.append(KEPT)
    pod = core.Pod(metadata=template.metadata, spec=template.spec)
    await at.client.create(PODS, meta.namespace, pod)
    return f"{meta.namespace}/{template.metadata.name}"


async def delete_pod(at: Troubled) -> str:
    return await _delete(at, PODS, core.Pod, Propagation.DEFAULT)


async def relabel_pod(at: Troubled) -> str:
    pod = await at.some(PODS, core.Pod)
    if pod is None:
        return "none"
    pod.metadata.labels["app"] = at.chance.choice((*APPS, "none"))
    await at.client.update(PODS, pod)
    return pod.metadata.name


async def create_owned(at: Troubled) -> str:
    """Make a config map or a secret that some of the others in its namespace own."""
    namespace = at.chance.choice(SPACES)
    references = await _references(at, namespace)
    name = f"owned-{at.chance.randint(0, 9)}"
    meta = ObjectMeta(namespace=namespace, name=name, ownerReferences=references)
    if at.chance.random() < 0.1:
        meta.finalizers.append(KEPT)
    if at.chance.random() < 0.5:
        await at.client.create(SECRETS, namespace, core.Secret(metadata=meta))
    else:
        await at.client.create(CONFIG_MAPS, namespace, core.ConfigMap(metadata=meta))
    return f"{namespace}/{name}"


async def _references(at: Troubled, namespace: str) -> list[OwnerReference]:
    owners: list[tuple[Resource, ObjectMeta]] = [
        (CONFIG_MAPS, each.metadata)
        for each in await at.all(CONFIG_MAPS, core.ConfigMap, namespace)
    ]
    owners += [(NODES, each.metadata) for each in await at.all(NODES, core.Node)]
    return [
        OwnerReference(
            apiVersion=resource.api_version,
            kind=resource.kind,
            name=meta.name,
            uid=meta.uid,
            blockOwnerDeletion=at.chance.random() < 0.5,
        )
        for resource, meta in at.chance.sample(owners, at.chance.randint(0, 2))
    ]


async def reown(at: Troubled) -> str:
    """Give a config map other owners: circles come about."""
    found = await at.some(CONFIG_MAPS, core.ConfigMap)
    if found is None:
        return "none"
    del found.metadata.ownerReferences[:]
    found.metadata.ownerReferences.extend(await _references(at, found.metadata.namespace))
    await at.client.update(CONFIG_MAPS, found)
    return f"{found.metadata.namespace}/{found.metadata.name}"


async def delete_config_map(at: Troubled) -> str:
    return await _delete(at, CONFIG_MAPS, core.ConfigMap, at.chance.choice(POLICIES))


async def turn_mortal_node(at: Troubled) -> str:
    """Let the mortal node die, or live again."""
    return await at.turn_mortal_node()


async def delete_mortal_node(at: Troubled) -> str:
    return await at.delete_mortal_node()


async def restart_server(at: Troubled) -> str:
    return await at.restart_server()


DEEDS: Final[dict[Callable[[Troubled], Awaitable[str]], int]] = {
    create_namespace: 3,
    delete_namespace: 2,
    create_controller: 5,
    create_replica_set: 5,
    scale: 5,
    delete_controller: 3,
    delete_replica_set: 3,
    replace_controller: 2,
    create_service: 3,
    delete_service: 2,
    create_pod: 3,
    delete_pod: 4,
    relabel_pod: 3,
    create_owned: 6,
    reown: 3,
    delete_config_map: 4,
    turn_mortal_node: 1,
    delete_mortal_node: 1,
    restart_server: 1,
}
"""What happens, and how often it does."""
