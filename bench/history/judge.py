"""Judges a directory of histories; pure but for reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.followers import judge_followers, judge_server
from bench.history.reader import History, UnreadableHistoryError, read_history
from bench.history.reads import judge_reads
from bench.history.report import HistoryReport
from bench.history.truth import NOBODY, Truth
from bench.history.writers import judge_writers
from bench.history.writes import judge_writes
from cluster.client.history_format import Kind, Seen

SERVER: Final = "apiserver"


def judge_directory(directory: Path, *, foreign: bool = False) -> HistoryReport:
    """Read and judge. Raises UnreadableHistoryError."""
    return judge_history(read_history(directory), foreign=foreign)


def judge_history(history: History, *, foreign: bool = False) -> HistoryReport:
    """Judge. With ``foreign`` others than these processes may have written.

    Raises UnreadableHistoryError where nothing says what the store applied.
    """
    if SERVER not in history.processes:
        raise UnreadableHistoryError("there is no history of the API server")
    findings = Findings()
    _judge_files(history, findings)
    truth = Truth(history, history.processes[SERVER].records)
    if len(truth):
        _judge_truth(history, truth, findings)
        writes = judge_writes(history, truth, findings)
        judge_writers(history, truth, writes, findings, foreign=foreign)
        judge_reads(history, truth, writes, findings)
        judge_followers(history, truth, findings)
        judge_server(history, truth, findings)
    else:
        findings.broken("files-whole", ["the API server has recorded no change"])
    return _report(history, findings)


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


def _judge_truth(history: History, truth: Truth, findings: Findings) -> None:
    """The truth itself: revisions without gap or repetition, each change on the state before."""
    recorded = np.flatnonzero(truth.recorded)
    revisions = truth.revisions[recorded]
    findings.made("truth-contiguous", len(revisions))
    steps = np.diff(revisions)
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


def _report(history: History, findings: Findings) -> HistoryReport:
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
    )
