"""Reads of etcd, through its log: a member that lags behind would answer an older state.

A listing is one answer, whatever it weighs. It is understood in pieces, a turn of the loop for
each: in one go 60,000 objects would hold the loop for most of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from storage.errors import StoreUnavailableError, UnsupportedError
from storage.etcd2.errors import Code
from storage.records import KeyValue, Listing
from storage.remote.etcd2.failures import CallError, RefusedError, failure, refusal
from storage.remote.etcd2.feed import INDEX_PATH, Feed
from storage.remote.etcd2.keys import MARK, Event, KeySpace, Node, Place
from storage.remote.etcd2.link import Link, index_of
from storage.remote.etcd2.listings import pieces, whole
from storage.remote.http1.connection import Answer


class Found(NamedTuple):
    """What a read through etcd's log has found at a path."""

    state: KeyValue | None
    at: int
    """The store's index when it was read."""
    ends: bool = False
    """The key has a TTL."""
    directory: bool = False


class Reader:
    """Reads a key space."""

    def __init__(self, link: Link, keys: KeySpace, feed: Feed) -> None:
        self._link = link
        self._keys = keys
        self._feed = feed

    async def get(self, key: bytes, revision: int) -> KeyValue | None:
        """Return a key's newest state."""
        if revision:
            raise UnsupportedError("etcd 2 keeps no old revisions")
        try:
            path = self._keys.path(key)
        except UnsupportedError:
            return None  # what cannot be there is not there
        return (await self.node(path)).state

    async def node(self, path: bytes) -> Found:
        """Return what stands at a path."""
        answer = await self.ask(path + b"?quorum=true")
        index = index_of(answer)
        if answer.status != 200:
            return Found(None, index)
        node = event_of_answer(answer)["node"]
        if "dir" in node:
            return Found(None, index, directory=True)
        return Found(self._keys.state(node), index, ends="expiration" in node)

    async def count(self, prefix: bytes) -> int:
        """Return how many keys stand under ``prefix``: by a listing, for etcd 2 does not count."""
        return len((await self.list(prefix, 0, b"", 0)).items)

    async def latest_revision(self) -> int:
        """Return etcd's index as of a moment after this call.

        Every call asks: who reads much lets many reads share a question (``watchcache.freshness``).
        """
        before = self._feed.last
        latest = index_of(await self.ask(INDEX_PATH))
        if not latest:
            raise StoreUnavailableError("the answer tells no index")
        self._feed.heard(before, latest)
        return latest

    async def ask(self, path: bytes, *, long: bool = False) -> Answer:
        """Read; what is not there is an answer of status 404. Raises StoreError."""
        try:
            answer = await self._link.read(path, long=long)
            if answer.status == 200:
                return answer
            told = refusal(answer)
            if told.code in (Code.KEY_NOT_FOUND, Code.NOT_DIR):
                return answer._replace(status=404)
            raise told
        except (CallError, RefusedError) as error:
            raise failure(error) from error

    async def _items(self, place: Place, body: bytes) -> list[KeyValue]:
        """Return the leaves of a listing that are under the prefix, in their keys' order."""
        items: list[KeyValue] = []
        try:
            for leaves in pieces(body):
                items += self._states(place, leaves)
                await asyncio.sleep(0)
        except (ValueError, KeyError, TypeError):
            items = self._states(place, whole(body))  # somebody's own way to write JSON
        items.sort()  # etcd has sorted each directory, so little is left to do
        return items

    def _states(self, place: Place, leaves: Iterable[Node]) -> list[KeyValue]:
        state, prefix = self._keys.state, place.prefix
        found = [state(leaf) for leaf in leaves if leaf["key"] != MARK]
        return found if place.whole else [one for one in found if one.key.startswith(prefix)]

    async def list(self, prefix: bytes, limit: int, after: bytes, revision: int) -> Listing:
        """Return a page of ``limit`` keys, or all."""
        if revision:
            raise UnsupportedError("etcd 2 keeps no old revisions")
        place = self._keys.place(prefix)
        if place is None:
            return Listing([], self._feed.last, 0)
        answer = await self.ask(place.path + b"?recursive=true&sorted=true&quorum=true", long=True)
        if answer.status == 404:
            return Listing([], index_of(answer), 0)
        items = await self._items(place, answer.body)
        if after:
            items = [item for item in items if item.key > after]
        page = items[:limit] if limit else items
        return Listing(page, index_of(answer), len(items) - len(page))


def event_of_answer(answer: Answer) -> Event:
    """Return what a success says. Raises StoreError."""
    try:
        event: Event = orjson.loads(answer.body)
    except ValueError as error:
        raise StoreUnavailableError("the answer cannot be read") from error
    return event
