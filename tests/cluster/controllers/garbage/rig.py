"""A garbage collector at work on the fake API, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiError, ObjectKey, Propagation
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.garbage.collector import GarbageCollector
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.kinds import (
    CONFIG_MAPS,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SECRETS,
)
from serialization.scheme import Resource
from storage.virtual_time import VirtualClock

SERVED = (CONFIG_MAPS, SECRETS, PODS, NODES, REPLICATION_CONTROLLERS, REPLICA_SETS)
NAMESPACE = "ns"


@dataclass
class Said:
    """A recorder that remembers what was said of whom."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def record(
        self, about: core.ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.events.append((about.name, reason))


@dataclass
class Rig:
    """The fake API and the collector that works on it."""

    api: FakeApi
    collector: GarbageCollector
    said: Said

    def make(
        self,
        name: str,
        owners: Sequence[OwnerReference] = (),
        *,
        namespace: str = NAMESPACE,
        finalizers: Sequence[str] = (),
    ) -> core.ConfigMap:
        """Make a config map; a name says enough."""
        made = config_map(name, owners)
        made.metadata.namespace = namespace
        made.metadata.finalizers.extend(finalizers)
        return self.api.add(made)

    async def delete(self, name: str, propagation: Propagation) -> None:
        key = ObjectKey(NAMESPACE, name)
        while True:
            try:
                return await self.api.delete(CONFIG_MAPS, key, propagation=propagation)
            except ApiError as error:
                if error.code != 503:  # a fault that was meant for the collector
                    raise

    async def release(self, name: str) -> None:
        """Take all finalizers off one that is being deleted."""
        held = await self.api.get(CONFIG_MAPS, core.ConfigMap, ObjectKey(NAMESPACE, name))
        assert held.metadata.HasField("deletionTimestamp")
        del held.metadata.finalizers[:]
        await self.api.update(CONFIG_MAPS, held)

    async def settle(self) -> None:
        """Let everything happen that is going to; ten seconds are more than any retry takes."""
        await asyncio.sleep(10)

    def owners(self) -> dict[str, list[str]]:
        """Return the names of all config maps, and of their owners."""
        return {
            each.metadata.name: [owner.name for owner in each.metadata.ownerReferences]
            for each in self.api.objects(core.ConfigMap)
        }


def meta(name: str, owners: Sequence[OwnerReference] = ()) -> ObjectMeta:
    """Return an object's metadata."""
    return ObjectMeta(name=name, namespace=NAMESPACE, ownerReferences=owners)


def config_map(name: str, owners: Sequence[OwnerReference] = ()) -> core.ConfigMap:
    """Return a config map that is not there yet."""
    return core.ConfigMap(metadata=meta(name, owners))


def owned_by(owner: core.ConfigMap, *, blocks: bool = True) -> OwnerReference:
    """Return a reference to a config map."""
    return reference(owner.metadata.name, owner.metadata.uid, blocks=blocks)


def reference(
    name: str, uid: str, *, blocks: bool = True, kind: str = "ConfigMap", version: str = "v1"
) -> OwnerReference:
    """Return a reference to anything."""
    return OwnerReference(
        apiVersion=version, kind=kind, name=name, uid=uid, blockOwnerDeletion=blocks
    )


@asynccontextmanager
async def rig(
    api: FakeApi | None = None, served: Sequence[Resource] = SERVED
) -> AsyncIterator[Rig]:
    """Run a collector on a fake API; its first lists are done."""
    clock = VirtualClock()
    api = api or FakeApi(clock)
    api.served = tuple(served)
    said = Said()
    async with InformerFactory(api, clock, random.Random(0)) as informers:
        queue = RateLimitedQueue[ObjectKey]()
        collector = GarbageCollector(Surroundings(api, informers, queue, said, clock))
        runner = Runner(collector, queue)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(runner.run())
            await runner.wait_synced()
            yield Rig(api, collector, said)
            working.cancel()
