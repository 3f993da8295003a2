"""An API server that is away for long, and comes back: all go on at once where they were."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.interface import ObjectKey
from serialization.api.core import v1_pb2 as core
from serialization.kinds import NODES, PODS, REPLICATION_CONTROLLERS
from storage.virtual_time import run_virtual
from tests.simulation.rest import Rest
from tests.simulation.troubled import Troubled, troubled

pytestmark = pytest.mark.slow

HEARTBEAT_S = 10


def controller(replicas: int) -> core.ReplicationController:
    labels = {"app": "web"}
    made = core.ReplicationController()
    made.metadata.namespace, made.metadata.name = "default", "web"
    made.spec.replicas = replicas
    made.spec.selector.update(labels)
    made.spec.template.metadata.labels.update(labels)
    made.spec.template.spec.containers.add(name="c", image="i:1")
    return made


async def last_beats_s(at: Troubled) -> list[int]:
    """Return when each node was last heard of, in seconds of wall time."""
    return [
        max(condition.lastHeartbeatTime.seconds for condition in node.status.conditions)
        for node in await at.all(NODES, core.Node)
    ]


@pytest.mark.parametrize("away_s", [30, 600])
def test_nodes_beat_again_at_once_and_keep_their_pods(away_s: int) -> None:
    async def scenario() -> None:
        async with troubled(1) as at:
            await at.client.create(REPLICATION_CONTROLLERS, "default", controller(10))
            await asyncio.sleep(60)
            before = {pod.metadata.uid for pod in await at.all(PODS, core.Pod)}

            await at.network.stop()
            await asyncio.sleep(away_s)
            await at.network.start()
            back_s = at.clock.now().timestamp()
            await asyncio.sleep(2 * HEARTBEAT_S)
            beats_s = await last_beats_s(at)
            await asyncio.sleep(1200)

            assert all(each >= back_s for each in beats_s)
            assert {pod.metadata.uid for pod in await at.all(PODS, core.Pod)} == before
            assert (await Rest.look(at)).problems() == []

    run_virtual(scenario())


def test_kubelets_do_soon_after_what_they_were_doing_before() -> None:
    """Starts and deletions that were under way do not wait out a back-off as long as the outage."""

    async def scenario() -> None:
        async with troubled(1) as at:
            await at.client.create(REPLICATION_CONTROLLERS, "default", controller(10))
            await asyncio.sleep(60)
            old = [pod.metadata.name for pod in await at.all(PODS, core.Pod)]
            for name in old[:5]:
                await at.client.delete(PODS, ObjectKey("default", name))
            await asyncio.sleep(0.15)  # each is replaced and bound; what it takes is 0.2 to 3 s
            pods = await at.all(PODS, core.Pod)
            assert all(pod.spec.nodeName for pod in pods)
            assert len(pods) == 15

            await at.network.stop()
            await asyncio.sleep(600)
            await at.network.start()
            await asyncio.sleep(30)
            pods = await at.all(PODS, core.Pod)

            assert len(pods) == 10
            assert {pod.status.phase for pod in pods} == {"Running"}

    run_virtual(scenario())
