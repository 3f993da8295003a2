"""Automatic compaction: forget, every interval, what was superseded an interval ago.

So history reaches back between one and two intervals. Kubernetes' API server does the same to its
etcd every five minutes; a store that nobody compacts grows by every heartbeat.

Where several servers share a store, one of them compacts it in each interval. They agree by a key
that each tries to write over the version that it saw last, as Kubernetes' API servers do, under
their name for it: who gets through has won the round, the others learn of it and wait for the next.
The winner of a round crashes, and another wins the next one; nothing is ever held.

A store that declares no ``compaction`` is left alone, and no round's key is written into it: there
it is the bound of the history that forgets.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from storage.errors import (
    CompactedError,
    ConflictError,
    KeyExistsError,
    KeyNotFoundError,
    StoreClosedError,
    StoreError,
)
from storage.interface import Store

_log = logging.getLogger(__name__)

ROUND_KEY: Final = b"compact_rev_key"
"""Holds the revision that the winner of the last round compacted to, as text."""


class Compactor:
    """Compacts one store from time to time, as long as ``run`` runs."""

    def __init__(self, store: Store, interval_s: float) -> None:
        self.compactions = 0
        """That removed revisions."""
        self.compacted_revision = 0
        """The last one of them: reads below it are refused. 0 before the first."""
        self.rounds_lost = 0
        """Intervals in which another server of a shared store compacted it."""
        self._store = store
        self._interval_s = interval_s
        self._shared = store.capabilities.others_write
        self._round = 0
        """The revision of the round's key that was seen last; 0: none."""

    async def run(self) -> None:
        """Compact until cancelled. A store that cannot be written is tried again later.

        Returns at once where there is nothing to compact.
        """
        if not self._store.capabilities.compaction:
            return
        target = self._store.current_revision()
        while True:
            await asyncio.sleep(self._interval_s)
            newest = self._store.current_revision()
            try:
                if not self._shared or await self._wins(target):
                    await self._compact(target)
            except StoreClosedError:
                return
            except StoreError as error:
                _log.warning("no compaction at revision %d: %s", target, error)
                if not self._shared:
                    continue  # else somebody may have done it: this round is over
            target = newest

    async def _compact(self, target: int) -> None:
        try:
            await self._store.compact(target)
        except CompactedError:  # nothing was written meanwhile, or somebody else did it
            return
        self.compactions += 1
        self.compacted_revision = target

    async def _wins(self, target: int) -> bool:
        """Try to write the round's key over what was seen last. Raises StoreError."""
        value = b"%d" % target
        try:
            if self._round:
                written = self._store.update(ROUND_KEY, value, expected=self._round)
            else:
                written = self._store.create(ROUND_KEY, value)
            self._round = await written
        except (KeyExistsError, ConflictError) as error:
            self._round = error.current.revision
        except KeyNotFoundError:
            self._round = 0
        else:
            return True
        self.rounds_lost += 1
        return False
