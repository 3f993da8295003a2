"""The heap of deadlines."""

from __future__ import annotations

from storage.engine.backend import Lease
from storage.engine.expiry import SLACK, Expiry


def test_due_leases_come_out_earliest_first() -> None:
    leases = [Lease(b"b", 3, 300), Lease(b"a", 2, 100), Lease(b"c", 4, 200)]
    expiry = Expiry(leases)

    assert expiry.next_ms() == 100
    assert [lease.key for lease in expiry.due(200, 10)] == [b"a", b"c"]
    assert expiry.due(299, 10) == []
    assert len(expiry) == 1


def test_due_takes_no_more_than_the_limit() -> None:
    expiry = Expiry(Lease(b"%d" % number, number, 100) for number in range(5))

    assert [len(expiry.due(100, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_renewed_lease_ends_at_its_new_deadline() -> None:
    expiry = Expiry([Lease(b"a", 2, 100)])
    expiry.grant(Lease(b"a", 3, 200))

    assert expiry.due(150, 10) == []
    assert expiry.due(200, 10) == [Lease(b"a", 3, 200)]


def test_forgotten_lease_does_not_end() -> None:
    expiry = Expiry([Lease(b"a", 2, 100), Lease(b"b", 3, 200)])
    expiry.forget(b"a")
    expiry.forget(b"none")

    assert expiry.next_ms() == 200
    assert expiry.due(1000, 10) == [Lease(b"b", 3, 200)]
    assert expiry.next_ms() is None


def test_heap_stays_bounded_when_leases_are_renewed() -> None:
    expiry = Expiry()

    for revision in range(20 * SLACK):
        expiry.grant(Lease(b"a", revision, revision))

    assert len(expiry._heap) <= SLACK + 2
    assert expiry.due(10**9, 10) == [Lease(b"a", 20 * SLACK - 1, 20 * SLACK - 1)]
