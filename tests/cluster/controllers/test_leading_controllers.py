"""Two control processes in one: only the leader's controllers work, and stop when it loses."""

from __future__ import annotations

import asyncio
import random
from typing import cast

from cluster.client.events import SilentRecorder
from cluster.client.fake import FakeApi
from cluster.client.informer import InformerFactory
from cluster.client.interface import ApiClient, ObjectKey
from cluster.client.leader import Candidacy, LeaderElector
from cluster.client.workqueue import RateLimitedQueue
from cluster.controllers.replication import ReplicationController
from cluster.controllers.runner import Runner, Surroundings
from serialization.api.core import v1_pb2 as core
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.client.test_leader import Wire
from tests.cluster.controllers.replica_bench import rc_of

LOCK = ObjectKey("kube-system", "control")


class Process:
    """A replication controller that works while its elector leads."""

    def __init__(self, api: FakeApi, name: str) -> None:
        self._api = api
        self._clock = VirtualClock()
        self._chance = random.Random(name)
        self.wire = Wire(api)
        self.elector = LeaderElector(
            cast("ApiClient", self.wire),
            SilentRecorder(),
            self._clock,
            self._chance,
            Candidacy(LOCK, name),
        )
        self.created = 0

    async def run(self) -> None:
        while True:
            await self.elector.run(self._work)

    async def _work(self) -> None:
        async with InformerFactory(self._api, self._clock, self._chance) as informers:
            queue = RateLimitedQueue[ObjectKey]()
            around = Surroundings(self._api, informers, queue, SilentRecorder(), self._clock)
            controller = ReplicationController(around)
            try:
                await Runner(controller, queue).run()
            finally:
                self.created += controller.replicas.created


def test_controllers_of_the_leader_alone_work_and_stop_when_it_loses() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        api.add(rc_of(3))
        first, second = Process(api, "first"), Process(api, "second")
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(each.run()) for each in (first, second)]
            await asyncio.sleep(20)
            assert (len(api.objects(core.Pod)), first.elector.leading) == (3, 1)
            # It still reaches everything but its lease: what it does not do, it was told not to.
            first.wire.stalled = True
            await asyncio.sleep(13)
            stopped = (first.elector.leading, first.created, api.open_watches)
            rc = api.objects(core.ReplicationController)[0]
            rc.spec.replicas = 5
            api.put(rc)
            await asyncio.sleep(1)
            meanwhile = len(api.objects(core.Pod))
            await asyncio.sleep(20)

            assert stopped == (0, 3, 0)
            assert meanwhile == 3
            assert len(api.objects(core.Pod)) == 5
            assert second.elector.leading
            for task in running:
                task.cancel()
        assert (first.created, second.created) == (3, 2)

    run_virtual(main())
