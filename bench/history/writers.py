"""Every change has a writer: one that was told of it, or one that may well have made it.

What no answer names is claimed, in this order: by the change beside it of the same key (a DELETE
writes the last state and removes it in one step), and by a request on its key that is not known to
have failed and whose time it falls into. What nobody claims was made by the server itself, and only
some classes of changes may be: what a new cluster is given, and Events whose hour is over.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.reader import History
from bench.history.truth import NEVER, NOBODY, Bools, Ints, Truth
from bench.history.writes import Writes, say
from cluster.client.history_format import Flag, Seen, Verb

RULE: Final = "change-has-writer"
REMOVAL: Final = Verb.NONE
"""Of an update that takes the last finalizer off: it removes the object, and does nothing else."""
EVENTS: Final = b"/registry/events/"
NEW_CLUSTER: Final = frozenset(
    b"/registry/namespaces/" + name
    for name in (b"default", b"kube-system", b"kube-public", b"kube-node-lease")
)


def judge_writers(
    history: History, truth: Truth, writes: Writes, findings: Findings, *, foreign: bool = False
) -> None:
    """Judge all changes. With ``foreign`` others than the run's processes may have written."""
    claims = _Claims(history, truth, writes, findings)
    claims.named()
    claims.by_requests()
    claims.by_neighbours()
    findings.made(RULE, int(truth.recorded.sum()))
    unclaimed = np.flatnonzero(truth.recorded & ~claims.claimed)
    classes: Counter[str] = Counter()
    nobody = []
    for row in unclaimed.tolist():
        made = _made_by_server(history.names[int(truth.keys[row])], int(truth.seen[row]))
        if made:
            classes[made] += 1
        else:
            nobody.append(row)
    for made, number in sorted(classes.items()):
        findings.count(f"made by the server itself: {made}", number)
    if foreign:
        findings.count("made by others, whose histories are not kept", len(nobody))
        return
    findings.broken(RULE, (_say(history, truth, row) for row in nobody))


def _made_by_server(key: bytes, seen: int) -> str:
    if key in NEW_CLUSTER and seen == Seen.ADDED:
        return "namespaces of a new cluster"
    if key.startswith(EVENTS) and seen == Seen.DELETED:
        return "Events that expired"
    return ""


def _say(history: History, truth: Truth, row: int) -> str:
    what = Seen(int(truth.seen[row])).name
    name = history.name(int(truth.keys[row]))
    return f"{what} {name} at {int(truth.revisions[row])}: nobody has written it"


class _Claims:
    """Which changes have a writer."""

    def __init__(self, history: History, truth: Truth, writes: Writes, findings: Findings) -> None:
        self._history = history
        self._truth = truth
        self._writes = writes
        self._findings = findings
        self.claimed: Bools = np.zeros(len(truth), bool)

    def named(self) -> None:
        """Claim what answers name."""
        writes = self._writes
        self.claimed[writes.rows[writes.made & (writes.rows != NOBODY)]] = True

    def by_requests(self) -> None:
        """Look for the changes of every request that may have made some and names none.

        Those that were done come first: what has no answer may have done nothing.
        """
        writes = self._writes
        code = writes.records["code"]
        self._of_acknowledged(np.flatnonzero(writes.answered & ~writes.named))
        # An update that takes the last finalizer off removes the object, and names what it removed.
        removing = np.flatnonzero(writes.idle & (writes.records["verb"] != Verb.BIND))
        for place in removing.tolist():
            self._claim(place, REMOVAL, int(writes.end_ns[place]))
        for place in np.flatnonzero((code == 0) | (code >= 500)).tolist():
            verb = int(writes.records["verb"][place])
            self._claim(place, verb, NEVER)
            if verb not in (Verb.CREATE, Verb.BIND):
                self._claim(place, REMOVAL, NEVER)

    def _of_acknowledged(self, places: Ints) -> None:
        """Claim the changes of bindings and removals; those that made none are lost."""
        writes = self._writes
        # A DELETE of what is being deleted already changes nothing; the first one of a name does.
        deleted: set[int] = set()
        for place in places[np.argsort(writes.begin_ns[places], kind="stable")].tolist():
            record = writes.records[place]
            verb, key = int(record["verb"]), int(record["key"])
            claimed = self._claim(place, verb, int(writes.end_ns[place]))
            again = verb == Verb.DELETE and key in deleted
            if not claimed and not again and verb != Verb.DELETE_COLLECTION:
                sentence = f"{say(self._history, record)}: it was done, but changed nothing"
                self._findings.broken("write-stored", [sentence])
            if verb == Verb.DELETE:
                deleted.add(key)
        self._findings.made("write-stored", len(places))

    def _claim(self, place: int, verb: int, end_ns: int) -> bool:
        """Claim what a request may have done as ``verb`` until a moment; False if there is none."""
        key, begin_ns = int(self._writes.records["key"][place]), int(self._writes.begin_ns[place])
        rows = self._within(key, verb, begin_ns, end_ns)
        self.claimed[rows] = True
        return bool(len(rows))

    def _within(self, key: int, verb: int, begin_ns: int, end_ns: int) -> Ints:
        """Return the changes of a key that a request may have made, from its call to its return."""
        truth = self._truth
        name = self._history.names[key]
        rows = truth.rows_below(name) if name.endswith(b"/") else truth.rows_of(key)
        applied = truth.applied_ns[rows]
        rows = rows[(applied >= begin_ns) & (applied <= end_ns) & truth.recorded[rows]]
        rows = rows[~self.claimed[rows]]
        if verb == REMOVAL:
            fits = truth.seen[rows] == Seen.DELETED
        elif verb in (Verb.DELETE, Verb.DELETE_COLLECTION):
            fits = truth.seen[rows] != Seen.ADDED
        elif verb == Verb.BIND:
            fits = (truth.flags[rows] & Flag.BOUND) != 0
        else:
            fits = truth.seen[rows] == (Seen.ADDED if verb == Verb.CREATE else Seen.MODIFIED)
        chosen: Ints = rows[fits]
        return chosen if verb in (Verb.DELETE, Verb.DELETE_COLLECTION) else chosen[:1]

    def by_neighbours(self) -> None:
        """Claim the other half of removals whose one half is claimed."""
        truth = self._truth
        removed = np.flatnonzero((truth.seen == Seen.DELETED) & (truth.before != NOBODY))
        last = truth.before[removed]
        joined = truth.revisions[removed] - truth.revisions[last] == 1
        removed, last = removed[joined], last[joined]
        either = self.claimed[removed] | self.claimed[last]
        self.claimed[removed[either]] = True
        self.claimed[last[either]] = True
