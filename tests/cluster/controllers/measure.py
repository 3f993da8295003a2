"""What replica control costs: a sync of a replication controller, and a pod event told to it.

python -m tests.cluster.controllers.measure [--replicas 30] [--rounds 2000]

Prints CPU microseconds: of a sync that finds nothing to do, of one that finds one pod changed, and
of one pod update that goes through the informer and its sinks (parse, indexes, sinks).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory, SharedInformer
from cluster.client.interface import ObjectKey, RawEvent
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.registry import CONTROLLERS
from cluster.controllers.runner import Surroundings
from serialization.api.core import v1_pb2 as core
from serialization.kinds import PODS
from storage.clock import SystemClock
from tests.cluster.controllers.replica_bench import KEY, Said, make_ready, rc_of
from tests.cluster.settling import rest

CLOCK = SystemClock()


async def cpu_us(rounds: int, act: Callable[[int], Awaitable[None]]) -> float:
    """Return the CPU of one call in microseconds: the least of five batches."""
    best = float("inf")
    for _ in range(5):
        start_s = time.process_time()
        for number in range(rounds // 5):
            await act(number)
        best = min(best, (time.process_time() - start_s) / (rounds // 5) * 1e6)
    return best


async def main(arguments: argparse.Namespace) -> None:
    """Measure one controller with its pods running."""
    api = FakeApi(CLOCK)
    api.add(rc_of(arguments.replicas))
    async with InformerFactory(api, CLOCK, random.Random(0)) as informers:
        queues, controllers = {}, {}
        for name, make in CONTROLLERS.items():
            queues[name] = RateLimitedQueue[ObjectKey]()
            around = Surroundings(api, informers, queues[name], Said([]), CLOCK)
            controllers[name] = make(around)
        await rest()
        controller = controllers["replicationcontroller"]
        await controller.sync(KEY)
        for pod in api.objects(core.Pod):
            make_ready(api, pod)
        await rest()
        await controller.sync(KEY)
        await rest()
        informer = informers.informer(PODS, core.Pod)
        assert isinstance(informer, SharedInformer)
        kept = [pod.message() for pod in informer.lister.list()]
        events = []
        for number in range(arguments.rounds):
            pod = kept[number % len(kept)]
            pod.metadata.resourceVersion = str(10_000_000 + number)
            events.append(RawEvent("MODIFIED", pod.SerializeToString(), 0))

        async def sync(_number: int) -> None:
            await controller.sync(KEY)

        told = iter(events)

        async def tell(_number: int) -> None:
            informer.apply([next(told)])

        async def tell_and_sync(number: int) -> None:
            informer.apply([events[number]])
            await controller.sync(KEY)

        sys.stdout.write(
            f"{arguments.replicas} replicas: sync {await cpu_us(arguments.rounds, sync):.1f} us, "
            f"event {await cpu_us(arguments.rounds, tell):.1f} us, "
            f"event + sync {await cpu_us(arguments.rounds, tell_and_sync):.1f} us\n"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2000)
    asyncio.run(main(parser.parse_args()))
