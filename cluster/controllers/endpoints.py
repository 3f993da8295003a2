"""The Endpoints controller: an object of the service's name with its pods' addresses, ready or not.

Written only on change. A service without a selector has endpoints of somebody else's making, and is
left alone; so are endpoints without a service, unless this controller made them or it saw their
service go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cluster.client.failures import is_namespace_terminating
from cluster.client.interface import ApiError, CachedObject, ObjectKey
from cluster.client.sink import Sink
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
from cluster.controllers.service_endpoints.subsets import (
    Address,
    Offer,
    pack,
    subsets_of,
    truncate,
    write_subsets,
)
from cluster.controllers.service_endpoints.unseen import UNSEEN_TTL_S, Unseen
from serialization.api.core import v1_pb2 as core
from serialization.kinds import ENDPOINTS
from serialization.times import format_time

MANAGED_BY: Final = "endpoints.kubernetes.io/managed-by"
MANAGER: Final = "endpoint-controller"
OVER_CAPACITY: Final = "endpoints.kubernetes.io/over-capacity"


class EndpointsController:
    """Keeps services and their Endpoints in step."""

    name: Final = "endpoint"

    def __init__(self, around: Surroundings) -> None:
        self._client = around.client
        self._queue = around.queue
        self._recorder = around.recorder
        self._clock = around.clock
        self._pods = ServicePods(around)
        self._endpoints = around.informers.informer(ENDPOINTS, core.Endpoints)
        self._unseen = Unseen()
        self.written = 0
        self._endpoints.subscribe(Sink(self.endpoints_seen, self.endpoints_gone))

    @property
    def informers(self) -> Sequence[Synced]:
        return (*self._pods.informers, self._endpoints)

    def endpoints_seen(self, endpoints: CachedObject[core.Endpoints]) -> None:
        """Endpoints appeared or changed: by our own hand, or they may have to be put right."""
        key = endpoints.key
        to_look_at = self._unseen.saw(key, endpoints.uid, endpoints.resource_version)
        ours = endpoints.labels.get(MANAGED_BY) == MANAGER or self._pods.knows(key)
        if to_look_at and ours:
            self._queue.add(key)

    def endpoints_gone(self, endpoints: CachedObject[core.Endpoints]) -> None:
        """Endpoints were removed."""
        if self._unseen.saw_gone(endpoints.key, endpoints.uid):
            self._queue.add(endpoints.key)

    async def sync(self, key: ObjectKey) -> None:
        if not self._unseen.settled(key, self._clock.stamp_ns()):
            self._queue.add_after(key, UNSEEN_TTL_S)
            return
        held = self._endpoints.lister.get(key)
        cached = self._pods.services.lister.get(key)
        if cached is None:
            if held is not None:
                await self._remove(held)
            return
        service = read_service(cached.peek())
        if not service.managed:
            return
        trigger_s = self._pods.take_trigger_s(key)
        current = core.Endpoints() if held is None else held.message()
        if not self._change(current, service, trigger_s) and held is not None:
            return
        try:
            await self._write(current, new=held is None)
        except BaseException:
            self._pods.trigger(key, trigger_s)  # what has changed is still to be told
            raise

    def _change(self, endpoints: core.Endpoints, service: ServiceFacts, trigger_s: int) -> bool:
        """Make endpoints what the service's pods say; return whether they said something else."""
        subsets, cut = truncate(pack(_offers(service, self._pods.of(service.key))))
        labels = labels_for(service, {MANAGED_BY: MANAGER})
        metadata = endpoints.metadata
        annotations = {k: v for k, v in metadata.annotations.items() if k != OVER_CAPACITY}
        if cut:
            annotations[OVER_CAPACITY] = "truncated"
        if (
            subsets == subsets_of(endpoints)
            and labels == metadata.labels
            and annotations == metadata.annotations
        ):
            return False
        annotations.pop(TRIGGER_TIME, None)
        if trigger_s:
            annotations[TRIGGER_TIME] = format_time(trigger_s)
        metadata.namespace, metadata.name = service.key
        metadata.labels.clear()
        metadata.labels.update(labels)
        metadata.annotations.clear()
        metadata.annotations.update(annotations)
        write_subsets(endpoints, subsets)
        return True

    async def _write(self, endpoints: core.Endpoints, *, new: bool) -> None:
        metadata = endpoints.metadata
        key = ObjectKey(metadata.namespace, metadata.name)
        try:
            if new:
                stored = await self._client.create(ENDPOINTS, key.namespace, endpoints)
            else:
                stored = await self._client.update(ENDPOINTS, endpoints)
        except ApiError as error:
            if is_namespace_terminating(error):
                return
            self._report(key, error, new=new)
            raise
        self.written += 1
        cached = self._endpoints.lister.get(key)
        revision = stored.metadata.resourceVersion
        if cached is None or int(cached.resource_version) < int(revision):
            self._unseen.wrote(key, stored.metadata.uid, revision, self._clock.stamp_ns())

    async def _remove(self, endpoints: CachedObject[core.Endpoints]) -> None:
        """Delete these very endpoints, whose service is gone."""
        try:
            await self._client.delete(ENDPOINTS, endpoints.key, uid=endpoints.uid)
        except ApiError as error:
            if error.code != 404:  # 409: another by its name; the next look will see it
                raise
            return
        now = self._endpoints.lister.get(endpoints.key)
        if now is not None and now.uid == endpoints.uid:
            self._unseen.removed(endpoints.key, endpoints.uid, self._clock.stamp_ns())

    def _report(self, key: ObjectKey, error: ApiError, *, new: bool) -> None:
        verb = "create" if new else "update"
        about = core.ObjectReference(
            apiVersion=ENDPOINTS.api_version,
            kind=ENDPOINTS.kind,
            namespace=key.namespace,
            name=key.name,
        )
        self._recorder.record(
            about,
            f"FailedTo{verb.capitalize()}Endpoint",
            f"Failed to {verb} endpoint {key}: {error}",
            warning=True,
        )


def _offers(service: ServiceFacts, pods: Iterable[ServicePod]) -> Iterator[Offer]:
    """Return what each pod contributes: nothing unless it has an address and one of the ports.

    Pods that are being deleted are endpoints only where unready ones are wanted.
    """
    for pod in pods:
        if not may_be_endpoint(pod, terminating=service.publish_not_ready):
            continue
        ips = addresses_in(pod, service.families[0])
        ports = resolve(service, pod)
        if not ips or not (ports or (service.headless and not service.ports)):
            continue
        namespace, name = pod.key
        hostname = hostname_in(pod, service)
        address = Address(ips[0], pod.uid, namespace, name, pod.node_name, hostname)
        yield Offer(address, service.publish_not_ready or pod.ready, ports)
