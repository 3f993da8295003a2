from __future__ import annotations

from collections.abc import Mapping

import pytest

from serialization.selectors import parse_fields, parse_labels
from storage.errors import CompactedError
from storage.watchcache.events import CacheEvent, EventRing
from storage.watchcache.objects import CachedObject
from storage.watchcache.selection import Predicate, Selection


def version(revision: int, **labels: str) -> CachedObject:
    return CachedObject(b"/p/a", "ns", labels=labels, fields=(), revision=revision, bare=b"")


def selectable(obj: CachedObject) -> tuple[Mapping[str, str], tuple[str, ...]]:
    return obj.labels or {}, obj.fields


def ring_of(count: int, capacity: int) -> EventRing:
    ring = EventRing(capacity, floor=10)
    for revision in range(11, 11 + count):
        ring.append(CacheEvent(revision, version(revision), None))
    return ring


IN, OUT = {"app": "yes"}, {"app": "no"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, IN, ("ADDED", 5)),
        (None, OUT, None),
        (IN, IN, ("MODIFIED", 5)),
        (OUT, IN, ("ADDED", 5)),
        (IN, OUT, ("DELETED", 5)),
        (OUT, OUT, None),
        (IN, None, ("DELETED", 5)),
        (OUT, None, None),
    ],
)
def test_event_is_told_by_how_it_crosses_the_selection(
    before: dict[str, str] | None, after: dict[str, str] | None, told: tuple[str, int] | None
) -> None:
    selection = Selection(label_text="app=yes", labels=parse_labels("app=yes"))
    event = CacheEvent(
        5,
        version(5, **after) if after is not None else None,
        version(4, **before) if before is not None else None,
    )

    seen = event.seen_by(Predicate(selection, (), selectable))

    assert (seen and (seen.type.value, seen.object.revision)) == told
    if seen is not None and seen.type.value == "DELETED":
        assert seen.object.labels == IN  # the last state that was selected


def test_event_ring_replays_from_any_kept_revision() -> None:
    ring = ring_of(5, capacity=10)

    found = {after: [event.revision for event in ring.since(after, 100)] for after in range(10, 17)}

    assert found == {after: list(range(after + 1, 16)) for after in range(10, 17)}


def test_event_ring_is_bounded_and_says_where_it_begins() -> None:
    ring = ring_of(1000, capacity=100)

    assert len(ring) <= 125
    assert [event.revision for event in ring.since(ring.floor, 1)] == [ring.floor + 1]
    with pytest.raises(CompactedError) as caught:
        ring.since(ring.floor - 1, 1)
    assert caught.value.compacted == ring.floor


def test_event_ring_keeps_the_events_of_one_revision_together() -> None:
    ring = EventRing(100, floor=1)
    for revision in (2, 3, 3, 3, 4):
        ring.append(CacheEvent(revision, version(revision), None))

    assert [event.revision for event in ring.since(1, 2)] == [2, 3, 3, 3]


def test_event_ring_is_bounded_in_bytes() -> None:
    ring = EventRing(1000, floor=10, bytes_max=1000)
    for revision in range(11, 111):
        obj = CachedObject(b"/p/a", "ns", labels={}, fields=(), revision=revision, bare=b"x" * 40)
        ring.append(CacheEvent(revision, obj, None))

        assert ring.bytes_held == 40 * len(ring) <= 1000
        assert len(ring.since(ring.floor, 100)) == len(ring)

    assert len(ring) >= 1000 * 3 // 4 // 40


def test_event_ring_keeps_the_newest_event_however_big() -> None:
    ring = EventRing(1000, floor=10, bytes_max=10)
    for revision in (11, 12):
        obj = CachedObject(b"/p/a", "ns", labels={}, fields=(), revision=revision, bare=b"x" * 40)
        ring.append(CacheEvent(revision, obj, None))

    assert [event.revision for event in ring.since(11, 9)] == [12]


def test_predicate_reads_only_objects_whose_bytes_hold_what_is_asked_for() -> None:
    read: list[int] = []

    def from_bytes(obj: CachedObject) -> tuple[Mapping[str, str], tuple[str, ...]]:
        read.append(obj.revision)
        return {"app": "yes"}, (obj.bare.decode(),)

    def event(revision: int, bare: bytes) -> CachedObject:
        return CachedObject(b"/e/ns/a", "ns", labels=None, fields=(), revision=revision, bare=bare)

    selection = Selection(
        "ns", "app=yes", "reason=Pulled", parse_labels("app=yes"), parse_fields("reason=Pulled")
    )
    selects = Predicate(selection, ("reason",), from_bytes)

    told = [
        selects(each)
        for each in (event(1, b"Pulled"), event(2, b"Started"), event(3, b"not Pulled"))
    ]
    assert told == [True, False, False]
    assert read == [1, 3]
    assert Predicate(Selection("ns"), ("reason",), from_bytes)(event(4, b""))
    assert not Predicate(Selection("other"), ("reason",), from_bytes)(event(5, b""))
    assert read == [1, 3]
