"""Several truths: every API server of one store has recorded the changes as they came to it.

They must be the same changes. Their union is what all else is judged against, each change as of the
moment at which the first of them had applied it: no writer was answered before that, and nobody was
told earlier. What a server has recorded reaches from its first change to its last one; between the
two it must know every change that another knows, and beyond its last one nothing may have been due.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.followers import GRACE_NS
from bench.history.reader import History, Records, is_truth
from bench.history.truth import Ints
from cluster.client.history_format import Kind, Seen

RULE: Final = "truth-agreed"
SAME: Final = ("verb", "flags", "node", "asked")
"""What each server must have recorded alike of a change."""


def truths(history: History) -> dict[str, Records]:
    """Return the records of all API servers, by process."""
    return {name: found.records for name, found in history.processes.items() if is_truth(name)}


def joined(history: History, findings: Findings) -> Records:
    """Return the union of all truths, having judged whether they agree."""
    every = truths(history)
    if len(every) == 1:
        return next(iter(every.values()))
    both = np.concatenate(list(every.values()))
    changes = _first_of_each(both[both["kind"] == Kind.CHANGE])
    for name, records in every.items():
        _judge(history, name, records, changes, findings)
    initial = _first_of_each(both[both["kind"] == Kind.INITIAL])
    digests = both[both["kind"] == Kind.DIGEST]
    union: Records = np.concatenate([initial, changes, digests])
    return union


def _first_of_each(records: Records) -> Records:
    """Return each change once, as it was recorded first; in the order of revisions, then keys."""
    order = np.lexsort((records["end_ns"], records["key"], records["revision"]))
    records = records[order]
    new = np.ones(len(records), bool)
    new[1:] = (np.diff(records["revision"]) != 0) | (np.diff(records["key"].astype(np.int64)) != 0)
    found: Records = records[new]
    return found


def _judge(
    history: History, name: str, records: Records, union: Records, findings: Findings
) -> None:
    """Hold what a server recorded against what all did."""
    own = records[records["kind"] == Kind.CHANGE]
    own = own[np.lexsort((own["key"], own["revision"]))]
    findings.made(RULE, len(own))
    if not len(own):
        if len(union):
            findings.broken(RULE, [f"{name} recorded none of {len(union)} changes"])
        return
    first, last = int(own["revision"][0]), int(own["revision"][-1])
    within = union[(union["revision"] >= first) & (union["revision"] <= last)]
    places = _places(own, within)
    for row in np.flatnonzero(places < 0).tolist():
        findings.broken(RULE, [f"{name} did not record {_say(history, within[row])}"])
    there = within[places >= 0]
    recorded = own[places[places >= 0]]
    unlike = np.zeros(len(there), bool)
    for column in SAME:
        unlike |= there[column] != recorded[column]
    for row in np.flatnonzero(unlike).tolist():
        told, other = _say(history, recorded[row]), _say(history, there[row])
        sentence = f"{name} recorded {told}, another server {other}"
        findings.broken(RULE, [sentence])
    end_ns = int(records["end_ns"][-1])
    beyond = union[(union["revision"] > last) & (union["end_ns"] < end_ns - GRACE_NS)]
    for row in range(len(beyond)):
        sentence = f"{name} had not heard of {_say(history, beyond[row])} at its end"
        findings.broken(RULE, [sentence])


def _places(own: Records, wanted: Records) -> Ints:
    """Return where each wanted change stands among a server's own; -1 where it does not."""
    at = {pair: place for place, pair in enumerate(_pairs(own))}
    return np.array([at.get(pair, -1) for pair in _pairs(wanted)], np.int64)


def _pairs(records: Records) -> list[tuple[int, int]]:
    return list(zip(records["revision"].tolist(), records["key"].tolist(), strict=True))


def _say(history: History, record: np.void) -> str:
    after = f" after {int(record['asked'])}" if record["asked"] else ""
    what = f"{Seen(int(record['verb'])).name} {history.name(int(record['key']))}"
    return f"{what} at {int(record['revision'])}{after}"
