"""A store that has turned read-only: every answer to a write says so, reads and health as well."""

from __future__ import annotations

import asyncio

import pytest

from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.registry import MEMORY
from storage.virtual_time import VirtualClock
from tests.cluster.apiserver.serving import InProcess, Reply, serving
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
FAULTS = 40
"""The commit and probes fail: with doubling pauses, for minutes."""


def config_map(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


@pytest.fixture
def committer() -> FaultyCommitter:
    return FaultyCommitter(InlineCommitter(VirtualClock()))


def broken(api: InProcess, committer: FaultyCommitter) -> Reply:
    """Let the disk fail, and return what the first write is answered."""
    committer.faults.extend([Fault.BEFORE] * FAULTS)
    return api.call("POST", CONFIG_MAPS, config_map("lost"))


def store_over(committer: FaultyCommitter) -> EngineStore:
    return EngineStore(Parts(MemoryBackend(), committer, VirtualClock(), MEMORY))


def test_every_write_is_told_that_the_store_is_read_only(committer: FaultyCommitter) -> None:
    with serving(store=store_over(committer), virtual=True) as api:
        api.create(CONFIG_MAPS, config_map("kept"))

        replies = [
            broken(api, committer),
            api.call("POST", CONFIG_MAPS, config_map("other")),
            api.call("PUT", f"{CONFIG_MAPS}/kept", {**config_map("kept"), "data": {"a": "b"}}),
            api.call("DELETE", f"{CONFIG_MAPS}/kept"),
        ]

        for reply in replies:
            status = reply.json()
            assert (reply.code, status["reason"]) == (503, "ServiceUnavailable")
            assert status["message"] == "the store is read-only: input/output error"
            assert reply.header("retry-after") == "1"


def test_reads_go_on_and_health_tells_the_alarm(committer: FaultyCommitter) -> None:
    with serving(store=store_over(committer), virtual=True) as api:
        api.create(CONFIG_MAPS, config_map("kept"))
        broken(api, committer)

        assert api.call("GET", f"{CONFIG_MAPS}/kept").code == 200
        items = api.call("GET", CONFIG_MAPS).json()["items"]
        assert isinstance(items, list)
        assert len(items) == 1
        assert api.call("GET", "/readyz").code == 500
        assert "[-]etcd failed" in api.call("GET", "/readyz?verbose").body.decode()


def test_writes_and_health_are_back_when_a_probe_succeeds(committer: FaultyCommitter) -> None:
    with serving(store=store_over(committer), virtual=True) as api:
        broken(api, committer)
        committer.faults.clear()
        api._runner.run(asyncio.sleep(10))

        assert api.call("GET", "/readyz").code == 200
        assert api.call("GET", f"{CONFIG_MAPS}/lost").code == 404
        api.create(CONFIG_MAPS, config_map("lost"))
