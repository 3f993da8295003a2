"""Rules on compaction: a steady phase that claims one had one, and it took effect.

A store that declares no compaction is asked for none; there old states are gone at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.results import Status
from bench.steady_results import Compactions
from bench.verdict.observations import Finding, Observations

GONE: Final = 410


def compaction_missing(seen: Observations) -> Iterator[Finding]:
    """Tell of a steady phase without the compaction that it was to go on across.

    Void, as every setting is that its counters do not bear out: the latencies would be those of a
    store that was left in peace. One that could not be counted is degraded: it may have come.
    """
    found = seen.steady.compactions if seen.steady else None
    if found is None:
        return
    if not found.declared:
        yield from _old_state_kept(found)
    elif found.asked_every_s:
        yield from _missing(found)


def _missing(found: Compactions) -> Iterator[Finding]:
    if found.in_phase is None:
        yield Finding(
            Status.DEGRADED, "whether the store was compacted in the steady phase is not known"
        )
    elif found.in_phase == 0:
        yield Finding(
            Status.VOID,
            "the store was not compacted in the steady phase, asked every "
            f"{found.asked_every_s:g} s",
        )
    elif _should_be_gone(found.read_revision, found.revision) and found.read_code != GONE:
        yield Finding(
            Status.VOID,
            f"revision {found.read_revision} was compacted away ({found.revision} is the oldest "
            f"left), but a read of it was answered with {found.read_code}, not {GONE}",
        )


def _old_state_kept(found: Compactions) -> Iterator[Finding]:
    """Tell of an old state that could be read from a store which declares that it keeps none."""
    if found.in_phase:
        yield Finding(
            Status.VOID, f"{found.in_phase} compactions of a store that declares that it has none"
        )
    if _should_be_gone(found.read_revision, found.last_revision) and found.read_code != GONE:
        yield Finding(
            Status.VOID,
            f"the store declares that it keeps no old states, but a read as of revision "
            f"{found.read_revision} was answered with {found.read_code}, not {GONE}",
        )


def _should_be_gone(read: int | None, compacted: int | None) -> bool:
    return read is not None and compacted is not None and 0 < read < compacted
