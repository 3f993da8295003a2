"""Judges a directory of histories; pure but for reading it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.history.findings import Findings
from bench.history.followers import judge_followers, judge_server
from bench.history.reader import History, UnreadableHistoryError, read_history
from bench.history.reads import judge_reads
from bench.history.report import AT_LEAST_ONCE, EXACTLY_ONCE, HistoryReport
from bench.history.truth import NOBODY, Ints, Truth
from bench.history.truths import joined, truths
from bench.history.writers import judge_writers
from bench.history.writes import judge_writes
from cluster.client.history_format import Kind, Seen


def judge_directory(
    directory: Path, *, foreign: bool = False, others: bool = False, shared: bool = False
) -> HistoryReport:
    """Read and judge. Raises UnreadableHistoryError."""
    return judge_history(read_history(directory), foreign=foreign, others=others, shared=shared)


def judge_history(
    history: History, *, foreign: bool = False, others: bool = False, shared: bool = False
) -> HistoryReport:
    """Judge. With ``foreign`` others than these processes may have written.

    With ``others`` the store has revisions that no API server is told of (keys beside Kubernetes').
    With ``shared`` writes of different keys may share a revision, and a watch is judged *at least
    once*: one that goes on after a revision may be told that revision's changes again.
    Raises UnreadableHistoryError where nothing says what the store applied.
    """
    if not truths(history):
        raise UnreadableHistoryError("there is no history of the API server")
    findings = Findings()
    _judge_files(history, findings)
    truth = Truth(history, joined(history, findings), shared=shared)
    if len(truth):
        beside = _beside(history)
        _judge_truth(history, truth, beside, findings, others=others)
        writes = judge_writes(history, truth, findings)
        judge_writers(history, truth, writes, findings, foreign=foreign)
        judge_reads(history, truth, writes, findings, gaps=others or bool(len(beside)))
        judge_followers(history, truth, findings)
        judge_server(history, truth, findings)
    else:
        findings.broken("files-whole", ["the API server has recorded no change"])
    return _report(history, findings, AT_LEAST_ONCE if shared else EXACTLY_ONCE)


def _judge_files(history: History, findings: Findings) -> None:
    """Every process wrote its history to the end."""
    findings.made("files-whole", len(history.processes))
    for name, process in sorted(history.processes.items()):
        if process.torn_bytes:
            what = f"{process.torn_bytes} bytes of a record that is not whole"
            findings.broken("files-whole", [f"{name}'s history ends in {what}"])
        elif not process.closed:
            findings.broken("files-whole", [f"{name}'s history was not ended in order"])
        lost = process.of(Kind.LOST)
        findings.broken("files-whole", (f"{name} lost its store's thread" for _ in lost))


def _beside(history: History) -> Ints:
    """Return the revisions of keys that are no resource's, as far as the API servers know them."""
    found = [records[records["kind"] == Kind.OTHER] for records in truths(history).values()]
    revisions: Ints = np.unique(np.concatenate(found)["revision"]).astype(np.int64)
    return revisions


def _judge_truth(
    history: History, truth: Truth, beside: Ints, findings: Findings, *, others: bool
) -> None:
    """The truth itself: revisions without gap or repetition, each change on the state before.

    Of a store in which others have keys, too, gaps are counted and let pass: that none of them
    hides a change of ours is borne out by what writers were answered and what the store holds at
    the end.
    """
    recorded = np.flatnonzero(truth.recorded)
    revisions = truth.revisions[recorded]
    findings.made("truth-contiguous", len(revisions))
    if truth.shared:
        _judge_shared(history, truth, recorded, findings)
        revisions = np.unique(revisions)
    if len(beside):
        beside = beside[(beside > truth.first) & ~np.isin(beside, revisions)]
        revisions = np.sort(np.concatenate([revisions, beside]))
    steps = np.diff(revisions)
    if others:
        findings.count("revisions of others' keys", int((steps[steps > 1] - 1).sum()))
        steps = np.where(steps > 1, 1, steps)
    for place in np.flatnonzero(steps != 1).tolist():
        after, then = int(revisions[place]), int(revisions[place + 1])
        what = f"{then} twice" if after == then else f"nothing between {after} and {then}"
        findings.broken("truth-contiguous", [f"the API server recorded {what}"])
    before = truth.before[recorded]
    there = (before != NOBODY) & truth.alive[before]
    seen = truth.seen[recorded]
    asked = np.where(there, truth.revisions[before], 0)
    findings.made("truth-chained", len(recorded))
    fresh = seen == Seen.ADDED
    wrong = (asked != truth.asked[recorded]) | (fresh == there)
    for row in recorded[wrong].tolist():
        name, at = history.name(int(truth.keys[row])), int(truth.revisions[row])
        sentence = f"{Seen(int(truth.seen[row])).name} {name} at {at} does not follow what was"
        findings.broken("truth-chained", [sentence])


def _judge_shared(history: History, truth: Truth, recorded: Ints, findings: Findings) -> None:
    """No key changes twice at a revision."""
    same = np.zeros(len(recorded), bool)
    at, keys = truth.revisions[recorded], truth.keys[recorded]
    same[1:] = (np.diff(at) == 0) & (np.diff(keys) == 0)
    for row in recorded[same].tolist():
        name, revision = history.name(int(truth.keys[row])), int(truth.revisions[row])
        findings.broken("truth-contiguous", [f"the API server recorded {name} twice at {revision}"])


def _report(history: History, findings: Findings, delivery: str) -> HistoryReport:
    entries = {}
    for name, process in history.processes.items():
        numbers = np.bincount(process.records["kind"], minlength=len(Kind) + 1)
        entries[name] = {k.name.lower(): int(numbers[k]) for k in Kind if numbers[k]}
    return HistoryReport(
        entries=entries,
        checked=dict(sorted(findings.checked.items())),
        violations=dict(sorted(findings.violations.items())),
        examples=dict(sorted(findings.examples.items())),
        counts=dict(sorted(findings.counts.items())),
        delivery=delivery,
    )
