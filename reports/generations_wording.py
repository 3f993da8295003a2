"""What the page of the two generations says beside its numbers, in HTML and Markdown alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import Final

from reports.generations_model import Generations, Line, Spread
from reports.wording import NOT_MEASURED, counted, plain

OTHERS_SHARE_MAX: Final = 0.1
"""Of all cores: above it others have slowed down what is measured."""
TITLE: Final = "etcd 2 and etcd 3: what the slides claim, and what is measured"
ROWS: Final = {
    "a": (
        "Events to one watcher",
        "Writes by a schedule, from 500 a second upwards by factors of 2, then of down to 1.09, "
        "until the watcher is more than 250 ms behind or the server cannot take the writes; the "
        "delay at 500 a second is the median of {lag_spans} spans. Polls: a watcher that "
        "asks again after every event, as Kubernetes 1.x did: a round trip an event, which is a "
        "few tenths of a millisecond here and was a network's there. 1000 events are 2 s at 500 a "
        "second. A watcher that hangs reads nothing "
        "while {stalled_events:,} events are written, then reads on.",
    ),
    "b": (
        "What watchers cost",
        "{watchers} watchers of everything, of which the last is 'most'; etcd 2 needs a "
        "connection each, etcd 3 shares one stream. Memory is the server's RssAnon above that "
        "without watchers; the flow is {fan_writes_per_s:g} writes a second, each told to every "
        "watcher.",
    ),
    "c": (
        "LIST of everything",
        "{objects:,} objects of {value_bytes:,} bytes in one answer, while a GET is asked every "
        "millisecond on another connection; the median of {lists} such lists. etcd 2: recursive "
        "and sorted, as Kubernetes listed.",
    ),
    "d": (
        "Keys that must stay alive",
        "{held_keys:,} keys, each kept alive once a second. etcd 2 refreshes each by a write; etcd "
        "3 keeps a lease alive: one for all keys (as Kubernetes came to do, for those of a span of "
        "time), or one a key (its first version).",
    ),
    "e": (
        "Bytes of the same pods",
        "Running pods as the API server stores them, written, watched and listed one by one; bytes "
        "as the kernel counted them on the connections, both directions for a write.",
    ),
    "f": (
        "Restart, snapshots, memory",
        "{objects:,} objects of {value_bytes:,} bytes; {snapshot_writes:,} more writes at "
        "{snapshot_writes_per_s:,.0f} a second, with a snapshot due every "
        "10,000 (etcd 2's default), while a GET is asked every millisecond: the median of the "
        "longest waits of {snapshot_spans} spans of them; then an end in order and a start, from "
        "the start of the process to the first answer with a key: the median of {restarts}. A real "
        "one waits for its own election first, in either generation 1 to 2 s at random; for these "
        "starts it is told to wait a tenth of that.",
    ),
    "g": (
        "Under the API server",
        "{nodes:,} hollow nodes, {pods:,} pods; start-up of {probes:,} pods that are created one "
        "by one.",
    ),
    "h": (
        "Single writes and reads",
        "{raw_callers} callers, each asks again when it has its answer: etcd 2 on as many "
        "connections, etcd 3 on one; the median of {raw_turns} turns of each. The server's CPU an "
        "operation says more than a rate, since the client shares the machine.",
    ),
}
"""By letter: what it is about, and how it is measured; sizes are put in (``how_words``)."""

RULE: Final = (
    "Every claim names the larger of two values. Ratios larger / smaller are paired by round, in "
    "which the two come one right after the other; their geometric mean has a 95 % interval over "
    "rounds (Student's t). The whole interval above 1: as claimed; below 1: opposite; within 10 % "
    "of 1, which was said before anything was measured: no difference; else, and under five "
    "rounds, undecided. Counts that do not vary (bytes, the window) need one round. Where a size "
    "was claimed, too, it is told apart whether that was reached."
)
LIMITS: Final = (
    "One member on one machine: no replication, no network. A poll an event ends at one over the "
    "round trip: with 2 ms of network and handling between two polls 500 a second is the most, "
    "and a watcher that lags by 1000 events of any kind is lost. Three members would replicate "
    "every entry of the log: more of it where there are more entries.",
    "Both real generations are one program, etcd 3.4: its v2 API runs on the raft, the log and "
    "the Go of 2019 and later, not on those of a 2.x of 2016. What separates them here is the "
    "store and the protocol; what 3.x has gained below both is in neither row.",
    "Ours are Python; what they share (HTTP in C, group commit, LMDB for etcd 3) is not Go's. "
    "Compare the two generations of one family, not the families.",
    "Client and server share two cores: rates are floors. The client's CPU is told for each "
    "station; it is a cheap one of our own for both generations.",
    "etcd 2's event history and snapshots are as they were; defragmentation, compaction and "
    "proxies of etcd 3 are in no row.",
    "Each interval holds in 95 of 100 cases by itself: among a hundred rows a few say more than "
    "there is, those whose intervals nearly reach 1 first.",
    "The published figures are Go's on other machines and larger clusters. A claim that does not "
    "hold here may hold there, and the other way round.",
)


def how_words(run: Generations, row: str) -> str:
    """Write how a row is measured, at the sizes that were."""
    sizes = {each.name: getattr(run.sizes, each.name) for each in fields(run.sizes)}
    sizes["watchers"] = ", ".join(map(str, run.sizes.watchers))
    return ROWS[row][1].format(**sizes)


def disturbed_words(run: Generations) -> str:
    """Write how many readings others on the machine have disturbed, and by how much at most."""
    cores = run.environment.cores or 1
    found = [each.others_cores / cores for each in run.readings if not each.failed]
    share = [each for each in found if each > OTHERS_SHARE_MAX]
    if not share:
        return ""
    return (
        f"In {len(share)} of {counted(len(found), 'reading')} other processes took more than "
        f"{OTHERS_SHARE_MAX:.0%} of the cores, at most {max(share):.0%}: do not quote their times."
    )


def value_words(spread: Spread | None, unit: str) -> str:
    """Write a mean with its interval."""
    if spread is None:
        return ""
    interval = ""
    if spread.low is not None and spread.high is not None and spread.low != spread.high:
        interval = f" [{plain(spread.low)}, {plain(spread.high)}]"
    return f"{plain(spread.mean)}{interval}{f' {unit}' if unit else ''}"


def ratio_words(line: Line) -> str:
    """Write what the ratio is of, and the ratio with its interval."""
    if not line.rounds:
        return NOT_MEASURED
    if line.ratio is None:
        return f"{line.words}: one is 0"
    interval = ""
    if line.low is not None and line.high is not None:
        interval = f" [{plain(line.low)}, {plain(line.high)}]"
    return f"{line.words} = {plain(line.ratio)}{interval}"


def verdict_words(line: Line) -> str:
    """Write the verdict, and how far it goes."""
    if not line.rounds:
        return NOT_MEASURED
    more = f" ({line.size_verdict})" if line.size_verdict else ""
    if line.rounds_needed:
        more = f" (about {line.rounds_needed} rounds would tell)"
    return f"{line.verdict}{more}"


def claim_words(line: Line) -> str:
    """Write the claim with its size."""
    size = f" (≥ {line.size:.3g}x)" if line.size is not None else ""
    return f"{line.claim}{size}"


def command_words(run: Generations) -> str:
    """Write what makes such results again, without the directories of one machine."""
    quick = " --quick" if run.quick else ""
    rows = f" --rows {','.join(run.rows)}" if run.rows != list(ROWS) else ""
    sizes = run.sizes
    plane = f" --nodes {sizes.nodes} --pods {sizes.pods}" if sizes.nodes and not run.quick else ""
    return f"kubedyno generations --rounds {run.rounds} --seed {run.seed}{plane}{rows}{quick}"


def tally_words(run: Generations) -> str:
    """Write how many verdicts there are of each sort, for each family."""
    return "; ".join(f"{title}: {_tally(run, family)}" for family, title in FAMILIES.items())


def _tally(run: Generations, family: str) -> str:
    said = Counter(line.verdict for line in run.lines if line.family == family and line.rounds)
    return ", ".join(f"{count} {word}" for word, count in said.most_common()) or NOT_MEASURED


def what_words(run: Generations) -> str:
    """Write what was run, in a line."""
    real = f"etcd {run.etcd_version}" if run.etcd_version else "no etcd installed"
    quick = "; tiny sizes, good for a look alone" if run.quick else ""
    quick += "" if run.complete else "; not all of it has been played"
    return f"{counted(run.rounds, 'round')}; real: {real}, for both generations{quick}"


def notes_of(run: Generations, row: str) -> list[str]:
    """Return the notes of a row's stations, those of the last round, and every failure."""
    stations = STATIONS_OF[row]
    found = [reading for reading in run.readings if reading.station in stations]
    last = max((reading.round for reading in found), default=0)
    failures = [
        f"{each.subject}, round {each.round}: failed: {each.failed}"
        for each in found
        if each.failed
    ]
    return failures + [
        f"{each.subject}: {note}" for each in found if each.round == last for note in each.notes
    ]


FAMILIES: Final = {"real": "the real ones", "ours": "ours"}
STATIONS_OF: Final = {
    "a": ("feeding",),
    "b": ("fanning",),
    "c": ("large",),
    "d": ("living",),
    "e": ("encodings",),
    "f": ("large",),
    "g": ("plane", "plane-json"),
    "h": ("raw",),
}
"""Which stations serve a row."""
