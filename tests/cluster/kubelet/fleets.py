"""Fleets on the fake API in virtual time, one after another: what their tests share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster.client.events import EventRecorder
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.kubelet.fleet import Fleet, FleetOptions
from serialization.api.core.v1_pb2 import Binding, Container, Event, ObjectReference, Pod, PodSpec
from serialization.api.meta.v1_pb2 import ObjectMeta
from storage.virtual_time import VirtualClock

NODE = "hollow-node-0"
KEY = ObjectKey("ns", "p")
QUIET = FleetOptions(nodes=1, heartbeat_s=0)


@asynccontextmanager
async def fleet_on(api: FakeApi, options: FleetOptions = QUIET) -> AsyncIterator[Fleet]:
    """Run a fleet on the virtual loop that is running; it ends without a word, as if killed."""
    clock, chance = VirtualClock(), random.Random(0)
    recorder = EventRecorder(api, clock, component="kubelet")
    async with InformerFactory(api, clock, chance) as informers:
        fleet = Fleet(api, informers, clock, chance, options=options, recorder=recorder)
        ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(recorder.run()), group.create_task(fleet.run(ready.set))]
            await ready.wait()
            yield fleet
            for task in work:
                task.cancel()


def pod_named(name: str = KEY.name, *, policy: str = "Always", **said: str) -> Pod:
    """Return a pod of one container, with what it says in annotations."""
    return Pod(
        metadata=ObjectMeta(
            namespace=KEY.namespace,
            name=name,
            annotations={
                f"kubedyno.dev/{key.replace('_', '-')}": text for key, text in said.items()
            },
        ),
        spec=PodSpec(restartPolicy=policy, containers=[Container(name="c", image="i:1")]),
    )


async def bound(api: FakeApi, pod: Pod) -> None:
    """Put a pod on the first node."""
    api.add(pod)
    name = ObjectMeta(name=pod.metadata.name)
    await api.bind(KEY.namespace, Binding(metadata=name, target=ObjectReference(name=NODE)))


def the_pod(api: FakeApi, name: str = KEY.name) -> Pod:
    """Return a pod as the API has it."""
    (found,) = (pod for pod in api.objects(Pod) if pod.metadata.name == name)
    return found


def reasons(api: FakeApi, kind: str = "Pod") -> list[str]:
    """Return what was reported of a kind, in order."""
    events = sorted(api.objects(Event), key=lambda event: int(event.metadata.resourceVersion))
    return [each.reason for each in events if each.involvedObject.kind == kind]
