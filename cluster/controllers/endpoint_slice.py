"""The EndpointSlice controller: a service's pods in slices of at most a hundred, by set of ports.

Unlike Endpoints, slices also hold pods that are on their way out, with the conditions to tell. How
they are laid out is ``service_endpoints.slices``. Slices carry their service as owner: with it
they go by garbage collection. A service without a selector is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cluster.client.failures import is_namespace_terminating
from cluster.client.interface import ApiError, CachedObject, ObjectKey
from cluster.controllers.runner import Surroundings, Synced
from cluster.controllers.service_endpoints.membership import ServicePods
from cluster.controllers.service_endpoints.reading import (
    TRIGGER_TIME,
    ServiceFacts,
    ServicePod,
    addresses_in,
    hostname_in,
    labels_for,
    may_be_endpoint,
    read_service,
    resolve,
)
from cluster.controllers.service_endpoints.slice_form import endpoints_of, ports_of, write_content
from cluster.controllers.service_endpoints.slices import (
    Endpoint,
    Identity,
    Ports,
    Rewrite,
    Slice,
    plan,
)
from cluster.controllers.service_endpoints.unseen import UNSEEN_TTL_S, Unseen
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.kinds import ENDPOINT_SLICES, NODES, SERVICES
from serialization.times import format_time

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
MANAGER: Final = "endpointslice-controller.k8s.io"
ZONE: Final = "topology.kubernetes.io/zone"
BY_SERVICE: Final = "service"
NODE_RETRY_S: Final = 1.0
"""When a pod is looked at again whose node this controller does not know yet."""

Held = CachedObject[discovery.EndpointSlice]


class Known(NamedTuple):
    """A slice's content as it was last read."""

    resource_version: str
    family: str
    content: Slice[Held]


class Write(NamedTuple):
    """A slice to be made, or made over."""

    family: str
    content: Rewrite[Held]


@dataclass(slots=True)
class Work:
    """What is to be written for a service."""

    service: ServiceFacts
    trigger_s: int
    labels: dict[str, str]
    writes: list[Write] = field(default_factory=list)
    deletes: list[Held] = field(default_factory=list)


def _service_of(slice_: Held) -> ObjectKey | None:
    """Return whose slice it is, or None when it is not of this controller's making."""
    name = slice_.labels.get(SERVICE_NAME)
    if not name or slice_.labels.get(MANAGED_BY) != MANAGER:
        return None
    return ObjectKey(slice_.key.namespace, name)


def _file_by_service(slice_: Held) -> Iterable[str]:
    service = _service_of(slice_)
    return () if service is None else (str(service),)


class EndpointSliceController:
    """Keeps services and their slices in step."""

    name: Final = "endpointslice"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._recorder = around.recorder
        self._clock = around.clock
        self._pods = ServicePods(around)
        self._nodes = around.informers.informer(NODES, core.Node)
        self._slices = around.informers.informer(ENDPOINT_SLICES, discovery.EndpointSlice)
        self._slices.add_index(BY_SERVICE, _file_by_service)
        self._known: dict[str, Known] = {}
        """By uid."""
        self._unseen = Unseen()
        self.created = 0
        self.updated = 0
        self.deleted = 0
        self._slices.subscribe(_SliceSink(self))

    @property
    def informers(self) -> Sequence[Synced]:
        return (*self._pods.informers, self._nodes, self._slices)

    def slice_seen(self, slice_: Held) -> None:
        """A slice appeared or changed: by our own hand, or it may have to be put right."""
        service = _service_of(slice_)
        if service is not None and self._unseen.saw(service, slice_.uid, slice_.resource_version):
            self._queue.add(service)

    def slice_gone(self, slice_: Held) -> None:
        """A slice was removed, or is no longer ours."""
        self._known.pop(slice_.uid, None)
        service = _service_of(slice_)
        if service is not None and self._unseen.saw_gone(service, slice_.uid):
            self._queue.add(service)

    async def sync(self, key: ObjectKey) -> None:
        if not self._unseen.settled(key, self._clock.stamp_ns()):
            self._queue.add_after(key, UNSEEN_TTL_S)
            return
        cached = self._pods.services.lister.get(key)
        if cached is None:
            return
        service = read_service(cached.peek())
        if not service.managed:
            return
        own = {SERVICE_NAME: key.name, MANAGED_BY: MANAGER}
        work = Work(service, self._pods.take_trigger_s(key), labels_for(service, own))
        self._plan(work)
        try:
            await self._carry_out(work)
        except BaseException as error:
            self._pods.trigger(key, work.trigger_s)  # what has changed is still to be told
            if isinstance(error, ApiError):
                self._report(service, error)
            raise

    def _plan(self, work: Work) -> None:
        """Decide what is to be written for a service."""
        service = work.service
        held: dict[str, list[Slice[Held]]] = {family: [] for family in service.families}
        for slice_ in self._slices.lister.by_index(BY_SERVICE, str(service.key)):
            known = self._read(slice_)
            if slice_.owner_uid == service.uid and known.family in held:
                held[known.family].append(known.content)
            elif not slice_.deleting:
                work.deletes.append(slice_)
        pods = self._pods.of(service.key)
        for family, slices in held.items():
            self._plan_family(work, family, pods, slices)

    def _plan_family(
        self, work: Work, family: str, pods: Iterable[ServicePod], held: list[Slice[Held]]
    ) -> None:
        wanted, as_told = self._wanted(work.service, pods, family)
        made = plan([each for each in held if not each.handle.deleting], wanted)
        touched = {each.handle.uid for each in made.updates if each.handle is not None}
        touched.update(each.uid for each in made.deletes)
        relabelled = [
            Rewrite(each.handle, each.ports, each.endpoints)
            for each in held
            if each.handle.labels != work.labels and each.handle.uid not in touched
        ]
        for each in (*made.creates, *made.updates, *relabelled):
            ports = as_told.get(each.ports, each.ports)
            work.writes.append(Write(family, each._replace(ports=ports)))
        work.deletes += made.deletes

    def _wanted(
        self, service: ServiceFacts, pods: Iterable[ServicePod], family: str
    ) -> tuple[dict[Ports, list[Endpoint]], dict[Ports, Ports]]:
        """Return the endpoints of each set of ports, and each set in the service's own order."""
        wanted: dict[Ports, list[Endpoint]] = {}
        as_told: dict[Ports, Ports] = {}
        for pod in pods:
            addresses = addresses_in(pod, family)
            if not addresses or not may_be_endpoint(pod, terminating=True):
                continue
            node = self._nodes.lister.get(ObjectKey("", pod.node_name))
            if node is None and pod.node_name and not service.publish_not_ready:
                self._queue.add_after(service.key, NODE_RETRY_S)
                continue
            told = resolve(service, pod)
            ports = tuple(sorted(told))
            as_told[ports] = told
            namespace, name = pod.key
            wanted.setdefault(ports, []).append(
                Endpoint(
                    Identity(addresses, namespace, name, pod.uid, hostname_in(pod, service)),
                    ready=service.publish_not_ready or (pod.ready and not pod.terminating),
                    serving=pod.ready,
                    terminating=pod.terminating,
                    node_name=pod.node_name,
                    zone=node.labels.get(ZONE, "") if node is not None else "",
                )
            )
        return wanted, as_told

    def _read(self, slice_: Held) -> Known:
        """Read a slice once per version."""
        known = self._known.get(slice_.uid)
        if known is None or known.resource_version != slice_.resource_version:
            message = slice_.message()
            content = Slice(slice_, ports_of(message), endpoints_of(message))
            known = Known(slice_.resource_version, message.addressType, content)
            self._known[slice_.uid] = known
        return known

    async def _carry_out(self, work: Work) -> None:
        for write in work.writes:
            handle = write.content.handle
            slice_ = _new(work, write.family) if handle is None else handle.message()
            _fill(slice_, work, write)
            try:
                if handle is None:
                    namespace = work.service.key.namespace
                    stored = await self._client.create(ENDPOINT_SLICES, namespace, slice_)
                    self.created += 1
                else:
                    stored = await self._client.update(ENDPOINT_SLICES, slice_)
                    self.updated += 1
            except ApiError as error:
                if handle is None and is_namespace_terminating(error):
                    return
                raise
            self._wrote(work.service.key, stored.metadata)
        for unwanted in work.deletes:
            await self._delete(work.service.key, unwanted)

    def _wrote(self, service: ObjectKey, stored: ObjectMeta) -> None:
        cached = self._slices.lister.get(ObjectKey(stored.namespace, stored.name))
        revision = stored.resourceVersion
        if cached is None or int(cached.resource_version) < int(revision):
            self._unseen.wrote(service, stored.uid, revision, self._clock.stamp_ns())

    async def _delete(self, service: ObjectKey, slice_: Held) -> None:
        try:
            await self._client.delete(ENDPOINT_SLICES, slice_.key, uid=slice_.uid)
        except ApiError as error:
            if error.code != 404:  # 409: another by its name; the next look will see it
                raise
            return
        self.deleted += 1
        now = self._slices.lister.get(slice_.key)
        if now is not None and now.uid == slice_.uid and not now.deleting:
            self._unseen.removed(service, slice_.uid, self._clock.stamp_ns())

    def _report(self, service: ServiceFacts, error: ApiError) -> None:
        about = core.ObjectReference(
            apiVersion=SERVICES.api_version,
            kind=SERVICES.kind,
            namespace=service.key.namespace,
            name=service.key.name,
            uid=service.uid,
        )
        text = f"Error updating Endpoint Slices for Service {service.key}: {error}"
        self._recorder.record(about, "FailedToUpdateEndpointSlices", text, warning=True)


def _new(work: Work, family: str) -> discovery.EndpointSlice:
    service = work.service
    owner = OwnerReference(
        apiVersion=SERVICES.api_version,
        kind=SERVICES.kind,
        name=service.key.name,
        uid=service.uid,
        controller=True,
        blockOwnerDeletion=True,
    )
    return discovery.EndpointSlice(
        metadata=ObjectMeta(
            namespace=service.key.namespace,
            generateName=f"{service.key.name}-",
            ownerReferences=[owner],
        ),
        addressType=family,
    )


def _fill(slice_: discovery.EndpointSlice, work: Work, write: Write) -> None:
    metadata = slice_.metadata
    metadata.labels.clear()
    metadata.labels.update(work.labels)
    metadata.annotations.pop(TRIGGER_TIME, None)
    if work.trigger_s:
        metadata.annotations[TRIGGER_TIME] = format_time(work.trigger_s)
    write_content(slice_, write.content.ports, write.content.endpoints)


class _SliceSink:
    def __init__(self, controller: EndpointSliceController) -> None:
        self._controller = controller

    def added(self, new: Held) -> None:
        self._controller.slice_seen(new)

    def updated(self, old: Held, new: Held) -> None:
        if old.uid != new.uid or _service_of(old) != _service_of(new):
            self._controller.slice_gone(old)
        self._controller.slice_seen(new)

    def deleted(self, last: Held) -> None:
        self._controller.slice_gone(last)
