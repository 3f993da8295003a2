"""What a list and a recording say about each other; a sentence for every disagreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from bench.audit.listing import JsonObject, Listing
from bench.audit.recording_file import Recording

NAMED_MAX: Final = 3
"""How many culprits a sentence names."""


def compare(recording: Recording, listings: Mapping[str, Listing]) -> Iterator[str]:
    """Yield the disagreements; nothing when list and recording tell the same."""
    for kind in ("pods", "controllers", "namespaces", "nodes"):
        yield from _duplicates(kind, listings[kind])
    yield from _pods(recording, listings["pods"])
    yield from _uids("controllers", set(recording.controllers), listings["controllers"])
    yield from _uids("nodes", set(recording.nodes), listings["nodes"])
    listed = {_uid(item) for item in listings["namespaces"].items}
    lost = sorted(set(recording.namespaces) - listed)
    if lost:
        yield f"{len(lost)} namespaces that were created are not listed{_some(lost)}"
    if recording.running:
        yield from _running(listings)
        yield from _replicas(listings)
    yield from _events(recording, listings["events"])


def _pods(recording: Recording, listing: Listing) -> Iterator[str]:
    yield from _uids("pods", set(recording.pods), listing)
    differing = []
    for item in listing.items:
        recorded = recording.pods.get(_uid(item))
        metadata = item["metadata"]
        if recorded is None:
            continue
        if recorded.resource_version != metadata.get("resourceVersion"):
            differing.append(
                f"{_name(item)} at {metadata.get('resourceVersion')},"
                f" recorded at {recorded.resource_version}"
            )
        elif (recorded.namespace, recorded.name) != (metadata.get("namespace"), metadata["name"]):
            differing.append(f"{_name(item)}, recorded as {recorded.namespace}/{recorded.name}")
        elif recorded.node != (item.get("spec") or {}).get("nodeName", ""):
            differing.append(f"{_name(item)} on another node than {recorded.node!r}")
    if differing:
        yield f"{len(differing)} pods differ from the recording{_some(differing)}"


def _uids(kind: str, recorded: set[str], listing: Listing) -> Iterator[str]:
    listed = {_uid(item) for item in listing.items}
    missing, extra = sorted(recorded - listed), sorted(listed - recorded)
    if missing:
        yield f"{len(missing)} recorded {kind} are not listed{_some(missing)}"
    if extra:
        yield f"{len(extra)} listed {kind} are not in the recording{_some(extra)}"


def _duplicates(kind: str, listing: Listing) -> Iterator[str]:
    for what, counts in (
        ("uid", Counter(_uid(item) for item in listing.items)),
        ("name", Counter(_name(item) for item in listing.items)),
    ):
        twice = sorted(key for key, count in counts.items() if count > 1)
        if twice:
            yield f"{len(twice)} {kind} share a {what}{_some(twice)}"


def _running(listings: Mapping[str, Listing]) -> Iterator[str]:
    nodes = {item["metadata"]["name"] for item in listings["nodes"].items}
    idle, homeless = [], []
    for item in listings["pods"].items:
        if (item.get("status") or {}).get("phase") != "Running":
            idle.append(_name(item))
        if (item.get("spec") or {}).get("nodeName") not in nodes:
            homeless.append(_name(item))
    if idle:
        yield f"{len(idle)} pods are listed as not running{_some(sorted(idle))}"
    if homeless:
        yield f"{len(homeless)} pods are on no listed node{_some(sorted(homeless))}"


def _replicas(listings: Mapping[str, Listing]) -> Iterator[str]:
    owned = Counter(
        owner.get("uid")
        for item in listings["pods"].items
        for owner in item["metadata"].get("ownerReferences") or []
    )
    wrong = []
    for item in listings["controllers"].items:
        wanted = (item.get("spec") or {}).get("replicas")
        if owned[_uid(item)] != wanted:
            wrong.append(f"{_name(item)} owns {owned[_uid(item)]}, wants {wanted}")
    if wrong:
        yield f"{len(wrong)} controllers own a wrong number of pods{_some(wrong)}"


def _events(recording: Recording, listing: Listing) -> Iterator[str]:
    seen = set(recording.pods_seen)
    strange = []
    for item in listing.items:
        about = item.get("involvedObject") or {}
        if about.get("kind") == "Pod" and about.get("uid") not in seen:
            strange.append(_name(item))
    if strange:
        yield f"{len(strange)} events are about pods that were never seen{_some(sorted(strange))}"


def _uid(item: JsonObject) -> str:
    return str(item["metadata"].get("uid"))


def _name(item: JsonObject) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata.get('name')}".lstrip("/")


def _some(culprits: list[str]) -> str:
    shown = "; ".join(culprits[:NAMED_MAX])
    return f" ({shown}{'; ...' if len(culprits) > NAMED_MAX else ''})"
