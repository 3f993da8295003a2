"""What entries say of time: whether reads went on, groups grew, and alarms were told."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from statistics import median
from typing import Final

from tests.faults.records import Acknowledged, Alarm, Asked, Begun, Entry, Read, Refused
from tests.faults.rules import Violation

READS_NS: Final = 150_000_000
"""How long a store must have been read-only for a read to be expected meanwhile."""

SYNCS_MAX: Final = 3
"""Syncs that may begin while a write waits, at the median: its own, and the next group's as that
ends (measured: 1). Of eight callers without groups each waits for all others: eight."""


def stalls(entries: Sequence[Entry], sync_ns: int) -> list[Violation]:
    """Return where reads waited for syncs: the median read took half a sync or more."""
    asked = {each.number: each.at_ns for each in entries if isinstance(each, Asked)}
    took = [e.at_ns - asked[e.number] for e in entries if isinstance(e, Read)]
    if not took:
        return [Violation("stalls", "no read was answered")]
    middle = median(took)
    if middle < sync_ns / 2:
        return []
    return [Violation("stalls", f"of {len(took)} reads the median took {middle / 1e6:.1f} ms")]


def groups(entries: Sequence[Entry], syncs_ns: Sequence[int]) -> list[Violation]:
    """Return where writes did not share their syncs, which began at these times, in order.

    How long anything took does not count: a busy machine makes neither more nor fewer of them.
    """
    begun = {each.number: each.at_ns for each in entries if isinstance(each, Begun)}
    done = [each for each in entries if isinstance(each, Acknowledged)]
    if not done or not syncs_ns:
        return [Violation("groups", f"{len(done)} writes and {len(syncs_ns)} syncs were seen")]
    middle = median(
        bisect_left(syncs_ns, each.at_ns) - bisect_left(syncs_ns, begun[each.number])
        for each in done
    )
    if middle <= SYNCS_MAX:
        return []
    return [Violation("groups", f"of {len(done)} writes the median saw {middle:g} syncs begin")]


def alarms(entries: Sequence[Entry]) -> list[Violation]:
    """Return where a store that refused writes did not say so, did not read on, or not recover."""
    refused = [e for e in entries if isinstance(e, Refused) and e.why == "ReadOnlyError"]
    if not refused:
        return []
    told = [each for each in entries if isinstance(each, Alarm)]
    found = []
    if not any(each.why for each in told):
        found.append(Violation("alarm", "writes were refused, and no alarm was told"))
    if told and told[-1].why:
        found.append(Violation("alarm", f"the alarm never ended: {told[-1].why}"))
    last_ns = refused[-1].at_ns
    if not any(isinstance(each, Acknowledged) and each.at_ns > last_ns for each in entries):
        found.append(Violation("alarm", "no write was taken after the last refusal"))
    spans = itertools.pairwise(told)
    for start, end in ((a.at_ns, b.at_ns) for a, b in spans if a.why and not b.why):
        reads = [e for e in entries if isinstance(e, Read) and start <= e.at_ns <= end]
        if end - start > READS_NS and not reads:
            found.append(Violation("alarm", "no read was answered while the store was read-only"))
    return found
