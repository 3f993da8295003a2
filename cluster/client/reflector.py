"""The reflector: keeps a target equal to a list, by one LIST and then a WATCH that is resumed.

With ``ReflectorOptions.initial_events`` there is no LIST: the watch tells first what is there, up
to a bookmark that says so, as Kubernetes' own controllers have it. A server that refuses that is
listed from then on.

What it does when something goes wrong, always after a wait that doubles and is jittered:

- the watch is torn, or the server is away: watch again at the last revision;
- 410, the revision is no longer kept: LIST again, and the target finds the difference;
- 429 or 5xx: the same request again, not before the server's Retry-After;
- any other refusal, or an object that cannot be decoded: LIST again.

A watch that the server ends in good order (its timeout) is resumed at once. The waits start again
at their base when events arrive, or a watch stood for a while though nothing happened; a successful
LIST alone proves nothing, for a server may answer every LIST and expire every watch.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from cluster.client.failures import is_expired, retry_after_s
from cluster.client.history_follower import Follower
from cluster.client.interface import (
    EVERYTHING,
    INITIAL_EVENTS_END,
    ApiClient,
    ApiError,
    RawEvent,
    Selection,
    TransportError,
)
from serialization.api.meta.v1_pb2 import PartialObjectMetadata
from serialization.errors import DecodeError
from serialization.scheme import Resource

logger = logging.getLogger(__name__)

SHORT_WATCH_S: Final = 1.0
"""A watch that ends sooner and without an event counts as a failure."""

STEADY_WATCH_S: Final = 10.0
"""A watch that lasts this long has worked, events or not. Without this rule an idle watch that was
torn every 20 s, by a proxy say, left its reflector blind for 45 s at a time."""


class Target(Protocol):
    """What a reflector keeps up to date."""

    async def replace(self, items: list[bytes]) -> None:
        """Become equal to a list of bare objects."""
        ...

    def apply(self, events: list[RawEvent]) -> str:
        """Apply events in order; return the resourceVersion of the last. Raises DecodeError."""
        ...


@dataclass(frozen=True, slots=True)
class ReflectorOptions:
    """Waits and watch lengths; the numbers are client-go's (tools/cache/reflector.go)."""

    backoff_base_s: float = 0.8
    backoff_max_s: float = 30.0
    watch_timeout_s_min: int = 300
    """Watches ask for a random length from here to twice this, so they do not end together."""
    initial_events: bool = False
    """Begin with a watch that tells the state first, where the server can do that."""


@dataclass(slots=True)
class ReflectorCounters:
    """What a reflector has asked and got."""

    lists: int = 0
    streams: int = 0
    """How often the state came by a watch, without a list."""
    watches: int = 0
    events: int = 0
    bookmarks: int = 0
    expired: int = 0
    """How often it had to list again because of a 410."""
    failures: int = 0

    def add(self, other: ReflectorCounters) -> None:
        """Add another's counts to these."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Reflector:
    """One list + watch, running until cancelled."""

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        target: Target,
        chance: random.Random,
        *,
        selection: Selection = EVERYTHING,
        options: ReflectorOptions | None = None,
    ) -> None:
        self._client = client
        self.follower: Follower | None = None
        """Writes down what is listed and watched; set it before ``run``."""
        self._resource = resource
        self._selection = selection
        self._target = target
        self._chance = chance
        self._options = options or ReflectorOptions()
        self._failures = 0
        self._revision = ""
        """Where to watch from; empty: list first."""
        self._list_at = "0"
        """The first list may come from any cache; one after a 410 must be the newest state."""
        self._streams = self._options.initial_events
        self.counters = ReflectorCounters()

    async def run(self) -> None:
        """List and watch until cancelled."""
        while True:
            try:
                if not self._revision and not self._streams:
                    await self._list()
                await self._watch()
            except ApiError as error:
                await self._refused(error)
            except TransportError as error:
                await self._back_off(error)
            except DecodeError as error:
                self._forget_revision()
                await self._back_off(error)

    async def _list(self) -> None:
        self.counters.lists += 1
        listing = await self._client.list_raw(
            self._resource, self._selection, resource_version=self._list_at
        )
        if self.follower is not None:
            count = len(listing.items)
            self.follower.listed(self._list_at, listing.resource_version, count)
        await self._target.replace(listing.items)
        self._revision = listing.resource_version

    async def _watch(self) -> None:
        self.counters.watches += 1
        shortest_s = self._options.watch_timeout_s_min
        timeout_s = self._chance.randint(shortest_s, 2 * shortest_s)
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), 0
        state: list[bytes] | None = None if self._revision else []
        if self.follower is not None and state is None:
            self.follower.opened(self._revision)
        events = self._client.watch_raw(
            self._resource,
            self._selection,
            resource_version=self._list_at if state is not None else self._revision,
            timeout_s=timeout_s,
            initial_events=state is not None,
        )
        try:
            async with aclosing(events):
                async for batch in events:
                    seen += len(batch)
                    news = batch
                    if state is not None:
                        news = self._gather(state, batch)
                        if not news:
                            continue
                        await self._target.replace(state)
                        self.counters.streams += 1
                        state = None
                    self._revision = self._target.apply(news) or self._revision
                    self._failures = 0
                    self.counters.events += len(news)
        finally:
            if self.follower is not None:
                self.follower.closed()
            if loop.time() - began >= STEADY_WATCH_S:
                self._failures = 0
        if not seen and loop.time() - began < SHORT_WATCH_S:
            await self._back_off(TransportError("the watch ended at once and without an event"))

    def _gather(self, state: list[bytes], batch: list[RawEvent]) -> list[RawEvent]:
        """Add initial events to the state; return the rest, from the bookmark on that ends them."""
        for number, event in enumerate(batch):
            if event.type == "ADDED":
                state.append(event.bare)
            elif event.type == "BOOKMARK":
                mark = self._client.decode(PartialObjectMetadata, event.bare)
                if INITIAL_EVENTS_END in mark.metadata.annotations:
                    if self.follower is not None:
                        revision, count = mark.metadata.resourceVersion, len(state)
                        self.follower.listed(self._list_at, revision, count, streamed=True)
                    return batch[number:]
        return []

    async def _refused(self, error: ApiError) -> None:
        if self._streams and not self._revision and error.code in {400, 422}:
            self._streams = False  # it cannot tell the state so: it is listed, at once
            return
        if is_expired(error):
            self.counters.expired += 1
            self._forget_revision()
        elif error.code != 429 and error.code < 500:
            self._forget_revision()
        await self._back_off(error)

    def _forget_revision(self) -> None:
        self._revision = ""
        self._list_at = ""

    async def _back_off(self, error: Exception) -> None:
        self.counters.failures += 1
        options = self._options
        wait_s = min(options.backoff_base_s * 2.0 ** min(self._failures, 32), options.backoff_max_s)
        self._failures += 1
        # From half of the wait to one and a half: thousands of watches torn at once spread out.
        wait_s *= 0.5 + self._chance.random()
        if isinstance(error, ApiError):
            wait_s = max(wait_s, float(retry_after_s(error)))
        logger.debug("%s: again in %.3f s: %s", self._resource.plural, wait_s, error)
        await asyncio.sleep(wait_s)
