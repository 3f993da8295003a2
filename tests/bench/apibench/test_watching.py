"""Watchers: every mark is seen however the stream is cut, and each fault of a stream is told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.apibench.marks import MARK_BYTES, PREFIX, mark, read_mark
from bench.apibench.watching import Deliveries, Scanner, Selection, Witness, check_order
from serialization.api.core.v1_pb2 import Pod, PodStatus
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS

POD = TypeMeta("v1", "Pod")


class FixedClock:
    """A clock that stands still."""

    def stamp_ns(self) -> int:
        return 5_000


def _deliveries() -> Deliveries:
    return Deliveries(FixedClock())  # type: ignore[arg-type]  # only its stamps are asked for


def _stream(marks: Sequence[bytes], gaps: Sequence[int]) -> bytes:
    filler = b"kdy" * 40
    return b"".join(filler[: gaps[i % len(gaps)]] + m for i, m in enumerate(marks)) + b"kdyn"


def _scan(stream: bytes, cuts: Sequence[int], selection: Selection) -> tuple[Scanner, Deliveries]:
    deliveries = _deliveries()
    scanner = Scanner(selection, deliveries)
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for first, last in pairwise(bounds):
        scanner.now = 5_000
        scanner.take(stream[first:last])
    return scanner, deliveries


def test_a_mark_is_read_as_it_was_written() -> None:
    made = mark(1234, 42, 7)

    assert len(made) == MARK_BYTES
    assert read_mark(made[len(PREFIX) :]) == (1234, 42, 7)


CUTS = st.lists(st.integers(0, 5000), max_size=20)


@given(st.integers(0, 30), st.integers(0, 100), CUTS)
def test_every_mark_is_seen_once_however_the_stream_is_cut(
    count: int, gap: int, cuts: list[int]
) -> None:
    marks = [mark(1000 + i, 3, i + 1) for i in range(count)]
    selection = Selection()

    scanner, deliveries = _scan(_stream(marks, [gap]), cuts, selection)

    assert selection.order == [m[len(PREFIX) :] for m in marks]
    assert scanner.seen == count
    assert list(deliveries.latencies) == [4000 - i for i in range(count)]
    assert not deliveries.faults


@given(st.integers(0, 30), st.lists(st.integers(0, 100), min_size=1, max_size=4), CUTS)
@example(count=5, gaps=[0, 0, MARK_BYTES], cuts=[])
def test_a_mark_that_is_passed_over_is_missing_in_the_count(
    count: int, gaps: list[int], cuts: list[int]
) -> None:
    """Events of unequal length: a jump may pass over a mark, and nothing makes up for it."""
    marks = [mark(1000 + i, 3, i + 1) for i in range(count)]
    selection = Selection()

    scanner, _ = _scan(_stream(marks, gaps), cuts, selection)

    bodies = [m[len(PREFIX) :] for m in marks]
    assert scanner.seen == len(selection.order) <= count
    assert selection.order == [body for body in bodies if body in set(selection.order)]


@pytest.mark.parametrize("cut", range(200))
def test_a_stream_cut_at_any_byte_is_read_alike(cut: int) -> None:
    marks = [mark(1, 1, 1), mark(2, 1, 2), mark(3, 1, 3)]

    scanner, _ = _scan(_stream(marks, [25]), [cut], Selection())

    assert scanner.seen == 3


def test_a_stream_of_single_bytes_is_read_alike() -> None:
    marks = [mark(1, 1, 1), mark(2, 1, 2)]
    stream = _stream(marks, [3])

    scanner, _ = _scan(stream, range(len(stream)), Selection())

    assert scanner.seen == 2


def test_a_watcher_that_sees_something_else_than_the_others_is_told() -> None:
    selection = Selection()
    _scan(_stream([mark(1, 1, 1), mark(2, 1, 2)], [9]), [], selection)

    _, deliveries = _scan(_stream([mark(1, 1, 1), mark(3, 1, 3)], [9]), [], selection)

    assert deliveries.faults == {"events that differ from those of other watchers": 1}


@pytest.mark.parametrize(
    ("sequences", "fault"),
    [
        ([1, 2, 3], ""),
        ([1, 3], "missing: pod 7 writes 2 to 2"),
        ([1, 2], "missing: pod 7 writes 3 to 3"),
        ([], "missing: pod 7 writes 1 to 3"),
        ([1, 2, 2, 3], "doubled or disordered: pod 7 write 2 after 2"),
        ([1, 3, 2], "doubled or disordered: pod 7 write 2 after 3"),
    ],
)
def test_order_of_a_pod_s_writes_is_judged(sequences: list[int], fault: str) -> None:
    selection = Selection()
    selection.order = [mark(0, 7, each)[len(PREFIX) :] for each in sequences]

    found = list(check_order(selection, {7: 3}))

    assert (fault in found) if fault else found == []


def test_events_of_a_pod_that_nobody_wrote_are_told() -> None:
    selection = Selection()
    selection.order = [mark(0, 9, 1)[len(PREFIX) :]]

    assert list(check_order(selection, {})) == ["unexpected: pod 9"]


def test_deliveries_are_counted_between_two_moments() -> None:
    deliveries = _deliveries()
    deliveries.latencies.extend([10, 11, 12, 13, 14])
    deliveries.batches = [(100, 1), (200, 3), (300, 4), (400, 5)]

    assert list(deliveries.between(150, 350)) == [11, 12, 13]
    assert list(deliveries.between(0, 1000)) == [10, 11, 12, 13, 14]
    assert list(deliveries.between(401, 1000)) == []


@pytest.mark.parametrize("name", ["orjson", "protobuf"])
def test_the_witness_reads_whole_events(name: str) -> None:
    codec, deliveries = CODECS[name], _deliveries()
    pods = [Pod(status=PodStatus(message=mark(1, 1, i).decode())) for i in (1, 2)]
    stream = b"".join(codec.frame("MODIFIED", codec.encode(POD, pod)) for pod in pods)
    witness = Witness(codec, deliveries)

    for at in range(0, len(stream), 10):
        witness.take(stream[at : at + 10])

    assert witness.seen == 2
    assert not deliveries.faults


@pytest.mark.parametrize(
    ("event", "message", "fault"),
    [
        ("MODIFIED", "", "MODIFIED events with 0 marks"),
        ("MODIFIED", (mark(1, 1, 1) * 2).decode(), "MODIFIED events with 2 marks"),
        ("DELETED", mark(1, 1, 1).decode(), "DELETED events with 1 marks"),
    ],
)
def test_the_witness_tells_events_that_nobody_caused(event: str, message: str, fault: str) -> None:
    codec, deliveries = CODECS["orjson"], _deliveries()
    pod = Pod(status=PodStatus(message=message))

    Witness(codec, deliveries).take(codec.frame(event, codec.encode(POD, pod)))

    assert deliveries.faults == {fault: 1}
