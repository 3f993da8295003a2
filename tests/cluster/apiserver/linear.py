"""Random clients of several API servers, and whether each answer fits one moment of its call.

The store's revisions are the one order that all agree on. An answer is right when some revision
between the newest that anyone had been told of when the call began, and the store's when it ended,
explains it: the state at that revision is what a read told, a write was applied within. That is
linearizability, with the order known. Where the answer is that there is none (``UNSURE``), a write
may have been applied, or be applied later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final, cast

from storage.errors import StoreError
from storage.interface import Store
from storage.records import Batch
from tests.cluster.apiserver.serving import Json, Reply
from tests.cluster.apiserver.several import Calls

PATH: Final = "/api/v1/namespaces/default/configmaps"
PREFIX: Final = b"/registry/configmaps/default/"
NAMES: Final = ("a", "b", "c")
UNSURE: Final = frozenset((429, 503, 504))
MERGE: Final = {"content-type": "application/merge-patch+json"}


class Order:
    """What the store applied: which names were there at each revision, and at which version."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._states: list[tuple[int, dict[str, int]]] = [(0, {})]
        store.watch(PREFIX, self, after=store.current_revision())

    def deliver(self, batch: Batch) -> None:
        """Take the next changes (a store's Watcher)."""
        for change in batch.changes:
            state = dict(self._states[-1][1])
            name = change.key.rpartition(b"/")[2].decode()
            if change.value is None:
                del state[name]
            else:
                state[name] = change.revision
            self._states.append((change.revision, state))

    def closed(self, error: StoreError) -> None:
        """The store closes."""

    async def newest(self) -> int:
        """Return the store's newest revision, up to which all is known here."""
        newest = await self._store.latest_revision()
        while self._store.current_revision() < newest:  # noqa: ASYNC110  a real one, told later
            await asyncio.sleep(0.001)
        return newest

    def between(self, low: int, high: int) -> list[dict[str, int]]:
        """Return every state that there was from ``low`` to ``high``."""
        before = [state for revision, state in self._states if revision <= low][-1]
        return [before] + [state for revision, state in self._states if low < revision <= high]

    async def at_rest(self) -> dict[str, int]:
        """Return the newest state."""
        return self.at(await self.newest())

    def at(self, revision: int) -> dict[str, int]:
        """Return the state at a revision."""
        return [state for at, state in self._states if at <= revision][-1]


def version_of(obj: Json) -> int:
    """Return an object's, or a list's, resourceVersion."""
    return int(str(cast("Json", obj["metadata"])["resourceVersion"]))


class Clients:
    """Clients that share what they were told: each call begins behind all that had ended."""

    def __init__(self, servers: Sequence[Calls], order: Order, chance: Random) -> None:
        self.servers = servers
        self.codes: dict[tuple[str, int], int] = {}
        """How often a method was answered with a code."""
        self.order = order
        self._chance = chance
        self._told = 0
        """The newest revision that any client has been told of."""

    async def work(self, calls: int) -> None:
        """Send so many random requests, one after the other."""
        chance = self._chance
        verbs = (self._get, self._list, self._create, self._put, self._patch, self._delete)
        for _ in range(calls):
            server = chance.choice(self.servers)
            await chance.choice(verbs)(server, chance.choice(NAMES))
            await asyncio.sleep(chance.uniform(0, 0.02))

    async def _call(
        self, server: Calls, method: str, path: str, body: object = None
    ) -> tuple[Reply, int, int]:
        """Return the answer, and the revisions between which it must have been true."""
        low = self._told
        headers = MERGE if method == "PATCH" else None
        reply = await server.call(method, path, body, headers)
        high = await self.order.newest()
        key = method, reply.code
        self.codes[key] = self.codes.get(key, 0) + 1
        if reply.code in UNSURE:
            await asyncio.sleep(0.3)
        return reply, low, high

    def _tell(self, revision: int, low: int, high: int) -> None:
        assert low <= revision <= high, (low, revision, high)
        self._told = max(self._told, revision)

    async def _get(self, server: Calls, name: str) -> None:
        reply, low, high = await self._call(server, "GET", f"{PATH}/{name}")
        states = [state.get(name, 0) for state in self.order.between(low, high)]
        if reply.code in UNSURE:
            return
        if reply.code == 404:
            assert 0 in states, f"{name} was there from {low} to {high}: {states}"
            return
        assert reply.code == 200, reply.body
        version = version_of(reply.json())
        assert version in states, f"{name} at {version} is not of {low} to {high}: {states}"
        self._told = max(self._told, version)

    async def _list(self, server: Calls, _name: str) -> None:
        reply, low, high = await self._call(server, "GET", PATH)
        if reply.code in UNSURE:
            return
        assert reply.code == 200, reply.body
        self._tell(version_of(reply.json()), low, high)
        told = {
            str(cast("Json", item["metadata"])["name"]): version_of(item)
            for item in cast("list[Json]", reply.json()["items"])
        }
        assert told == self.order.at(version_of(reply.json()))

    async def _create(self, server: Calls, name: str) -> None:
        reply, low, high = await self._call(server, "POST", PATH, self._obj(name))
        if reply.code in UNSURE:
            return
        if reply.code == 409:
            assert any(name in state for state in self.order.between(low, high))
            return
        assert reply.code == 201, reply.body
        self._applied(reply, name, low, high)

    async def _put(self, server: Calls, name: str) -> None:
        reply, low, high = await self._call(server, "PUT", f"{PATH}/{name}", self._obj(name))
        self._judge_changed(reply, name, low, high)

    async def _patch(self, server: Calls, name: str) -> None:
        value = {"data": {"v": str(self._chance.randrange(2))}}
        reply, low, high = await self._call(server, "PATCH", f"{PATH}/{name}", value)
        self._judge_changed(reply, name, low, high)

    async def _delete(self, server: Calls, name: str) -> None:
        reply, low, high = await self._call(server, "DELETE", f"{PATH}/{name}")
        if reply.code in UNSURE:
            return
        assert reply.code in {200, 404}, reply.body
        assert any(name not in state for state in self.order.between(low, high))

    def _judge_changed(self, reply: Reply, name: str, low: int, high: int) -> None:
        if reply.code in UNSURE:
            return
        if reply.code == 404:
            assert any(name not in state for state in self.order.between(low, high))
            return
        assert reply.code == 200, reply.body
        self._applied(reply, name, low, high)

    def _applied(self, reply: Reply, name: str, low: int, high: int) -> None:
        """A write was applied during its call, or changed nothing of a state that then was."""
        version = version_of(reply.json())
        assert version in [state.get(name) for state in self.order.between(low, high)]
        self._told = max(self._told, version)

    def _obj(self, name: str) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"v": str(self._chance.randrange(3))},
        }
