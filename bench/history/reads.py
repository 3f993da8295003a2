"""Rules on reads: each answer is the state of some moment between its call and its return."""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.reader import History, Records
from bench.history.truth import NEVER, NOBODY, Ints, Truth
from bench.history.writes import Writes, newest_before, say
from cluster.client.history_format import Flag, Kind

ABSENT: Final = 404


def judge_reads(
    history: History, truth: Truth, writes: Writes, findings: Findings, *, gaps: bool = False
) -> None:
    """Judge every GET and every LIST."""
    processes = history.processes.values()
    gets: Records = np.concatenate([process.of(Kind.READ) for process in processes])
    _judge_found(history, truth, gets, findings)
    _judge_written(history, writes, gets, findings)
    _judge_absent(history, truth, gets, findings)
    lists: Records = np.concatenate([process.of(Kind.LIST) for process in processes])
    asked = lists["begin_ns"] != lists["end_ns"]  # those of followers repeat what was asked
    _judge_lists(history, truth, lists[asked], writes, findings, gaps=gaps)


def _judge_found(history: History, truth: Truth, gets: Records, findings: Findings) -> None:
    """What was found was the newest state at some moment."""
    rule = "read-in-time"
    gets = gets[gets["revision"] > 0]
    rows = truth.rows(gets["revision"].astype(np.int64), gets["key"].astype(np.int64))
    findings.made(rule, len(gets))
    wrong = (rows == NOBODY) | (truth.keys[rows] != gets["key"]) | ~truth.alive[rows]
    _broken(history, findings, rule, gets[wrong], "there never was such a state")
    gets, rows = gets[~wrong], rows[~wrong]
    early = truth.applied_ns[rows] > gets["end_ns"].astype(np.int64)
    _broken(history, findings, rule, gets[early], "the state came after the answer")
    stale = truth.until_ns[rows] < gets["begin_ns"].astype(np.int64)
    _broken(
        history, findings, rule, gets[stale], "a stale read: the state was over before the call"
    )


def _judge_written(history: History, writes: Writes, gets: Records, findings: Findings) -> None:
    """No answer is older than what its key's writers had been answered before the call.

    By the clients' histories alone, whatever the server says of itself.
    """
    rule = "read-after-write"
    gets = gets[gets["revision"] > 0]
    findings.made(rule, len(gets))
    made = np.flatnonzero(writes.made)
    keys = writes.records["key"][made].astype(np.int64)
    order = np.lexsort((writes.end_ns[made], keys))
    keys, ends, revisions = keys[order], writes.end_ns[made][order], writes.revisions[made][order]
    newest = _newest_of_key(keys, revisions)
    # One number for key and moment, so that one search finds the last answer before the call.
    base = int(min(ends.min(initial=NEVER), gets["begin_ns"].min(initial=NEVER)))
    span = int(max(ends.max(initial=0), gets["begin_ns"].max(initial=0))) - base + 2
    numbers, places = np.unique(keys, return_inverse=True)
    wanted = np.searchsorted(numbers, gets["key"])
    known = np.isin(gets["key"], numbers)
    if len(numbers) * span >= NEVER:
        findings.count("reads too many for the rule on reads after writes", len(gets))
        return
    line = places * span + (ends - base)
    moments = wanted * span + (gets["begin_ns"].astype(np.int64) - base)
    at = np.searchsorted(line, moments, "left") - 1
    same = known & (at >= 0) & (keys[np.maximum(at, 0)] == gets["key"]) if len(keys) else known
    if not len(keys):
        return
    older = same & (newest[np.maximum(at, 0)] > gets["revision"].astype(np.int64))
    _broken(history, findings, rule, gets[older], "older than a write that had been acknowledged")


def _newest_of_key(keys: Ints, revisions: Ints) -> Ints:
    """Return the running maximum of revisions, which begins anew with each key."""
    if not len(keys):
        return revisions
    # Keys ascend, so adding a step a key keeps one running maximum from crossing into the next.
    step = int(revisions.max()) + 1
    _, places = np.unique(keys, return_inverse=True)
    found: Ints = np.maximum.accumulate(revisions + places * step) - places * step
    return found


def _judge_absent(history: History, truth: Truth, gets: Records, findings: Findings) -> None:
    """What was not found was not there at some moment."""
    rule = "read-absent"
    gets = gets[gets["code"] == ABSENT]
    findings.made(rule, len(gets))
    for record in gets:
        rows = truth.rows_of(int(record["key"]))
        begin_ns, end_ns = int(record["begin_ns"]), int(record["end_ns"])
        living = rows[truth.alive[rows]]
        whole = (truth.applied_ns[living] < begin_ns) & (truth.until_ns[living] > end_ns)
        if whole.any() or _alive_throughout(truth, rows, begin_ns, end_ns):
            why = "it was there all the time"
            findings.broken(rule, [f"{say(history, record)}: {why}"])


def _alive_throughout(truth: Truth, rows: Ints, begin_ns: int, end_ns: int) -> bool:
    """Whether an object was there at the call and no change until the return removed it."""
    before = rows[truth.applied_ns[rows] < begin_ns]
    if not len(before) or not truth.alive[before[-1]]:
        return False
    between = rows[(truth.applied_ns[rows] >= begin_ns) & (truth.applied_ns[rows] <= end_ns)]
    return bool(truth.alive[between].all())


def _judge_lists(
    history: History,
    truth: Truth,
    lists: Records,
    writes: Writes,
    findings: Findings,
    *,
    gaps: bool,
) -> None:
    """A list knows all that had been acknowledged, and nothing from the future.

    Where there are revisions of other keys (``gaps``), a list may be as of one of them: any below
    the next change of a resource.
    """
    rule = "list-in-time"
    findings.made(rule, len(lists))
    revisions = lists["revision"].astype(np.int64)
    newest = newest_before(writes, lists["begin_ns"].astype(np.int64))
    whole = (lists["flags"] & Flag.ANY) == 0
    stale = whole & (revisions < newest)
    _broken(history, findings, rule, lists[stale], "older than a write that had been acknowledged")
    order = np.argsort(truth.applied_ns, kind="stable")
    reached = np.concatenate(
        [[max(truth.first - 1, 0)], np.maximum.accumulate(truth.revisions[order])]
    )
    ends = lists["end_ns"].astype(np.int64)
    if gaps:
        ahead = np.append(truth.revisions, NEVER)
        reached = ahead[np.searchsorted(truth.revisions, reached, "right")] - 1
    known = reached[np.searchsorted(truth.applied_ns[order], ends, "right")]
    _broken(history, findings, rule, lists[revisions > known], "of a revision that was yet to come")


def _broken(history: History, findings: Findings, rule: str, records: Records, why: str) -> None:
    findings.broken(rule, (f"{say(history, record)}: {why}" for record in records))
