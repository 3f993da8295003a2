"""Watches of several API servers on one store: gap-free, whatever becomes of the store's own."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import cast

import pytest

from cluster.apiserver.asgi import SendEvent
from storage.errors import CompactedError, StoreError, StoreUnavailableError
from storage.interface import Store
from storage.records import Batch
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.linear import PATH, PREFIX, version_of
from tests.cluster.apiserver.serving import Json, body_of, scope_of, told_once
from tests.cluster.apiserver.several import Server, several, virtual
from tests.cluster.apiserver.test_several_reads import config_map

Told = tuple[str, str, int]
"""Type, name and revision of an event."""


class Follower:
    """Watches a collection, and resumes where it was when it is cut off."""

    def __init__(self, server: Server, path: str, after: int) -> None:
        self.told: list[Told] = []
        self.opened = 0
        self.refused: list[int] = []
        self.expired = 0
        self._server = server
        self._path = path
        self._after = after
        self._rest = b""

    async def run(self) -> None:
        """Follow until cancelled, or until the history no longer reaches back."""
        while not self.expired:
            self.opened += 1
            code = await self._watch()
            if code != 200:
                self.refused.append(code)
                await asyncio.sleep(0.5)

    async def _watch(self) -> int:
        """Watch once; return the code of the answer when it is over."""
        query = f"watch=true&allowWatchBookmarks=true&resourceVersion={self._after}"
        scope = scope_of("GET", f"{self._path}?{query}", {})
        code = 0
        self._rest = b""

        async def send(event: SendEvent) -> None:
            nonlocal code
            if event["type"] == "http.response.start":
                code = event["status"]
            elif code == 200:
                self._take(event.get("body", b""))

        await self._server.assembly.app(scope, told_once(body_of(b"")), send)
        return code

    def _take(self, body: bytes) -> None:
        *lines, self._rest = (self._rest + body).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["type"] == "ERROR":
                self.expired += 1
                return
            self._after = version_of(event["object"])
            if event["type"] != "BOOKMARK":
                name = event["object"]["metadata"]["name"]
                self.told.append((event["type"], name, self._after))


class Order:
    """What the store applied under a prefix, as a watch tells it."""

    def __init__(self, store: Store, prefix: bytes) -> None:
        self.told: list[Told] = []
        store.watch(prefix, self, after=store.current_revision())

    def deliver(self, batch: Batch) -> None:
        """Take the next changes (a store's Watcher)."""
        for change in batch.changes:
            kind = "ADDED" if change.created else "MODIFIED"
            kind = "DELETED" if change.value is None else kind
            self.told.append((kind, change.key.rpartition(b"/")[2].decode(), change.revision))

    def closed(self, error: StoreError) -> None:
        """The store closes."""


async def write(server: Server, chance: Random, count: int) -> None:
    """Create, change and delete at random, by one server."""
    for number in range(count):
        name = chance.choice("abcde")
        if chance.random() < 0.3:
            await server.call("DELETE", f"{PATH}/{name}")
        elif (await server.call("POST", PATH, config_map(name))).code == 409:
            await server.call("PUT", f"{PATH}/{name}", config_map(name, str(number)))
        await asyncio.sleep(chance.uniform(0, 0.05))


@pytest.mark.parametrize("lag_s", [0.0, 0.2])
@virtual
async def test_watch_on_one_server_begins_at_a_version_of_the_other(lag_s: float) -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s = lag_s
        order = Order(made.truth, PREFIX)
        await write(one, Random(1), 20)
        listed = await one.call("GET", PATH)
        after = version_of(listed.json())
        follower = Follower(other, PATH, after)  # other may not have come there yet
        running = asyncio.ensure_future(follower.run())

        await write(one, Random(2), 20)
        await asyncio.sleep(1)

        running.cancel()
        assert follower.told == [each for each in order.told if each[2] > after]
        assert follower.opened == 1


@pytest.mark.parametrize("seed", range(4))
@virtual
async def test_watches_resume_without_a_gap_when_the_store_watch_is_lost(seed: int) -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s, other.view.call_s = 0.1, 0.05
        order, chance = Order(made.truth, PREFIX), Random(seed)
        after = made.truth.current_revision()
        followers = [Follower(server, PATH, after) for server in (one, other, other)]
        running = [asyncio.ensure_future(each.run()) for each in followers]

        writing = asyncio.ensure_future(write(one, chance, 150))
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.3, 0.8))
            other.view.lose(StoreUnavailableError("the member is gone"), prefix=PREFIX[:15])
        await writing
        await asyncio.sleep(5)

        for task in running:
            task.cancel()
        assert [each.told for each in followers] == [order.told] * 3
        assert followers[0].opened == 1
        assert followers[1].opened >= 4
        assert set(followers[1].refused) == {429}
        assert other.counters["watchcache_resyncs"] == 4


@virtual
async def test_watch_from_before_a_compaction_that_the_cache_missed_expires() -> None:
    async with several() as made:
        one, other = made.servers
        await one.create(PATH, config_map("a"))
        follower = Follower(other, PATH, made.truth.current_revision())
        running = asyncio.ensure_future(follower.run())
        other.view.held = True
        await write(one, Random(3), 30)
        await made.truth.compact(made.truth.current_revision())
        other.view.held = False
        other.view.lose(CompactedError(1, 2))
        other.view.learn()
        await asyncio.sleep(2)

        await running

        assert follower.told == []  # nothing of what it missed was told as if it were all
        assert follower.expired == 1
        listed, truth = await other.call("GET", PATH), await one.call("GET", PATH)
        assert listed.json()["items"] == truth.json()["items"]


@virtual
async def test_deletions_on_one_server_are_seen_by_the_other() -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s = 0.1
        node: Json = {"metadata": {"name": "n1"}}
        await one.create("/api/v1/nodes", node)
        await one.create(PODS_PATH, pod(node="n1"))
        follower = Follower(other, PODS_PATH, made.truth.current_revision())
        running = asyncio.ensure_future(follower.run())

        await one.call("DELETE", "/api/v1/nodes/n1")
        await one.call("DELETE", f"{PODS_PATH}/a?gracePeriodSeconds=0")
        await asyncio.sleep(1)

        running.cancel()
        assert [each[0] for each in follower.told] == ["MODIFIED", "DELETED"]
        assert (await other.call("GET", "/api/v1/nodes/n1")).code == 404


@virtual
async def test_watch_without_a_version_begins_with_what_the_other_server_wrote() -> None:
    async with several() as made:
        one, other = made.servers
        other.view.lag_s = 0.3
        written = await one.create(PATH, config_map("a"))
        events: list[Json] = []
        follower = Follower(other, PATH, 0)
        follower._take = lambda body: events.extend(  # type: ignore[method-assign]  # whole events
            cast("Json", json.loads(line)) for line in body.splitlines()
        )
        running = asyncio.ensure_future(follower._watch())
        await asyncio.sleep(0.1)
        assert events == []  # resourceVersion=0: any state, and it had none

        running.cancel()
        listed = await other.call("GET", f"{PATH}?watch=true&timeoutSeconds=1")

        told = [json.loads(line) for line in listed.body.splitlines()]
        assert [event["type"] for event in told] == ["ADDED"]
        assert told[0]["object"] == {"kind": "ConfigMap", "apiVersion": "v1", **written}
