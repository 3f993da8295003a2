"""Automatic compaction: forget, every interval, what was superseded an interval ago.

So history reaches back between one and two intervals. Kubernetes' API server does the same to its
etcd every five minutes; a store that nobody compacts grows by every heartbeat.
"""

from __future__ import annotations

import asyncio
import logging

from storage.errors import CompactedError, ReadOnlyError
from storage.interface import Store

_log = logging.getLogger(__name__)


class Compactor:
    """Compacts one store from time to time, as long as ``run`` runs."""

    def __init__(self, store: Store, interval_s: float) -> None:
        self.compactions = 0
        """That removed revisions."""
        self.compacted_revision = 0
        """The last one of them: reads below it are refused. 0 before the first."""
        self._store = store
        self._interval_s = interval_s

    async def run(self) -> None:
        """Compact until cancelled. A store that is read-only is tried again an interval later."""
        target = self._store.current_revision()
        while True:
            await asyncio.sleep(self._interval_s)
            newest = self._store.current_revision()
            try:
                await self._store.compact(target)
            except CompactedError:  # nothing was written meanwhile, or somebody else did it
                pass
            except ReadOnlyError as error:
                _log.warning("no compaction at revision %d: %s", target, error)
                continue
            else:
                self.compactions += 1
                self.compacted_revision = target
            target = newest
