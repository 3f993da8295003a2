"""Rules on writes: each acknowledged one is in the truth, once, where its caller may expect it.

The store gives every change a revision of its own, in one order for all keys. So no search for an
order is needed: an acknowledged write names its place in the truth, and what is to be seen is that
the place is right: of that key, between call and return, on the state that the write was made
for, and after every write that was answered before it was called. A write without an answer may
have happened or not; one whose answer names no revision (a binding, a DELETE) is looked for among
the changes of its key between call and return.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.reader import History, Records
from bench.history.truth import NOBODY, Bools, Ints, Truth
from cluster.client.history_format import Kind, Verb

ASKING: Final = (Verb.UPDATE, Verb.UPDATE_STATUS, Verb.UPDATE_OTHER)
"""Writes that are made for the state that they name, where they name one."""
PATCHES: Final = (Verb.PATCH, Verb.PATCH_STATUS, Verb.PATCH_OTHER)


class Writes:
    """Every write of every process, and which of them had an effect that they know of."""

    def __init__(self, history: History, truth: Truth) -> None:
        found = [process.of(Kind.WRITE) for process in history.processes.values()]
        records: Records = np.concatenate(found)
        self.records = records
        self.begin_ns: Ints = records["begin_ns"].astype(np.int64)
        self.end_ns: Ints = records["end_ns"].astype(np.int64)
        self.revisions: Ints = records["revision"].astype(np.int64)
        self.asked: Ints = records["asked"].astype(np.int64)
        code = records["code"]
        self.answered: Bools = (code >= 200) & (code < 300)
        """The server said that it was done."""
        self.named: Bools = self.answered & (self.revisions > 0)
        """... and at which revision."""
        keys = records["key"].astype(np.int64)
        self.rows: Ints = np.where(self.named, truth.rows(self.revisions, keys), NOBODY)
        patch = np.isin(records["verb"], PATCHES)
        early = (self.rows != NOBODY) & (truth.applied_ns[self.rows] < self.begin_ns)
        asking = np.isin(records["verb"], ASKING)
        same = asking & (self.asked == self.revisions) & (self.asked > 0)
        self.idle: Bools = self.named & (same | (patch & early))
        """It changed no byte, so nothing was written: the answer is of the state that there was."""
        self.made: Bools = self.named & ~self.idle
        """It was told which change it made."""


def judge_writes(history: History, truth: Truth, findings: Findings) -> Writes:
    """Judge all writes."""
    writes = Writes(history, truth)
    judge = _Judge(history, truth, writes, findings)
    judge.places()
    judge.windows()
    judge.preconditions()
    judge.uniqueness()
    judge.real_time()
    judge.refusals()
    return writes


class _Judge:
    def __init__(self, history: History, truth: Truth, writes: Writes, findings: Findings) -> None:
        self._history = history
        self._truth = truth
        self._writes = writes
        self._findings = findings

    def _broken(self, rule: str, wrong: Bools, why: str) -> None:
        """Name every write that is wrong."""
        places = np.flatnonzero(wrong).tolist()
        said = (f"{say(self._history, self._writes.records[place])}: {why}" for place in places)
        self._findings.broken(rule, said)

    def places(self) -> None:
        """Each acknowledged write is a change of its key."""
        writes, truth = self._writes, self._truth
        self._findings.made("write-stored", int(writes.named.sum()))
        lost = writes.named & (writes.rows == NOBODY)
        self._broken("write-stored", lost, "no change has the revision that it was answered")
        other = writes.named & ~lost & (truth.keys[writes.rows] != writes.records["key"])
        self._broken("write-stored", other, "the revision that it was answered is another key's")

    def windows(self) -> None:
        """Each was applied between its call and its return."""
        writes, truth = self._writes, self._truth
        known = writes.made & (writes.rows != NOBODY) & truth.recorded[writes.rows]
        applied = truth.applied_ns[writes.rows]
        self._findings.made("write-in-time", int(known.sum()))
        outside = known & ((applied < writes.begin_ns) | (applied > writes.end_ns))
        self._broken("write-in-time", outside, "was not applied between its call and its return")
        idle = writes.idle & (writes.rows != NOBODY)
        self._findings.made("write-in-time", int(idle.sum()))
        gone = idle & (truth.until_ns[writes.rows] < writes.begin_ns)
        self._broken("write-in-time", gone, "was answered a state that was over before the call")

    def preconditions(self) -> None:
        """A conditional write followed the very state that it was made for."""
        writes, truth = self._writes, self._truth
        asking = np.isin(writes.records["verb"], ASKING) & (writes.asked > 0)
        known = writes.made & asking & (writes.rows != NOBODY)
        before = truth.before[writes.rows]
        followed = np.where(before == NOBODY, 0, truth.revisions[before])
        self._findings.made("write-precondition", int(known.sum()))
        wrong = known & (followed != writes.asked)
        self._broken("write-precondition", wrong, "did not follow the state that it was made for")
        self._findings.made("lost-update", int(known.sum()))
        pairs = np.flatnonzero(known)
        keys, asked = writes.records["key"][pairs].astype(np.int64), writes.asked[pairs]
        self._broken(
            "lost-update",
            _repeated(pairs, keys, asked, len(writes.records)),
            "another write on the same state was acknowledged, too: one of them is lost",
        )

    def uniqueness(self) -> None:
        """No two writes were answered the same change."""
        writes = self._writes
        made = np.flatnonzero(writes.made)
        self._findings.made("write-unique", len(made))
        keys = writes.records["key"][made].astype(np.int64)
        again = _repeated(made, keys, writes.revisions[made], len(writes.records))
        self._broken("write-unique", again, "another write was answered the same change")

    def real_time(self) -> None:
        """What was answered before another was called has the lower revision."""
        writes = self._writes
        made = np.flatnonzero(writes.made)
        newest = newest_before(writes, writes.begin_ns[made])
        self._findings.made("write-real-time", len(made))
        wrong = np.zeros(len(writes.records), bool)
        wrong[made] = newest >= writes.revisions[made]
        self._broken("write-real-time", wrong, "a write that was answered before has a newer one")

    def refusals(self) -> None:
        """A refused precondition was not met all the time between call and return."""
        writes, truth = self._writes, self._truth
        verbs = (Verb.UPDATE, Verb.UPDATE_STATUS)
        refused = (writes.records["code"] == 409) & np.isin(writes.records["verb"], verbs)
        refused &= writes.asked > 0
        rows = truth.rows(writes.asked, writes.records["key"].astype(np.int64))
        known = refused & (rows != NOBODY) & (truth.keys[rows] == writes.records["key"])
        self._findings.made("write-refusal", int(known.sum()))
        met = (truth.applied_ns[rows] < writes.begin_ns) & (truth.until_ns[rows] > writes.end_ns)
        self._broken("write-refusal", known & met, "was refused, but its state was the newest")


def newest_before(writes: Writes, moments: Ints) -> Ints:
    """Return for each moment the highest revision that had been answered to any writer."""
    made = np.flatnonzero(writes.made)
    ends = writes.end_ns[made]
    order = np.argsort(ends, kind="stable")
    newest = np.concatenate([[0], np.maximum.accumulate(writes.revisions[made][order])])
    found: Ints = newest[np.searchsorted(ends[order], moments, "left")]
    return found


def _repeated(places: Ints, keys: Ints, numbers: Ints, size: int) -> Bools:
    """Mark the places whose key and number came before."""
    order = np.lexsort((numbers, keys))
    same = (np.diff(keys[order]) == 0) & (np.diff(numbers[order]) == 0)
    wrong = np.zeros(size, bool)
    wrong[places[order[1:][same]]] = True
    return wrong


def say(history: History, record: np.void) -> str:
    """Return a request for people."""
    process = history.source(int(record["source"])).process
    verb = Verb(int(record["verb"])).name
    asked, revision = int(record["asked"]), int(record["revision"])
    on = f" on {asked}" if asked else ""
    at = f" answered {revision}" if revision else f" answered code {int(record['code'])}"
    return f"{process}: {verb} {history.name(int(record['key']))}{on}{at}"
