"""What must hold of a plane at rest: of its objects, and of what its parts keep."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import Message

from cluster.client.interface import ObjectKey
from cluster.controllers.endpoint_slice import EndpointSliceController
from cluster.controllers.endpoints import EndpointsController
from cluster.controllers.garbage.collector import GarbageCollector
from cluster.controllers.node_lifecycle.controller import NodeLifecycleController
from cluster.controllers.pod_gc import PodGarbageCollector
from cluster.controllers.replica_control import ReplicaControl
from cluster.controllers.taint_eviction import TaintEvictionController
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import (
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    LEASES,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SECRETS,
    SERVICES,
)
from serialization.scheme import Resource, metadata_of
from tests.simulation.troubled import Troubled

KINDS: Final = (
    PODS,
    NODES,
    NAMESPACES,
    REPLICATION_CONTROLLERS,
    REPLICA_SETS,
    SERVICES,
    ENDPOINTS,
    ENDPOINT_SLICES,
    CONFIG_MAPS,
    SECRETS,
    LEASES,
)
FINISHED: Final = ("Succeeded", "Failed")
SERVICE_NAME: Final = "kubernetes.io/service-name"


class Rest:
    """One look at everything."""

    def __init__(self, at: Troubled, found: dict[Resource, list[Message]]) -> None:
        self._at = at
        self._found = found
        self.pods = [each for each in found[PODS] if isinstance(each, core.Pod)]
        self._uids = {metadata_of(each).uid for objects in found.values() for each in objects}

    @classmethod
    async def look(cls, at: Troubled) -> Rest:
        return cls(at, {each: await at.all(each, each.message) for each in KINDS})

    def problems(self) -> list[str]:
        """Return all that does not hold."""
        return [
            *self._of_endings(),
            *self._of_owners(),
            *self._of_pods(),
            *self._of_replicas(),
            *self._of_services(),
            *self._of_the_scheduler(),
            *self._of_the_kubelets(),
            *self._of_the_controllers(),
        ]

    def _metas(self) -> Iterator[tuple[Resource, ObjectMeta]]:
        for resource, objects in self._found.items():
            for each in objects:
                yield resource, metadata_of(each)

    def _of_endings(self) -> Iterator[str]:
        """Nothing is on its way out, nothing is where nothing can be."""
        spaces = {metadata_of(each).name for each in self._found[NAMESPACES]}
        for resource, meta in self._metas():
            where = f"{resource.plural} {meta.namespace}/{meta.name}"
            if meta.HasField("deletionTimestamp"):
                yield f"{where} is still being deleted, finalizers {list(meta.finalizers)}"
            if meta.namespace and meta.namespace not in spaces:
                yield f"{where} has no namespace"

    def _of_owners(self) -> Iterator[str]:
        """Who has owners has one that lives."""
        for resource, meta in self._metas():
            owners = [each.uid for each in meta.ownerReferences]
            if owners and not self._uids.intersection(owners):
                yield f"{resource.plural} {meta.namespace}/{meta.name} has lost its owners"

    def _of_pods(self) -> Iterator[str]:
        """All run, on nodes that are there, each with an address of its own."""
        nodes = {metadata_of(each).name for each in self._found[NODES]}
        for pod in self.pods:
            name = f"pod {pod.metadata.namespace}/{pod.metadata.name}"
            if pod.spec.nodeName not in nodes:
                yield f"{name} is on node {pod.spec.nodeName!r}"
            if pod.status.phase not in FINISHED and not is_ready(pod):
                yield f"{name} is {pod.status.phase} and not ready"
        ips = Counter(p.status.podIP for p in self.pods if p.status.phase not in FINISHED)
        yield from (f"{count} pods have address {ip!r}" for ip, count in ips.items() if count > 1)

    def _of_replicas(self) -> Iterator[str]:
        """Every controller has its replicas, and says so."""
        owned: Counter[str] = Counter()
        for pod in self.pods:
            if pod.status.phase not in FINISHED:
                owned.update(each.uid for each in pod.metadata.ownerReferences if each.controller)
        for resource in (REPLICATION_CONTROLLERS, REPLICA_SETS):
            for each in self._found[resource]:
                assert isinstance(each, core.ReplicationController | apps.ReplicaSet)
                meta, status, wanted = each.metadata, each.status, each.spec.replicas
                has = owned[meta.uid]
                if not wanted == has == status.replicas == status.readyReplicas:
                    yield (
                        f"{resource.plural} {meta.namespace}/{meta.name} wants {wanted},"
                        f" has {has}, says {status.replicas}, {status.readyReplicas} ready"
                    )
                if status.observedGeneration != meta.generation:
                    yield f"{resource.plural} {meta.namespace}/{meta.name} was not looked at"

    def _of_services(self) -> Iterator[str]:
        """Endpoints and slices are the addresses of their services' pods."""
        told: dict[tuple[str, str], list[str]] = {}
        for each in self._found[ENDPOINTS]:
            assert isinstance(each, core.Endpoints)
            key = (each.metadata.namespace, each.metadata.name)
            told[key] = sorted(a.ip for subset in each.subsets for a in subset.addresses)
        sliced: dict[tuple[str, str], list[str]] = defaultdict(list)
        for each in self._found[ENDPOINT_SLICES]:
            assert isinstance(each, discovery.EndpointSlice)
            key = (each.metadata.namespace, each.metadata.labels.get(SERVICE_NAME, ""))
            sliced[key] += [ip for endpoint in each.endpoints for ip in endpoint.addresses]
        services = set()
        for each in self._found[SERVICES]:
            assert isinstance(each, core.Service)
            if not each.spec.selector:
                continue
            key = (each.metadata.namespace, each.metadata.name)
            services.add(key)
            wanted = sorted(
                pod.status.podIP
                for pod in self.pods
                if pod.metadata.namespace == key[0]
                and each.spec.selector.items() <= pod.metadata.labels.items()
                and pod.status.phase not in FINISHED
            )
            if told.get(key) != wanted:
                yield f"endpoints {key} are {told.get(key)}, not {wanted}"
            if sorted(sliced[key]) != wanted:
                yield f"slices of {key} hold {sliced[key]}, not {wanted}"
        yield from (f"endpoints {key} have no service" for key in told.keys() - services)

    def _of_the_scheduler(self) -> Iterator[str]:
        """Its model is the pods that take room, and nobody waits."""
        scheduler = self._at.cluster.control.scheduler
        placed = {
            pod.metadata.uid: pod.spec.nodeName
            for pod in self.pods
            if pod.status.phase not in FINISHED
        }
        state = scheduler.state
        if state._node_of != placed:
            yield f"the scheduler has {state._node_of}, not {placed}"
        if state._assumed or state._homeless or len(scheduler.queue):
            yield f"the scheduler keeps {state._assumed} {state._homeless} {scheduler.queue._pods}"
        for node in state.nodes:
            here = {uid for uid, name in placed.items() if name == node.facts.name}
            if set(node.pods) != here or (not here and (node.cpu_milli or node.memory_bytes)):
                yield f"the scheduler counts {node}"
        labelled = {p.metadata.uid for p in self.pods if p.metadata.labels}
        if set(scheduler.groups._set_of) != labelled & set(placed):
            yield "the scheduler's groups are not the pods"
        selectors = {
            metadata_of(each).uid
            for resource in (SERVICES, REPLICATION_CONTROLLERS, REPLICA_SETS)
            for each in self._found[resource]
        }
        kept = {key.name for key in scheduler.groups._selectors}
        if not kept <= selectors:
            yield "the scheduler keeps selectors of the dead"

    def _of_the_kubelets(self) -> Iterator[str]:
        """They keep what they run, and nothing else."""
        for node in self._at.cluster.nodes.fleet.nodes:
            here = {
                (pod.metadata.namespace, pod.metadata.name): pod.metadata.uid
                for pod in self.pods
                if pod.spec.nodeName == node.name
            }
            if node.pods != len(here):
                yield f"{node.name} counts {node.pods} pods, not {len(here)}"
            for what, keys in (("due", node._due), ("lives", node.lives)):
                if not set(keys) <= set(here):
                    yield f"{node.name} keeps {what} of {set(keys) - set(here)}"
            if not set(node.addresses._of) <= set(here.values()):
                yield f"{node.name} keeps addresses of pods that are gone"

    def _of_the_controllers(self) -> Iterator[str]:
        """They keep nothing of what is gone, and have nothing left to do."""
        control = self._at.cluster.control
        for name, kept, alive in self._kept():
            if left := set(kept) - alive:
                yield f"{name} of the dead: {sorted(map(str, left))[:5]}"
        for name, queue in control.queues.items():
            if queue._backoff._failures or len(queue):
                yield f"queue {name}: {len(queue)} in line, failed: {queue._backoff._failures}"

    def _kept(self) -> Iterator[tuple[str, Iterable[object], set[object]]]:
        """Name what parts keep by uid or key, and what of it there may be."""
        runners = self._at.cluster.control.runners
        pod_uids: set[object] = {pod.metadata.uid for pod in self.pods}
        for name, resource in (
            ("replicationcontroller", REPLICATION_CONTROLLERS),
            ("replicaset", REPLICA_SETS),
        ):
            control = runners[name]._controller
            assert isinstance(control, ReplicaControl)
            keys, uids = self._keys(resource), self._uids_of(resource)
            yield f"{name}: expectations", control.expectations._expected, keys
            yield f"{name}: answers", control._written, keys
            yield f"{name}: selectors", control._selectors._selectors, keys
            yield f"{name}: uids", control._key_by_uid, uids
            yield f"{name}: facts", control._facts, pod_uids
        services = self._keys(SERVICES)
        for name in ("endpoint", "endpointslice"):
            control = runners[name]._controller
            assert isinstance(control, EndpointsController | EndpointSliceController)
            pods = control._pods
            yield f"{name}: members", pods._members, services
            yield f"{name}: selectors", pods._selectors._selectors, services
            yield f"{name}: triggers", pods._triggers, services
            yield f"{name}: facts", pods._facts, self._keys(PODS)
            yield f"{name}: pods", pods._services, self._keys(PODS)
            yield f"{name}: unseen", control._unseen._awaited, set()
            yield f"{name}: held back", control._unseen._held_back, set()
            if isinstance(control, EndpointSliceController):
                yield f"{name}: slices", control._known, self._uids_of(ENDPOINT_SLICES)
        yield from self._kept_of_nodes(pod_uids)

    def _kept_of_nodes(
        self, pod_uids: set[object]
    ) -> Iterator[tuple[str, Iterable[object], set[object]]]:
        runners = self._at.cluster.control.runners
        names: set[object] = {metadata_of(each).name for each in self._found[NODES]}
        eviction, life = runners["tainteviction"]._controller, runners["nodelifecycle"]._controller
        assert isinstance(eviction, TaintEvictionController)
        assert isinstance(life, NodeLifecycleController)
        yield "taint eviction: times", eviction._since_s, set()
        yield "taint eviction: nodes", eviction.tainted, set()
        yield "node lifecycle: nodes", life.health, names
        yield "node lifecycle: lines", life.zones._zones[""].line, set()
        keeper, collector = runners["podgc"]._controller, runners["garbagecollector"]._controller
        assert isinstance(keeper, PodGarbageCollector)
        assert isinstance(collector, GarbageCollector)
        yield "pod collector: doomed", keeper._doomed, set()
        yield "pod collector: nodes", keeper._missing_s, set()
        nodes = collector.graph._nodes
        strangers = (each.uid for each in nodes.values() if each.resource in KINDS)
        referred = (owner.uid for _, meta in self._metas() for owner in meta.ownerReferences)
        yield "garbage collector: graph", strangers, {*self._uids, *referred}

    def _keys(self, resource: Resource) -> set[object]:
        metas = (metadata_of(each) for each in self._found[resource])
        return {ObjectKey(meta.namespace, meta.name) for meta in metas}

    def _uids_of(self, resource: Resource) -> set[object]:
        return {metadata_of(each).uid for each in self._found[resource]}


def is_ready(pod: core.Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
