"""How many writes a store took between two marks."""

from __future__ import annotations

from typing import Final

from bench.scenarios.stage import Mark

SHARED: Final = "store_shared_writes"
"""An API server's counter of writes that had no revision of their own (``--etcd-batch on``)."""


def written(begin: Mark, end: Mark) -> int | None:
    """Return the revisions that were given out, and the writes that shared one with others.

    None where a revision could not be read.
    """
    if not begin.revision or not end.revision:
        return None
    return end.revision - begin.revision + _shared(end) - _shared(begin)


def _shared(mark: Mark) -> int:
    return int(sum(told.get(SHARED, 0.0) for told in mark.counters.values()))
