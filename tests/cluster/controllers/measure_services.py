"""What a pod event costs the endpoints controllers, with and without services around.

python -m tests.cluster.controllers.measure_services [--pods 20000] [--services 0 100]

Prints CPU microseconds of a pod's addition and of a status update that go through one informer,
with the endpoints controllers listening and without: for pods that no service has, and at the end
for pods that one has.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import time

from cluster.client.events import SilentRecorder
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory, SharedInformer
from cluster.client.interface import ObjectKey, RawEvent
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.endpoint_slice import EndpointSliceController
from cluster.controllers.endpoints import EndpointsController
from cluster.controllers.runner import Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.kinds import PODS
from storage.clock import SystemClock
from tests.cluster.controllers.service_bench import pod, port, service
from tests.cluster.settling import rest

CLOCK = SystemClock()


def events_of(pods: int, labels: dict[str, str]) -> tuple[list[RawEvent], list[RawEvent]]:
    """Return the additions of pods, and an update of each."""
    added, updated = [], []
    for number in range(pods):
        made = pod(f"p-{number}", f"10.0.{number >> 8 & 255}.{number & 255}", labels=labels)
        made.metadata.uid = f"uid-{number}"
        made.metadata.resourceVersion = str(1_000_000 + number)
        added.append(RawEvent("ADDED", made.SerializeToString(), 0))
        made.metadata.resourceVersion = str(2_000_000 + number)
        made.status.message = "seen"
        updated.append(RawEvent("MODIFIED", made.SerializeToString(), 0))
    return added, updated


async def cost(arguments: argparse.Namespace, services: int, *, listen: bool, own: bool) -> str:
    """Return what an addition and an update cost, in microseconds."""
    api = FakeApi(CLOCK)
    for number in range(services):
        made = service(port(80), selector={"app": f"app-{number}", "tier": "front"})
        made.metadata.name = f"service-{number}"
        api.add(made)
    async with InformerFactory(api, CLOCK, random.Random(0)) as informers:
        pods = informers.informer(PODS, core.Pod)
        if listen:
            for make in (EndpointsController, EndpointSliceController):
                queue = RateLimitedQueue[ObjectKey]()
                make(Surroundings(api, informers, queue, SilentRecorder(), CLOCK))
        await rest()
        assert isinstance(pods, SharedInformer)
        labels = {"app": "app-0" if own else "web", "tier": "front", "hash": "5d4f8"}
        costs = []
        for events in events_of(arguments.pods, labels):
            gc.collect()
            start_s = time.process_time()
            for event in events:
                pods.apply([event])
            costs.append((time.process_time() - start_s) / len(events) * 1e6)
        return f"add {costs[0]:5.2f} us, update {costs[1]:5.2f} us"


async def main(arguments: argparse.Namespace) -> None:
    """Measure every case."""
    for _ in range(arguments.rounds):
        alone = await cost(arguments, 0, listen=False, own=False)
        sys.stdout.write(f"no controller of endpoints: {alone}\n")
        for services in arguments.services:
            line = await cost(arguments, services, listen=True, own=False)
            sys.stdout.write(f"{services:4} services, pods of none: {line}\n")
        line = await cost(arguments, 1, listen=True, own=True)
        sys.stdout.write(f"   1 service, pods its own: {line}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--services", type=int, nargs="+", default=[0, 100])
    parser.add_argument("--rounds", type=int, default=2)
    asyncio.run(main(parser.parse_args()))
