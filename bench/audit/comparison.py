"""What a list and a recording say about each other; a sentence for every disagreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bench.audit.listing import Item
from bench.audit.recording_file import Recording

NAMED_MAX: Final = 3
"""How many culprits a sentence names."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What was listed of everything, as the comparison needs it."""

    objects: Mapping[str, list[Item]]
    """By kind: pods, controllers, namespaces, nodes."""
    strange_events: list[str]
    """Names of events about pods that were never seen."""
    stored: Mapping[str, str] | None = None
    """uid → resourceVersion of the pods as the store has them, at the revision of the list of pods;
    None where only the watch cache was asked."""


def compare(recording: Recording, lists: Lists) -> Iterator[str]:
    """Yield the disagreements; nothing when lists and recording tell the same."""
    listed = lists.objects
    for kind in ("pods", "controllers", "namespaces", "nodes"):
        yield from _duplicates(kind, listed[kind])
    yield from _pods(recording, listed["pods"])
    yield from _uids("controllers", set(recording.controllers), listed["controllers"])
    yield from _uids("nodes", set(recording.nodes), listed["nodes"])
    lost = sorted(set(recording.namespaces) - {item.uid for item in listed["namespaces"]})
    if lost:
        yield f"{len(lost)} namespaces that were created are not listed{_some(lost)}"
    if recording.running:
        yield from _running(listed)
        yield from _replicas(listed)
    if lists.stored is not None:
        yield from _stored(lists.stored, listed["pods"])
    strange = lists.strange_events
    if strange:
        yield f"{len(strange)} events are about pods that were never seen{_some(sorted(strange))}"


def _pods(recording: Recording, listed: list[Item]) -> Iterator[str]:
    yield from _uids("pods", set(recording.pods), listed)
    differing = []
    for item in listed:
        recorded = recording.pods.get(item.uid)
        if recorded is None:
            continue
        if recorded.resource_version != item.version:
            differing.append(
                f"{item.name} at {item.version}, recorded at {recorded.resource_version}"
            )
        elif (recorded.namespace, recorded.name) != (item.namespace, item.plain_name):
            differing.append(f"{item.name}, recorded as {recorded.namespace}/{recorded.name}")
        elif recorded.node != item.node:
            differing.append(f"{item.name} on another node than {recorded.node!r}")
    if differing:
        yield f"{len(differing)} pods differ from the recording{_some(differing)}"


def _uids(kind: str, recorded: set[str], items: list[Item]) -> Iterator[str]:
    listed = {item.uid for item in items}
    missing, extra = sorted(recorded - listed), sorted(listed - recorded)
    if missing:
        yield f"{len(missing)} recorded {kind} are not listed{_some(missing)}"
    if extra:
        yield f"{len(extra)} listed {kind} are not in the recording{_some(extra)}"


def _duplicates(kind: str, items: list[Item]) -> Iterator[str]:
    for what, counts in (
        ("uid", Counter(item.uid for item in items)),
        ("name", Counter(item.name for item in items)),
    ):
        twice = sorted(key for key, count in counts.items() if count > 1)
        if twice:
            yield f"{len(twice)} {kind} share a {what}{_some(twice)}"


def _running(listed: Mapping[str, list[Item]]) -> Iterator[str]:
    nodes = {item.plain_name for item in listed["nodes"]}
    idle = sorted(item.name for item in listed["pods"] if item.phase != "Running")
    homeless = sorted(item.name for item in listed["pods"] if item.node not in nodes)
    if idle:
        yield f"{len(idle)} pods are listed as not running{_some(idle)}"
    if homeless:
        yield f"{len(homeless)} pods are on no listed node{_some(homeless)}"


def _replicas(listed: Mapping[str, list[Item]]) -> Iterator[str]:
    owned = Counter(owner for item in listed["pods"] for owner in item.owners)
    wrong = [
        f"{item.name} owns {owned[item.uid]}, wants {item.replicas}"
        for item in listed["controllers"]
        if owned[item.uid] != item.replicas
    ]
    if wrong:
        yield f"{len(wrong)} controllers own a wrong number of pods{_some(wrong)}"


def _stored(stored: Mapping[str, str], listed: list[Item]) -> Iterator[str]:
    cached = {item.uid: item.version for item in listed}
    differing = sorted(
        uid for uid in stored.keys() | cached.keys() if stored.get(uid) != cached.get(uid)
    )
    if differing:
        yield (
            f"{len(differing)} pods are not the same in the store and in the watch cache"
            f"{_some(differing)}"
        )


def _some(culprits: list[str]) -> str:
    shown = "; ".join(culprits[:NAMED_MAX])
    return f" ({shown}{'; ...' if len(culprits) > NAMED_MAX else ''})"
