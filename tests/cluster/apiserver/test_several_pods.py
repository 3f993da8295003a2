"""Pods through several API servers: their lives as watches tell them, their lists page by page.

Random clients create pods, some of them bound and some with finalizers, delete them in grace and at
once, and page through them, each request at another server. What must hold is held against the one
order that the store knows: nothing else decides between servers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from random import Random
from typing import Final, cast

import pytest

from storage.errors import StoreUnavailableError
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.linear import MERGE, UNSURE, version_of
from tests.cluster.apiserver.serving import Json
from tests.cluster.apiserver.several import Server, Several, several, virtual
from tests.cluster.apiserver.test_several_watches import Follower, Order

PREFIX: Final = b"/registry/pods/default/"
FINALIZER: Final = "tests.kubedyno.dev/held"
ANSWERS: Final = frozenset((200, 201, 404, 409, 422)) | UNSURE
"""422: a finalizer cannot be added to what is being deleted."""

Page = list[tuple[str, int]]
"""Names and versions."""


def meta_of(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


def page_of(answer: Json) -> Page:
    items = cast("list[Json]", answer["items"])
    return [(str(meta_of(each)["name"]), version_of(each)) for each in items]


class LifeFollower(Follower):
    """Keeps the objects of its events, too."""

    def __init__(self, server: Server, after: int) -> None:
        super().__init__(server, PODS_PATH, after)
        self.objects: list[Json] = []

    def _take(self, body: bytes) -> None:
        seen = len(self.told)
        lines = (self._rest + body).split(b"\n")[:-1]
        super()._take(body)
        events = [json.loads(line) for line in lines]
        self.objects += [each["object"] for each in events if each["type"] != "BOOKMARK"]
        assert len(self.told) - seen == sum(each["type"] != "BOOKMARK" for each in events)


class Clients:
    """Clients of all servers at once."""

    def __init__(self, servers: Sequence[Server], chance: Random) -> None:
        self.codes: set[tuple[str, int]] = set()
        self.pages = 0
        """Lists that were paged through to their end."""
        self._servers = servers
        self._chance = chance

    async def work(self, calls: int) -> None:
        """Send so many random requests, one after the other."""
        chance = self._chance
        for number in range(calls):
            path = f"{PODS_PATH}/{chance.choice('abcd')}"
            act = chance.choice((self._create, self._create, self._delete, self._change))
            if chance.random() < 0.15:
                await self._page_through()
            else:
                await act(path, number)
            await asyncio.sleep(chance.uniform(0, 0.05))

    async def _call(self, method: str, path: str, body: object = None) -> None:
        server = self._chance.choice(self._servers)
        reply = await server.call(method, path, body, MERGE if method == "PATCH" else None)
        assert reply.code in ANSWERS, reply.body
        self.codes.add((method, reply.code))

    async def _create(self, path: str, _number: int) -> None:
        made = pod(path.rpartition("/")[2], node=self._chance.choice(("", "n1")))
        if self._chance.random() < 0.3:
            meta_of(made)["finalizers"] = [FINALIZER]
        await self._call("POST", PODS_PATH, made)

    async def _delete(self, path: str, _number: int) -> None:
        grace = self._chance.choice(("", *(f"?gracePeriodSeconds={s}" for s in (0, 0, 1, 60))))
        await self._call("DELETE", path + grace)

    async def _change(self, path: str, number: int) -> None:
        meta: Json = {"labels": {"v": str(number)}}
        if self._chance.random() < 0.5:
            meta = {"finalizers": cast("Json", self._chance.choice(([], [FINALIZER])))}
        await self._call("PATCH", path, {"metadata": meta})

    async def _page_through(self) -> None:
        """Ask any server for each page; all are of one revision, at which every server agrees."""
        told: Page = []
        revision, token = 0, ""
        while revision == 0 or token:
            server = self._chance.choice(self._servers)
            reply = await server.call("GET", f"{PODS_PATH}?limit=2&continue={token}")
            if reply.code in UNSURE:
                return
            assert reply.code == 200, reply.body
            assert revision in (0, version_of(reply.json()))
            revision = version_of(reply.json())
            told += page_of(reply.json())
            token = str(meta_of(reply.json()).get("continue", ""))
            await asyncio.sleep(self._chance.uniform(0, 0.05))
        self.pages += 1
        for server in self._servers:
            for match in ("Exact", "NotOlderThan"):
                query = f"resourceVersion={revision}&resourceVersionMatch={match}"
                reply = await server.call("GET", f"{PODS_PATH}?{query}")
                assert reply.code in {200} | UNSURE, reply.body
                if reply.code == 200 and match == "Exact":
                    assert page_of(reply.json()) == told
                elif reply.code == 200:
                    assert version_of(reply.json()) >= revision


async def upset(made: Several, chance: Random) -> None:
    """Have one view after another lose its watch, its answers, or the news."""
    while True:
        await asyncio.sleep(chance.uniform(0.2, 0.6))
        view = chance.choice(made.servers).view
        fault = chance.randrange(3)
        if fault == 0:
            view.lose(StoreUnavailableError("cut off"), prefix=PREFIX[:14])
        elif fault == 1:
            view.unknown, view.lost = chance.choice(((1, 0), (1, 1)))
        else:
            view.held = True
            await asyncio.sleep(chance.uniform(0, 1))
            view.held = False
            view.learn()


def assert_lives(follower: LifeFollower) -> None:
    """Hold that each pod is added, changed and deleted in this order, at versions that go up."""
    alive: dict[str, Json] = {}
    for (kind, name, version), obj in zip(follower.told, follower.objects, strict=True):
        meta, before = meta_of(obj), alive.pop(name, None)
        assert (before is None) == (kind == "ADDED")
        if before is not None:
            assert version > int(str(before["resourceVersion"]))
            assert meta["uid"] == before["uid"]
            assert "deletionTimestamp" in meta or "deletionTimestamp" not in before
        if kind == "DELETED":
            assert meta["deletionGracePeriodSeconds"] == 0
        else:
            alive[name] = meta


@pytest.mark.parametrize("troubled", [False, True])
@pytest.mark.parametrize("seed", range(4))
@virtual
async def test_pods_live_and_are_paged_alike_on_every_server(seed: int, *, troubled: bool) -> None:
    async with several(2 + seed % 2) as made:
        chance = Random(seed)
        for server in made.servers:
            server.view.lag_s, server.view.call_s = chance.choice(((0.0, 0.0), (0.3, 0.1)))
        await made.servers[0].create("/api/v1/nodes", {"metadata": {"name": "n1"}})
        after = made.truth.current_revision()
        order = Order(made.truth, PREFIX)
        followers = [LifeFollower(server, after) for server in made.servers]
        running = [asyncio.ensure_future(each.run()) for each in followers]
        if troubled:
            running.append(asyncio.ensure_future(upset(made, chance)))
        clients = Clients(made.servers, chance)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(clients.work(40))
            if troubled:
                running.pop().cancel()
            for server in made.servers:
                server.view.held, server.view.unknown = False, 0
                server.view.learn()
            await asyncio.sleep(10)
        finally:
            for task in running:
                task.cancel()

        assert [each.told for each in followers] == [order.told] * len(followers)
        assert_lives(followers[0])
        kinds = {kind for kind, _, _ in order.told}
        assert kinds == {"ADDED", "MODIFIED", "DELETED"}
        assert {("POST", 201), ("PATCH", 200), ("DELETE", 200)} <= clients.codes
        assert clients.pages > 5
