"""What entries say of time: whether reads went on, groups grew, and keys lived as long as told."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from tests.faults.oracle import Violation
from tests.faults.records import Acknowledged, Asked, Begun, Entry, Read, Told

GROUPS_MIN: Final = 2.0
"""Writes acknowledged for each sync's time, by eight callers, at least."""


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


def groups(entries: Sequence[Entry], sync_ns: int) -> list[Violation]:
    """Return where writes did not share their syncs."""
    done = [each.at_ns for each in entries if isinstance(each, Acknowledged)]
    begun = [each.at_ns for each in entries if isinstance(each, Begun)]
    if not done:
        return [Violation("groups", "no write was acknowledged")]
    shared = len(done) * sync_ns / max(1, done[-1] - begun[0])
    if shared >= GROUPS_MIN:
        return []
    return [Violation("groups", f"{len(done)} writes, {shared:.2f} in the time of a sync")]


def lives(entries: Sequence[Entry], *, grace_ns: int, story: str = "all") -> list[Violation]:
    """Return which keys with a TTL ended too early, or lived ``grace_ns`` beyond their time.

    A key's time begins when it was acknowledged, at the latest, and when it was sent, at the
    earliest. One whose time was not over when the entries end has nothing to say.
    """
    acknowledged = {each.number: each.at_ns for each in entries if isinstance(each, Acknowledged)}
    ended = {
        each.key: each.at_ns
        for each in entries
        if isinstance(each, Told) and each.value is None and each.story == story
    }
    last_ns = entries[-1].at_ns if entries else 0
    found = []
    for begun in entries:
        if not isinstance(begun, Begun) or not begun.ttl_s or begun.number not in acknowledged:
            continue
        key = begun.parts[0].key
        due_ns = acknowledged[begun.number] + begun.ttl_s * 10**9
        end_ns = ended.get(key)
        if end_ns is not None and end_ns < begun.at_ns + begun.ttl_s * 10**9:
            lived_ms = (end_ns - begun.at_ns) / 1e6
            found.append(Violation("lives", f"{key!r} of {begun.ttl_s} s lived {lived_ms:.0f} ms"))
        if (last_ns if end_ns is None else end_ns) > due_ns + grace_ns:
            found.append(Violation("lives", f"{key!r} of {begun.ttl_s} s outlived its time"))
    return found
