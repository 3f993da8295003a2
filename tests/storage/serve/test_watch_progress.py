"""Progress notices while others write: what consistent reads of a kube-apiserver rest on."""

from __future__ import annotations

import asyncio

import pytest

from serialization.api.etcd.rpc_pb2 import WatchCreateRequest, WatchProgressRequest
from tests.storage.serve.served import Served, WatchCall, served

KEYS = [b"a", b"b", b"c", b"d"]
WRITES = 100
LAST = 1 + WRITES * len(KEYS)


class Progress:
    """Writers, and a client that asks for progress all the time."""

    def __init__(self) -> None:
        self.written: dict[int, bytes] = {}
        self.told: list[tuple[int, int]] = []
        """(watch, revision), in the order of the stream; watch -1: a progress notice."""

    async def write(self, etcd: Served, key: bytes) -> None:
        for _ in range(WRITES):
            self.written[await etcd.put(key)] = key

    async def ask(self, watch: WatchCall) -> None:
        more = True
        while more:
            more = len(self.written) < WRITES * len(KEYS)
            await watch.send(progress_request=WatchProgressRequest())
            await asyncio.sleep(0)

    async def read(self, watch: WatchCall) -> None:
        while self.told[-1:] != [(-1, LAST)]:
            response = await watch.read()
            if response.watch_id == -1:
                self.told.append((-1, response.header.revision))
            self.told += [(response.watch_id, event.kv.mod_revision) for event in response.events]


@pytest.mark.slow
async def test_progress_is_true_while_others_write() -> None:
    progress = Progress()
    async with served() as etcd:
        watch = etcd.watch()
        for key in KEYS:
            await watch.create(WatchCreateRequest(key=key))
        async with asyncio.TaskGroup() as group:
            for key in KEYS:
                group.create_task(progress.write(etcd, key))
            group.create_task(progress.ask(watch))
            group.create_task(progress.read(watch))
        await watch.end()

    seen: set[int] = set()
    for watch_id, revision in progress.told:
        if watch_id == -1:
            assert set(range(2, revision + 1)) <= seen
        else:
            assert KEYS[watch_id] == progress.written[revision]
            assert revision not in seen
            seen.add(revision)
    assert seen == set(range(2, LAST + 1))
