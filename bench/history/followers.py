"""Rules on watches and caches: each follower saw exactly what the truth has for its selection.

Ordered, unique, gap-free, resumable: from a list at revision R a follower must have taken in the
changes of its selection after R, in order, each once, up to where it came, over any number of
watches; with the type that entering, staying in or leaving the selection makes of each. What its
cache holds, at whatever revision it is, must be what the truth holds at that revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from bench.history.findings import Findings
from bench.history.reader import SERVER, History, Records, Source, is_truth
from bench.history.truth import Bools, Ints, Truth, View
from cluster.client.history_format import Flag, Kind, Seen

GRACE_NS: Final = 1_500_000_000
"""What was applied that long before a follower's end must have reached it."""


def judge_followers(history: History, truth: Truth, findings: Findings) -> None:
    """Judge every follower of every process."""
    for process in history.processes.values():
        kinds = process.records["kind"]
        followed = np.isin(kinds, FOLLOWED) & (process.records["source"] != 0)
        records = process.records[followed]
        order = np.argsort(records["source"], kind="stable")
        records = records[order]
        starts = np.flatnonzero(np.diff(records["source"].astype(np.int64), prepend=-1))
        for low, high in pairwise([*starts.tolist(), len(records)]):
            number = int(records["source"][low])
            source = history.source(number)
            if "watch" in source.facts:
                _Judge(history, truth, findings, source).judge(records[low:high])


FOLLOWED: Final = (Kind.LIST, Kind.WATCH_OPEN, Kind.EVENT, Kind.WATCH_CLOSE, Kind.DIGEST)


class _Judge:
    """One follower."""

    def __init__(self, history: History, truth: Truth, findings: Findings, source: Source) -> None:
        self._history = history
        self._findings = findings
        self._view = view_of(history, truth, source.facts)
        self._truth = truth
        facts = source.facts
        chosen = " ".join(filter(None, (facts["namespace"], facts["labels"], facts["fields"])))
        self._who = f"{source.process}'s watch of {facts['watch']}{' ' if chosen else ''}{chosen}"

    def judge(self, records: Records) -> None:
        """Judge all that it saw, in the order in which it saw it."""
        lists = np.flatnonzero(records["kind"] == Kind.LIST)
        self._resumed(records)
        if not len(lists):
            return
        for low, high in pairwise([*lists.tolist(), len(records)]):
            self._segment(records[low:high], last=high == len(records))
        self._states(records)

    def _resumed(self, records: Records) -> None:
        """Each watch was asked for from where the last had come, and ended where it had come."""
        rule = "watch-resumed"
        told = np.isin(records["kind"], (Kind.LIST, Kind.EVENT))
        latest = np.maximum.accumulate(np.where(told, np.arange(len(records)), -1))
        reach = np.where(latest < 0, 0, records["revision"][latest])
        for kind, field, what in (
            (Kind.WATCH_OPEN, "asked", "asked to go on after"),
            (Kind.WATCH_CLOSE, "revision", "a watch ended at"),
        ):
            places = np.flatnonzero(records["kind"] == kind)
            self._findings.made(rule, len(places))
            wrong = places[records[field][places] != reach[places]]
            for place in wrong.tolist():
                sentence = f"{what} {records[field][place]}, but had come to {reach[place]}"
                self._findings.broken(rule, [f"{self._who}: {sentence}"])

    def _segment(self, records: Records, *, last: bool) -> None:
        """Judge what came between a list and the next.

        A watch may be cut amid a shared revision; the next list, if there is one, has all of it.
        """
        start = int(records["revision"][0])
        if self._truth.shared:
            records = self._without_replays(records, start)
        events = records[records["kind"] == Kind.EVENT]
        marks = events["verb"] == Seen.BOOKMARK
        told = events[~marks]
        self._order(told, start)
        if self._truth.shared:  # within a revision the changes have no order
            told = told[np.argsort(self._truth.marks(told), kind="stable")]
        view = self._view
        if view is None:
            self._findings.count("events of selections that the truth cannot tell", len(told))
            self._known(told)
            return
        reach = int(events["revision"].max()) if len(events) else start
        if self._truth.shared and not last:
            told, reach = told[told["revision"] < reach], max(start, reach - 1)
        low, high = view.up_to(start), view.up_to(reach)
        self._findings.made("watch-gap-free", high - low)
        self._findings.made("watch-told-truth", len(told))
        expected = view.revisions[low:high]
        if (
            len(expected) != len(told)
            or (expected != told["revision"]).any()
            or (view.keys[low:high] != told["key"]).any()
            or (view.seen[low:high] != told["verb"]).any()
        ):
            self._differences(told, view, low, high)
        self._early(told, view)
        self._bookmarks(events, marks, start)

    def _without_replays(self, records: Records, start: int) -> Records:
        """Leave out what came again as it may where revisions are shared: *at least once*.

        A watch that goes on after a revision may be told the changes of that revision again, since
        nobody knows how many of them had come; no other ones.
        """
        told: set[tuple[int, int]] = set()
        kept = np.ones(len(records), bool)
        resumed = 0
        for place, record in enumerate(records):
            if record["kind"] == Kind.WATCH_OPEN:
                resumed = int(record["asked"])
            elif record["kind"] == Kind.EVENT and record["verb"] != Seen.BOOKMARK:
                change = int(record["revision"]), int(record["key"])
                known = change in told or change[0] == start
                kept[place] = not (known and change[0] == resumed)
                told.add(change)
        self._findings.count(
            "changes of a shared revision that were told again", int((~kept).sum())
        )
        found: Records = records[kept]
        return found

    def _order(self, told: Records, start: int) -> None:
        revisions = told["revision"].astype(np.int64)
        before = np.concatenate([[start], revisions[:-1]])
        self._findings.made("watch-ordered", len(revisions))
        for place in np.flatnonzero(revisions < before).tolist():
            sentence = f"{self._say(told, place)} after {int(before[place])}"
            self._findings.broken("watch-ordered", [sentence])
        self._findings.made("watch-unique", len(revisions))
        twice = revisions == before
        if self._truth.shared:
            twice = np.zeros(len(told), bool)
            twice[np.setdiff1d(np.arange(len(told)), _firsts(self._truth.marks(told)))] = True
        for place in np.flatnonzero(twice).tolist():
            self._findings.broken("watch-unique", [f"{self._say(told, place)} came twice"])

    def _known(self, told: Records) -> None:
        """Of a selection that the truth cannot tell, at least every event is a change."""
        self._findings.made("watch-told-truth", len(told))
        revisions, keys = told["revision"].astype(np.int64), told["key"].astype(np.int64)
        rows = self._truth.rows(revisions, keys)
        wrong = (rows < 0) | (self._truth.keys[rows] != told["key"])
        for place in np.flatnonzero(wrong).tolist():
            self._beyond(told, place)

    def _differences(self, told: Records, view: View, low: int, high: int) -> None:
        """Name what is missing, what is too much, and what is told wrongly."""
        got = self._truth.marks(told)
        expected = self._truth.marks(view)[low:high]
        for place in np.flatnonzero(~np.isin(expected, got)).tolist():
            at = low + place
            what = f"{Seen(int(view.seen[at])).name} {self._history.name(int(view.keys[at]))}"
            sentence = f"{self._who}: {what} at {int(view.revisions[at])} never came"
            self._findings.broken("watch-gap-free", [sentence])
        places = low + np.searchsorted(expected, got)
        inside = np.isin(got, expected)
        for place in range(len(told)):
            at = int(places[place])
            if not inside[place] or view.keys[at] != told["key"][place]:
                self._beyond(told, place)
            elif view.seen[at] != told["verb"][place]:
                should = Seen(int(view.seen[at])).name
                self._findings.broken("watch-typed", [f"{self._say(told, place)} is {should}"])

    def _beyond(self, told: Records, place: int) -> None:
        sentence = f"{self._say(told, place)} is no change that it should see"
        self._findings.broken("watch-told-truth", [sentence])

    def _early(self, told: Records, view: View) -> None:
        """Nothing is told before it has been applied."""
        if not len(view.revisions):
            return
        marks, wanted = self._truth.marks(view), self._truth.marks(told)
        places = np.minimum(np.searchsorted(marks, wanted), len(marks) - 1)
        known = marks[places] == wanted
        applied = np.where(known, view.applied_ns[places], 0)
        self._findings.made("watch-after-commit", len(told))
        for place in np.flatnonzero(told["begin_ns"].astype(np.int64) < applied).tolist():
            sentence = f"{self._say(told, place)} came before it was applied"
            self._findings.broken("watch-after-commit", [sentence])

    def _bookmarks(self, events: Records, marks: Bools, start: int) -> None:
        """A bookmark promises that all up to it has been told."""
        view = self._view
        assert view is not None
        rule = "watch-bookmark"
        places = np.flatnonzero(marks)
        self._findings.made(rule, len(places))
        told_before = np.cumsum(~marks)
        for place in places.tolist():
            revision = int(events["revision"][place])
            due = view.up_to(revision) - view.up_to(start)
            if due > int(told_before[place]):
                sentence = (
                    f"{self._who}: a bookmark promised all {due} changes up to {revision}, "
                    f"{int(told_before[place])} had come"
                )
                self._findings.broken(rule, [sentence])

    def _states(self, records: Records) -> None:
        """What the cache held was the truth of its revision, and at the end nothing was missing."""
        view = self._view
        digests = records[records["kind"] == Kind.DIGEST]
        if view is None:
            self._findings.count("caches of selections that the truth cannot tell", len(digests))
            return
        for digest in digests:
            last = bool(digest["flags"] & Flag.FOLLOWER)
            compare(
                self._findings, "cache-final" if last else "cache-listed", self._who, view, digest
            )
            if last:
                self._tail(view, digest)

    def _tail(self, view: View, digest: np.void) -> None:
        reach, end_ns = int(digest["revision"]), int(digest["end_ns"])
        at = view.up_to(reach)
        late = np.flatnonzero(view.applied_ns[at:] < end_ns - GRACE_NS)
        self._findings.made("watch-complete", len(view.revisions))
        for place in (at + late).tolist():
            what = self._history.name(int(view.keys[place]))
            late_s = (end_ns - int(view.applied_ns[place])) / 1e9
            sentence = (
                f"{self._who}: {what} at {int(view.revisions[place])} had not come "
                f"{late_s:.1f} s after it was applied"
            )
            self._findings.broken("watch-complete", [sentence])

    def _say(self, told: Records, place: int) -> str:
        record = told[place]
        what = f"{Seen(int(record['verb'])).name} {self._history.name(int(record['key']))}"
        return f"{self._who}: {what} at {int(record['revision'])}"


def _firsts(marks: Ints) -> Ints:
    """Return where each number stands first."""
    found: Ints = np.unique(marks, return_index=True)[1]
    return found


def compare(findings: Findings, rule: str, who: str, view: View, digest: np.void) -> None:
    """Hold a digest against the truth of its revision."""
    revision = int(digest["revision"])
    count, hashed = view.state(revision)
    findings.made(rule, 1)
    held = int(digest["extra"])
    if (count, hashed) != (held, int(digest["asked"])):
        sentence = f"{who}: holds {held} objects at {revision}, not the {count} that there were"
        findings.broken(rule, [sentence])


def view_of(history: History, truth: Truth, facts: dict[str, str]) -> View | None:
    """Return what a selection should see; None where the truth does not know its fields."""
    prefix, namespace, fields = facts["watch"], facts["namespace"], facts["fields"]
    if not fields and not facts["labels"]:
        if namespace:
            return truth.of_namespace(f"{prefix}{namespace}/".encode())
        return truth.of_resource(history.number(prefix))
    field, _, value = fields.partition("=")
    if facts["labels"] or namespace or "," in fields or value.startswith("="):
        return None
    if field == "spec.nodeName":
        return truth.of_node(history.number(value))
    return truth.of_key(history.number(f"{prefix}{value}")) if field == "metadata.name" else None


def said_digests(records: Records) -> Iterator[np.void]:
    """Yield the digests that the API server made of its cache and of its store."""
    yield from records[records["kind"] == Kind.DIGEST]


def judge_server(history: History, truth: Truth, findings: Findings) -> None:
    """The watch cache and the store hold what the truth says."""
    for name, process in history.processes.items():
        if not is_truth(name):
            continue
        for digest in said_digests(process.records):
            number = int(digest["key"])
            store = bool(digest["flags"] & Flag.STORE)
            rule = "store-final" if store else "watchcache-final"
            told = "the store" if store else "the watch cache"
            by = "" if name == SERVER else f" of {name}"
            who = f"{told}{by}, {history.name(number)}"
            compare(findings, rule, who, truth.of_resource(number), digest)
