"""The scheduling queue, stepped through time."""

from __future__ import annotations

from cluster.client.interface import ObjectKey
from cluster.scheduler.queue import SchedulingQueue

S = 10**9
A, B = ObjectKey("ns", "a"), ObjectKey("ns", "b")


def test_pods_are_popped_first_come_first_served_and_once() -> None:
    queue = SchedulingQueue()

    added = [queue.add(A, "1"), queue.add(B, "2"), queue.add(A, "1")]

    assert added == [True, True, False]
    assert [queue.pop(), queue.pop(), queue.pop()] == [A, B, None]


def test_popped_pod_is_not_taken_in_again_until_it_failed() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    queue.pop()

    assert not queue.add(A, "1")
    assert queue.pop() is None


def test_pod_recreated_under_its_name_is_taken_in() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    queue.pop()

    assert queue.add(A, "2")
    assert queue.pop() == A


def test_failed_binding_backs_off_doubling_to_a_minute() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    now, waits = 0, []

    for _ in range(8):
        assert queue.pop() == A
        queue.failed(A, "1", now)
        due = queue.next_ns()
        assert due is not None
        queue.advance(due - 1)
        assert queue.pop() is None
        waits.append((due - now) // S)
        now = due
        queue.advance(now)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_unschedulable_pod_waits_for_a_move_and_its_back_off() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    queue.pop()
    queue.unschedulable(A, 0)

    queue.advance(10 * S)
    untouched = queue.pop()
    queue.moved(10 * S)
    late = queue.pop()
    queue.unschedulable(A, 10 * S)
    queue.moved(10 * S)
    early = queue.pop()
    queue.advance(12 * S)

    assert (untouched, late, early, queue.pop()) == (None, A, None, A)


def test_unschedulable_pod_is_tried_again_after_five_minutes() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    queue.pop()
    queue.unschedulable(A, 0)

    queue.advance(300 * S - 1)
    before = queue.pop()
    queue.advance(300 * S)

    assert (before, queue.pop()) == (None, A)


def test_removed_pod_leaves_every_place() -> None:
    queue = SchedulingQueue()
    for key, uid in ((A, "1"), (B, "2")):
        queue.add(key, uid)
        queue.pop()
    queue.failed(A, "1", 0)
    queue.unschedulable(B, 0)

    queue.remove(A)
    queue.remove(B)
    queue.moved(S)
    queue.advance(400 * S)

    assert queue.pop() is None
    assert len(queue) == 0


def test_failure_of_a_pod_that_is_gone_is_ignored() -> None:
    queue = SchedulingQueue()
    queue.add(A, "1")
    queue.pop()
    queue.remove(A)

    queue.failed(A, "1", 0)
    queue.unschedulable(A, 0)

    assert queue.next_ns() is None
