"""Watch streams without a transport: what each promise means, then random histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.api.etcd.rpc_pb2 import WatchCreateRequest
from storage.records import Batch, Change
from storage.serve.etcd3.watch_events import (
    KEPT_BYTES_MAX,
    EventEncoder,
    Responses,
    Told,
)
from storage.serve.etcd3.watch_streams import (
    DUPLICATE,
    EMPTY_RANGE,
    StreamLimits,
    WatchStream,
)
from tests.storage.serve.span_source import SpanSource, Write
from tests.storage.serve.watch_client import WatchClient

SMALL = StreamLimits(bound_bytes=600, response_bytes=200, fragment_bytes=100)


def client(limits: StreamLimits | None = None, source: SpanSource | None = None) -> WatchClient:
    source = source or SpanSource()
    stream = WatchStream(
        source,
        EventEncoder(),
        Responses(Told(cluster_id=7, member_id=8, term=2)),
        limits=limits or StreamLimits(),
        wake=lambda: None,
    )
    return WatchClient(source, stream)


def put(*keys: bytes) -> list[list[Write]]:
    return [[Write(key, b"v-" + key) for key in keys]]


def test_created_comes_first_and_carries_the_present_revision() -> None:
    watching = client()
    watching.source.write(put(b"a"))

    watching.create(WatchCreateRequest(key=b"a"))
    watching.source.write(put(b"a"))

    created, told = watching.read(9)
    assert created.created
    assert (created.watch_id, created.header.revision, len(created.events)) == (0, 2, 0)
    assert (created.header.cluster_id, created.header.member_id, created.header.raft_term) == (
        7,
        8,
        2,
    )
    assert [event.kv.mod_revision for event in told.events] == [3]


def test_watch_ids_are_picked_or_given_and_never_doubled() -> None:
    watching = client()

    for watch_id in (0, 1, 0, 7, 7):
        watching.create(WatchCreateRequest(key=b"a", watch_id=watch_id))

    watching.read(9)
    assert sorted(watching.logs) == [0, 1, 2, 7]
    assert watching.refusals == [DUPLICATE]


@pytest.mark.parametrize(("key", "end"), [(b"b", b"a"), (b"b", b"b"), (b"", b"\0\0"[:0] + b"\0")])
def test_a_range_without_keys_is_refused(key: bytes, end: bytes) -> None:
    watching = client()

    watching.create(WatchCreateRequest(key=key, range_end=end))

    watching.read(9)
    assert watching.refusals == ([] if end == b"\0" else [EMPTY_RANGE])


def test_a_compacted_start_is_created_then_canceled_with_the_compact_revision() -> None:
    watching = client()
    for _ in range(5):
        watching.source.write(put(b"a"))
    watching.source.compact(4)

    watching.create(WatchCreateRequest(key=b"a", start_revision=3))
    watching.source.step()

    created, canceled = watching.read(9)
    assert created.created
    assert created.header.revision == 6
    assert canceled.canceled
    assert (canceled.compact_revision, canceled.header.revision) == (4, 0)
    assert len(watching.stream) == 0


def test_a_watch_from_revision_one_sees_all_of_a_store_that_was_never_compacted() -> None:
    watching = client()
    watching.source.write(put(b"a"))

    watching.create(WatchCreateRequest(key=b"a", start_revision=1))
    watching.settle()

    assert [event[0] for event in watching.logs[0].events] == [2]


def test_progress_waits_for_the_watch_that_replays() -> None:
    watching = client()
    for _ in range(8):
        watching.source.write(put(b"a"))
    watching.create(WatchCreateRequest(key=b"b"))
    watching.create(WatchCreateRequest(key=b"a", start_revision=2))
    watching.read(9)

    watching.ask_progress()
    watching.ask_progress()

    watching.source.step()
    watching.read(9)
    assert watching.progress == []
    watching.settle()
    assert watching.progress == [9]
    assert len(watching.logs[1].events) == 8


def test_progress_is_told_at_once_where_all_is_told() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a"))
    watching.source.write(put(b"a"))
    watching.source.write(put(b"b"))

    watching.ask_progress()

    created, told, progress = watching.read(9)
    assert created.created
    assert told.header.revision == 2
    assert (progress.watch_id, progress.header.revision) == (-1, 3)


def test_progress_is_not_told_before_a_watch_begins() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a", start_revision=4))
    watching.ask_progress()

    watching.read(9)
    assert watching.progress == []
    for _ in range(3):
        watching.source.write(put(b"b"))
    watching.source.mark()
    watching.read(9)

    assert watching.progress == [4]


def test_progress_is_not_told_between_the_watches_of_one_group() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a"))
    watching.create(WatchCreateRequest(key=b"b"))
    watching.create(WatchCreateRequest(key=b"c", start_revision=3))
    watching.ask_progress()
    watching.read(9)

    watching.source.write(put(b"a", b"b"))

    assert [response.watch_id for response in watching.read(9)] == [0, 1, -1]


def test_progress_notices_go_to_quiet_watches_that_asked_for_them() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a", progress_notify=True))
    watching.create(WatchCreateRequest(key=b"b", progress_notify=True))
    watching.create(WatchCreateRequest(key=b"c"))
    watching.source.write(put(b"a"))

    watching.stream.notify()
    watching.read(9)
    assert watching.notices == [(1, 2)]
    watching.stream.notify()
    watching.read(9)

    assert watching.notices == [(1, 2), (0, 2), (1, 2)]


def test_a_cancelled_watch_is_told_nothing_more() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a"))
    watching.read(1)
    watching.source.write(put(b"a"))

    watching.cancel(0)
    watching.cancel(5)
    watching.source.write(put(b"a"))

    (canceled,) = watching.read(9)
    assert canceled.canceled
    assert canceled.header.revision == 2
    assert watching.stream.pending_bytes == 0


def test_revisions_are_joined_while_the_client_is_slow() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a", range_end=b"c"))
    watching.read(1)

    watching.source.write(put(b"a", b"b"))
    watching.source.write(put(b"a"))

    (told,) = watching.read(9)
    assert [event.kv.mod_revision for event in told.events] == [2, 2, 3]
    assert told.header.revision == 3


def test_a_large_revision_is_split_into_fragments_where_allowed() -> None:
    watching = client(StreamLimits(fragment_bytes=100))
    watching.create(WatchCreateRequest(key=b"a", range_end=b"z", fragment=True))
    watching.create(WatchCreateRequest(key=b"a", range_end=b"z"))
    watching.read(2)

    watching.source.write([[Write(b"k%d" % n, bytes(30)) for n in range(5)]])

    responses = watching.read(9)
    assert [(r.watch_id, r.fragment, len(r.events)) for r in responses] == [
        (0, True, 2),
        (0, True, 2),
        (0, False, 1),
        (1, False, 5),
    ]
    assert watching.stream.pending_bytes == 0


def test_an_event_is_encoded_once_for_all_watches_of_a_flavour() -> None:
    source = SpanSource()
    encoder = EventEncoder()
    told = Responses(Told(cluster_id=7, member_id=8, term=2))
    streams = [
        WatchStream(source, encoder, told, limits=StreamLimits(), wake=lambda: None)
        for _ in range(3)
    ]
    for stream in streams:
        watching = WatchClient(source, stream)
        for end in (b"b", b"c", b"d"):
            watching.create(WatchCreateRequest(key=b"a", range_end=end))
            watching.create(WatchCreateRequest(key=b"a", range_end=end, prev_kv=True))

    source.write(put(b"a"))

    assert encoder.encoded == 2


def test_histories_that_end_at_one_revision_are_not_all_kept() -> None:
    encoder = EventEncoder()
    for _ in range(20):  # each watch's own replay: changes that nobody else is told of
        change = Change(b"key", bytes(1 << 20), 7, 7, None, 1)
        assert encoder.frames(Batch(7, (change,)), 0).size > 1 << 20

    assert encoder.kept_bytes <= KEPT_BYTES_MAX + (2 << 20)
    encoder.frames(Batch(8, (Change(b"key", b"v", 8, 7, None, 2),)), 0)
    assert encoder.kept_bytes < 100


def test_a_client_that_does_not_read_is_bounded_and_told_all_when_it_reads() -> None:
    watching = client(SMALL)
    watching.create(WatchCreateRequest(key=b"a", range_end=b"z"))
    watching.create(WatchCreateRequest(key=b"b"))

    for n in range(100):
        watching.source.write([[Write(b"a", b"%d" % n)], [Write(b"b", b"%d" % n)]])
        watching.source.step()
        assert watching.stream.pending_bytes < SMALL.bound_bytes + 200

    assert watching.stream.parked_count > 0
    watching.settle()
    for log in watching.logs.values():
        assert log.events == watching.expected(log, watching.source.revision)
    assert watching.stream.pending_bytes == 0


def test_a_parked_watch_whose_history_is_gone_is_canceled() -> None:
    watching = client(SMALL)
    watching.create(WatchCreateRequest(key=b"a"))
    for n in range(100):
        watching.source.write([[Write(b"a", b"%d" % n)]])
    watching.source.compact(99)

    watching.settle()

    (log,) = watching.ended
    assert log.compact_revision == 99
    assert log.events == watching.expected(log, log.events[-1][0])


def test_closing_ends_every_subscription() -> None:
    watching = client()
    watching.create(WatchCreateRequest(key=b"a"))

    watching.stream.close()

    assert not any(each.live for each in watching.source.subscriptions)
    assert watching.read(9) == []


KEYS = st.sampled_from([b"a", b"b", b"ba", b"c"])
VALUES = st.one_of(st.none(), st.binary(max_size=60))
WRITES = st.lists(st.builds(Write, KEYS, VALUES), min_size=1, max_size=4)
CREATES = st.builds(
    WatchCreateRequest,
    key=KEYS,
    range_end=st.sampled_from([b"", b"\0", b"bb", b"z"]),
    start_revision=st.integers(0, 12),
    progress_notify=st.booleans(),
    filters=st.lists(st.sampled_from([0, 1]), max_size=1),
    prev_kv=st.booleans(),
    watch_id=st.sampled_from([0, 0, 0, 3]),
    fragment=st.booleans(),
)
STEPS = st.one_of(
    st.tuples(st.just("write"), st.lists(WRITES, min_size=1, max_size=3)),
    st.tuples(st.just("create"), CREATES),
    st.tuples(st.just("cancel"), st.integers(0, 4)),
    st.tuples(st.just("read"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["progress", "notify", "step", "mark"]), st.none()),
    st.tuples(st.just("compact"), st.integers(1, 12)),
)


def play(watching: WatchClient, step: tuple[str, object]) -> None:
    match step:
        case ("write", list() as groups):
            watching.source.write(groups)
        case ("create", WatchCreateRequest() as request):
            watching.create(request)
        case ("cancel", int() as watch_id):
            watching.cancel(watch_id)
        case ("read", int() as limit):
            watching.read(limit)
        case ("compact", int() as revision):
            watching.source.compact(revision)
        case ("progress", _):
            watching.ask_progress()
        case ("notify", _):
            watching.stream.notify()
        case ("step", _):
            watching.source.step()
        case ("mark", _):
            watching.source.mark()


@pytest.mark.slow
@given(st.lists(STEPS, max_size=60))
def test_random_histories_are_told_whole_in_order_and_once(steps: list[tuple[str, object]]) -> None:
    watching = client(SMALL)

    for step in steps:
        play(watching, step)
        assert watching.stream.pending_bytes >= 0
    watching.settle()

    for log in watching.logs.values():
        assert log.events == watching.expected(log, watching.source.revision)
    for log in watching.ended:
        upto = log.events[-1][0] if log.events else 0
        assert log.events == watching.expected(log, upto)
    assert watching.stream.pending_bytes == 0
