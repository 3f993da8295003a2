"""LIST: which objects, as of which revision, and their answer in pieces.

A store that declares no old revisions is listed whole: a limit is ignored, and a revision other
than the newest is gone (410), be it asked for as the exact one or by a token from elsewhere.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

from cluster.apiserver.errors import StatusError
from cluster.apiserver.reads.options import ListOptions
from cluster.apiserver.reads.tokens import ANY_REVISION, ContinueToken
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.interface import ListHead
from storage.errors import CompactedError
from storage.watchcache.cache import WatchCache
from storage.watchcache.objects import CachedObject
from storage.watchcache.ordered import Snapshot
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Predicate, Selection

SNAPSHOTS_KEPT: Final = 8
SNAPSHOT_KEPT_S: Final = 60.0
"""Pages after the first are answered from the first one's snapshot while it is kept; after that
from the store. A kept snapshot holds the versions that have been replaced since."""

SnapshotKey = tuple[type, str, int]
"""Message class, namespace, revision."""


class ExpiredTokenError(StatusError):
    """410: the token's revision is gone; the answer carries a token to go on at the newest."""

    def __init__(self, token: ContinueToken) -> None:
        super().__init__(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You "
            "can start a new list without the continue parameter, or use the continue token in "
            "this response to retrieve the remainder of the results. Continuing with the provided "
            "token results in an inconsistent list - objects that were created, modified, or "
            "deleted between the time the first chunk was returned and now may show up in the "
            "list.",
        )
        self._token = ContinueToken(ANY_REVISION, token.after)

    def status(self) -> Status:
        """Return the Status, with the token in its metadata."""
        status = super().status()
        status.metadata.continue_ = self._token.encode()
        return status


class Listing(NamedTuple):
    """What a list answers: the objects of one page, and what stands above them."""

    head: ListHead
    objects: list[CachedObject]


class _Page(NamedTuple):
    objects: list[CachedObject]
    more: bool
    """Objects are left that a next page would tell."""


class Lister:
    """Lists from the watch cache."""

    def __init__(self, cache: WatchCache) -> None:
        self._cache = cache
        self._in_pages = cache.store.capabilities.old_revisions
        self._snapshots: OrderedDict[SnapshotKey, Snapshot] = OrderedDict()

    async def list(
        self, cache: ResourceCache, selection: Selection, options: ListOptions
    ) -> Listing:
        """Return the objects of a selection (one page of them, with a limit).

        Raises StatusError, and the store's CompactedError and FutureRevisionError.
        """
        if not self._in_pages:
            options = options.in_one()
        token = options.token
        if token is not None and token.revision != ANY_REVISION:
            return await self._at(cache, selection, token.revision, options)
        if options.revision is None and self._cache.others_write:
            await self._cache.catch_up()
        if options.revision:
            await self._cache.wait_for(options.revision)
            if options.exact:
                return await self._at(cache, selection, options.revision, options)
        if options.limit or token is not None:
            return await self._page(cache, selection, self._cache.revision, options)
        revision = self._cache.revision
        objects: list[CachedObject] = []
        for run in cache.select(selection):
            objects += run
            await asyncio.sleep(0)
        return Listing(ListHead(str(revision)), objects)

    async def _at(
        self, cache: ResourceCache, selection: Selection, revision: int, options: ListOptions
    ) -> Listing:
        try:
            return await self._page(cache, selection, revision, options)
        except CompactedError:
            if options.token is None:
                raise
            raise ExpiredTokenError(options.token) from None

    async def _page(
        self, cache: ResourceCache, selection: Selection, revision: int, options: ListOptions
    ) -> Listing:
        """Return one page as of ``revision``. Raises CompactedError."""
        prefix = cache.resource.prefix(selection.namespace if cache.resource.namespaced else "")
        after = prefix + options.token.after.encode() if options.token is not None else b""
        snapshot = self._snapshot(cache, selection.namespace, revision)
        if snapshot is not None:
            runs = _paced(snapshot.slices(after))
        elif not self._in_pages:
            raise CompactedError(revision, self._cache.revision)
        else:
            runs = cache.at_revision(selection.namespace, revision, after)
        page = await _collect(runs, cache.predicate(selection), options.limit)
        if not page.more:
            return Listing(ListHead(str(revision)), page.objects)
        if snapshot is not None:
            self._keep((cache.resource.message, selection.namespace, revision), snapshot)
        last = page.objects[-1].key
        remaining = None
        if selection.whole_scope and snapshot is not None:
            remaining = snapshot.remaining(last)
        elif selection.whole_scope:
            rest = await self._cache.store.list(prefix, limit=1, after=last, revision=revision)
            remaining = len(rest.items) + rest.remaining
        following = ContinueToken(revision, last[len(prefix) :].decode()).encode()
        return Listing(ListHead(str(revision), following, remaining), page.objects)

    def _snapshot(self, cache: ResourceCache, namespace: str, revision: int) -> Snapshot | None:
        """Return the snapshot of a revision: a kept one, or a new one of the newest."""
        snapshot = self._snapshots.get((cache.resource.message, namespace, revision))
        if snapshot is None and revision == self._cache.revision:
            return cache.snapshot(namespace)
        return snapshot

    def _keep(self, key: SnapshotKey, snapshot: Snapshot) -> None:
        """Keep what a next page will be cut from, for a while."""
        if key in self._snapshots:
            return
        self._snapshots[key] = snapshot
        if len(self._snapshots) > SNAPSHOTS_KEPT:
            self._snapshots.popitem(last=False)
        forget = self._snapshots.pop
        asyncio.get_running_loop().call_later(SNAPSHOT_KEPT_S, forget, key, None)


async def _paced(runs: Iterator[list[CachedObject]]) -> AsyncIterator[list[CachedObject]]:
    for run in runs:
        yield run
        await asyncio.sleep(0)


async def _collect(
    runs: AsyncIterator[list[CachedObject]], selects: Predicate, limit: int
) -> _Page:
    """Take selected objects until there is one more than the limit (0: all)."""
    objects: list[CachedObject] = []
    async for run in runs:
        objects += run if selects.always else filter(selects, run)
        if limit and len(objects) > limit:
            return _Page(objects[:limit], more=True)
    return _Page(objects, more=False)
