"""What every controller promises (``runner.Controller``), over the registry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ObjectKey
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.registry import CONTROLLERS
from cluster.controllers.runner import Controller, Runner, Surroundings
from serialization.api.core.v1_pb2 import ObjectReference
from storage.clock import SystemClock
from tests.cluster.settling import rest

NOBODY = ObjectKey("nowhere", "nothing")


class Silent:
    """A recorder of events that counts them."""

    def __init__(self) -> None:
        self.said = 0

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        self.said += 1


@pytest.fixture(params=CONTROLLERS.values(), ids=list(CONTROLLERS))
def make(request: pytest.FixtureRequest) -> Callable[[Surroundings], Controller]:
    made: Callable[[Surroundings], Controller] = request.param
    return made


def test_controller_has_a_name_of_its_own_and_informers(
    make: Callable[[Surroundings], Controller],
) -> None:
    async def main() -> tuple[str, int]:
        async with InformerFactory(FakeApi(), SystemClock(), random.Random(0)) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            around = Surroundings(FakeApi(), informers, queue, Silent(), SystemClock())
            controller = make(around)
            return controller.name, len(controller.informers)

    name, informers = asyncio.run(main())

    assert name
    assert informers > 0


def test_sync_of_what_does_not_exist_writes_nothing(
    make: Callable[[Surroundings], Controller],
) -> None:
    api, recorder = FakeApi(), Silent()

    async def main() -> None:
        async with InformerFactory(api, SystemClock(), random.Random(0)) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            controller = make(Surroundings(api, informers, queue, recorder, SystemClock()))
            for informer in controller.informers:
                await informer.wait_synced()
            await controller.sync(NOBODY)
            await controller.sync(NOBODY)
            await rest()

    asyncio.run(main())

    assert api.acted() == []
    assert recorder.said == 0


def test_runner_of_a_controller_stops_when_told(
    make: Callable[[Surroundings], Controller],
) -> None:
    async def main() -> bool:
        async with InformerFactory(FakeApi(), SystemClock(), random.Random(0)) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            around = Surroundings(FakeApi(), informers, queue, Silent(), SystemClock())
            runner = Runner(make(around), queue)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(runner.run())
                await rest()
                queue.add(NOBODY)
                await rest()
                runner.stop()
            return running.done()

    assert asyncio.run(main())
