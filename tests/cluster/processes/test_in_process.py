"""A cluster in one process: it starts whole, fails loudly, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cluster.client.interface import ApiError
from cluster.kubelet.fleet import FleetOptions
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.kinds import EVENTS, NODES
from storage.registry import STORES, StoreOptions
from storage.virtual_time import VirtualClock, run_virtual


@asynccontextmanager
async def running(config: ClusterConfig) -> AsyncIterator[Cluster]:
    clock = VirtualClock()
    store = STORES["memory"].make(StoreOptions(clock=clock, inline_commits=True))
    async with store, Cluster(config, store, clock, random.Random(1)) as cluster:
        yield cluster


def test_cluster_is_whole_when_entered_and_leaves_no_task_behind() -> None:
    async def scenario() -> None:
        async with running(ClusterConfig(FleetOptions(nodes=3))) as cluster:
            async with AsyncExitStack() as stack:
                client = await cluster.client(stack, "test")
                assert len((await client.list_raw(NODES)).items) == 3
            assert cluster.nodes.fleet.registered == 3
            assert len(cluster.control.scheduler.state) == 3
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(scenario())


@pytest.mark.parametrize("shared", [True, False])
def test_switches_reach_their_parts(shared: bool) -> None:
    async def scenario() -> None:
        config = ClusterConfig(FleetOptions(nodes=1), events=False, shared_informers=shared)
        async with running(config) as cluster, AsyncExitStack() as stack:
            client = await cluster.client(stack, "test")
            assert (await client.list_raw(EVENTS)).items == []
            assert not cluster.control.recorders
            assert cluster.nodes.recorder is None
            informers = cluster.control._links.informers
            # Pods at least are wanted by several.
            assert (len(informers) == len(informers._by_query)) == shared

    run_virtual(scenario())


def test_error_of_its_user_comes_out_as_it_is() -> None:
    async def scenario() -> None:
        async with running(ClusterConfig(FleetOptions(nodes=1))):
            raise KeyError("the user's")

    with pytest.raises(KeyError, match="the user's"):
        run_virtual(scenario())


def test_part_that_fails_ends_the_cluster() -> None:
    async def scenario() -> None:
        async with running(ClusterConfig(FleetOptions(nodes=1, name_prefix="No Name "))):
            raise AssertionError("it must not start")

    with pytest.raises(ExceptionGroup) as caught:
        run_virtual(scenario())
    assert caught.value.subgroup(ApiError) is not None
