"""Pods that are deleted: grace, removal that is seen early or late, pods made again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cluster.client.fake import FakeApi
from cluster.client.interface import ObjectKey, Propagation
from cluster.kubelet.fleet import Fleet
from cluster.kubelet.latency import Latency
from cluster.kubelet.stages import Latencies
from serialization.api.core.v1_pb2 import Event, Pod
from serialization.kinds import PODS
from serialization.scheme import Resource
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.kubelet.fleets import KEY, QUIET, bound, fleet_on, pod_named, reasons, the_pod
from tests.cluster.kubelet.playing import play
from tests.cluster.settling import rest

SLOW_STOP = replace(QUIET, latencies=Latencies(terminate=Latency(20_000, 20_000)))


def test_pod_stops_within_its_grace_and_its_containers_are_told_at_once() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(crash_after="5s"))
        await asyncio.sleep(6)
        await api.delete(PODS, KEY, grace_period_s=10)
        await asyncio.sleep(9.9)
        assert "Killing" in reasons(api)
        assert the_pod(api).status.containerStatuses[0].restartCount == 1
        await asyncio.sleep(0.2)

        assert api.objects(Pod) == []
        assert fleet.nodes[0].lives == {}

    play(scenario, SLOW_STOP)


def test_pod_that_lingers_after_its_removal_is_not_removed_again() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        pod = pod_named()
        pod.metadata.finalizers.append("example.com/wait")
        await bound(api, pod)
        await asyncio.sleep(1)
        await api.delete(PODS, KEY, grace_period_s=30)
        await asyncio.sleep(60)
        for field, value in (("deletionGracePeriodSeconds", 0), ("generateName", "x")):
            pod = the_pod(api)
            setattr(pod.metadata, field, value)
            api.put(pod)
            await asyncio.sleep(60)

        assert fleet.pods.counts.deletes == 1
        killing = [event for event in api.objects(Event) if event.reason == "Killing"]
        assert [event.count for event in killing] == [1]
        pod = the_pod(api)
        del pod.metadata.finalizers[:]
        api.put(pod)
        await asyncio.sleep(1)
        assert fleet.nodes[0].due(KEY) is None

    play(scenario)


class SlowDeletes(FakeApi):
    """What the kubelet's DELETE writes is seen a second before its answer."""

    async def delete(
        self,
        resource: Resource,
        key: ObjectKey,
        *,
        grace_period_s: int | None = None,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        if grace_period_s == 0:
            pod = the_pod(self, key.name)
            pod.metadata.deletionGracePeriodSeconds = 0
            self.put(pod)
            await asyncio.sleep(1)
        else:
            await super().delete(resource, key, grace_period_s=grace_period_s, uid=uid)


def test_pod_whose_removal_is_seen_before_it_is_done_is_not_removed_again() -> None:
    async def main() -> None:
        api = SlowDeletes(VirtualClock())
        async with fleet_on(api) as fleet:
            pod = pod_named()
            pod.metadata.finalizers.append("example.com/wait")
            await bound(api, pod)
            await asyncio.sleep(1)
            await api.delete(PODS, KEY, grace_period_s=30)
            await asyncio.sleep(60)

            assert the_pod(api).metadata.deletionGracePeriodSeconds == 0
            assert fleet.pods.counts.deletes == 1

    run_virtual(main())


def test_pod_that_is_deleted_before_it_runs_has_nothing_to_stop() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named())
        await asyncio.sleep(1)
        await api.delete(PODS, KEY)
        await asyncio.sleep(60)

        assert api.objects(Pod) == []
        assert reasons(api) == []

    play(scenario, replace(QUIET, latencies=Latencies(start=Latency(9000, 9000))))


def test_second_deletion_with_a_shorter_grace_shortens_it() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named())
        await asyncio.sleep(1)
        await api.delete(PODS, KEY, grace_period_s=30)
        await asyncio.sleep(5)
        pod = the_pod(api)
        pod.metadata.deletionGracePeriodSeconds = 2
        api.put(pod)
        await asyncio.sleep(1.9)
        assert len(api.objects(Pod)) == 1
        await asyncio.sleep(0.2)

        assert api.objects(Pod) == []

    play(scenario, SLOW_STOP)


def test_pod_that_is_made_again_under_its_name_is_another() -> None:
    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        await bound(api, pod_named(crash_after="5s"))
        await asyncio.sleep(30)
        first = the_pod(api)
        api.drop_watch()  # the node learns of both at once
        api.remove(PODS, KEY)
        await bound(api, pod_named(run_for="1h"))
        await asyncio.sleep(10)

        second = the_pod(api)
        assert second.metadata.uid != first.metadata.uid
        assert second.status.containerStatuses[0].restartCount == 0
        assert second.status.containerStatuses[0].state.HasField("running")
        assert fleet.nodes[0].lives[KEY].uid == second.metadata.uid

    play(scenario)


@pytest.mark.parametrize("said", [{}, {"run_for": "1h"}], ids=["plain", "lively"])
def test_pod_that_is_gone_when_its_last_state_comes_in_keeps_no_address(
    said: dict[str, str],
) -> None:
    """The answer to the kubelet's GET may be older than what its watch has told meanwhile."""

    async def scenario(api: FakeApi, fleet: Fleet) -> None:
        read = api.get

        async def read_late(resource: Resource, message: type[Pod], key: ObjectKey) -> Pod:
            found = await read(resource, message, key)
            api.remove(PODS, key)
            await rest()
            return found

        api.get = read_late  # type: ignore[method-assign,assignment] # an answer that is late
        await bound(api, pod_named(**said))
        await asyncio.sleep(60)

        assert fleet.pods.writer.counts.gets == 1
        assert fleet.nodes[0].addresses.take("another") == "10.0.0.1"

    play(scenario)
