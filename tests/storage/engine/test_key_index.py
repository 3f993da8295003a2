"""The key index: the worked example of its header, and random histories against the model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.engine.key_index import KeyIndex, Point, prefix_end, row_of, shared_row

WORKED = [
    (b"a", (2, 2, 1)),
    (b"a", (3, 2, 2)),
    (b"b", (4, 4, 1)),
    (b"a", (5, 2, 0)),
    (b"a", (6, 6, 1)),
]


def worked_example() -> KeyIndex:
    index = KeyIndex()
    for key, point in WORKED:
        index.put(key, point)
    return index


def test_worked_example_reads() -> None:
    index = worked_example()

    assert index.at(b"a", 3) == (3, 2, 2)
    assert index.at(b"a", 5) is None
    assert index.at(b"b", 3) is None
    assert index.newest(b"a") == (6, 6, 1)
    assert (index.last, len(index)) == (6, 2)


def test_worked_example_compacts_at_3() -> None:
    index = worked_example()
    assert index.superseded(3) == [2]

    index.compact(3)

    assert index.at(b"a", 3) == (3, 2, 2)
    assert list(index.writes(3, 6)) == [(4, b"b"), (5, b"a"), (6, b"a")]
    assert index.superseded(5) == [3, 5]


def test_worked_example_compacts_at_5() -> None:
    index = worked_example()
    assert index.superseded(5) == [2, 3, 5]

    index.compact(5)

    assert list(index.writes(5, 6)) == [(6, b"a")]
    assert index.wrote(6) == [(b"a", (6, 6, 1), None)]
    assert index.at(b"b", 5) == (4, 4, 1)


def test_wrote_names_the_point_that_was_replaced() -> None:
    index = worked_example()

    assert index.wrote(3) == [(b"a", (3, 2, 2), (2, 2, 1))]
    assert index.wrote(5) == [(b"a", (5, 2, 0), (3, 2, 2))]
    assert index.wrote(6) == [(b"a", (6, 6, 1), None)]


def test_compaction_forgets_a_deleted_key() -> None:
    index = KeyIndex()
    index.put(b"a", (2, 2, 1))
    index.put(b"a", (3, 2, 0))

    index.compact(3)

    assert index.newest(b"a") is None
    assert list(index.keys_from(b"", b"")) == []
    assert index.last == 3


def test_prefix_end_is_the_first_key_behind() -> None:
    cases = {b"": None, b"a": b"b", b"a/": b"a0", b"a\xff": b"b", b"\xff": None, b"\xff\xff": None}
    assert {prefix: prefix_end(prefix) for prefix in cases} == cases


KEYS = [b"a", b"aa", b"ab", b"b", b"b\xff", b"\xff"]


def test_shared_revision_by_hand() -> None:
    index = KeyIndex()
    row = shared_row(3, 1)
    index.put(b"a", (2, 2, 1))
    index.put(b"a", (3, 2, 2))
    index.put(b"b", (3, 3, 1, row))
    index.put(b"a", (3, 2, 0, shared_row(3, 2)))
    index.put(b"b", (4, 3, 2))

    assert index.last == 4
    assert list(index.writes(2, 4)) == [(3, [b"a", b"b", b"a"]), (4, b"b")]
    assert index.wrote(3) == [
        (b"a", (3, 2, 2), (2, 2, 1)),
        (b"b", (3, 3, 1, row), None),
        (b"a", (3, 2, 0, shared_row(3, 2)), (3, 2, 2)),
    ]
    assert index.at(b"a", 3) is None
    assert index.superseded(3) == [2, 3, shared_row(3, 2)]
    index.compact(3)
    assert index.superseded(4) == [row]
    assert index.at(b"b", 3) == (3, 3, 1, row)


@given(
    groups=st.lists(
        st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=3),
        max_size=25,
    ),
    cut=st.floats(0, 1),
)
def test_index_answers_as_a_replay_does(groups: list[list[tuple[bytes, bool]]], cut: float) -> None:
    index, history = KeyIndex(), list[tuple[bytes, Point]]()
    for revision, picks in enumerate(groups, start=2):
        for place, (key, delete) in enumerate(picks):
            past = index.newest(key)
            live = past is not None and past[2] > 0
            point = _next_point(revision, past if live else None, delete=delete and live)
            point = (*point[:3], shared_row(revision, place)) if place else point
            index.put(key, point)
            history.append((key, point))
    compacted = 1 + round(cut * len(groups))
    gone = index.superseded(compacted)
    assert len(set(gone)) == len(gone)

    index.compact(compacted)

    kept = [(key, point) for key, point in history if row_of(point) not in gone]
    restored = KeyIndex.restore(kept, compacted)
    for revision in range(compacted, index.last + 1):
        state = {key: point for key, point in history if point[0] <= revision}
        live_keys = sorted(key for key, point in state.items() if point[2])
        for prefix in (b"", b"a", b"b", b"\xff"):
            expected = [key for key in live_keys if key.startswith(prefix)]
            for subject in (index, restored):
                assert _live_at(subject, prefix, revision) == expected
                assert subject.count_at(prefix, b"", revision) == len(expected)
                beyond = [key for key in expected if key > b"aa"]
                assert subject.count_at(prefix, b"aa", revision) == len(beyond)
        between = [key for key in live_keys if b"aa" <= key < b"b\xff"]
        assert index.count_between_at(b"aa", b"b\xff", revision) == len(between)
        needed = {row_of(state[key]) for key in live_keys}
        assert not needed & set(gone), "compaction dropped what is still read"
    assert (index._older, index._newest) == (restored._older, restored._newest)
    assert len(index) == len(restored) == len(_live_at(index, b"", index.last))
    _told_again(index, history, compacted)
    _told_again(restored, history, compacted)


def _told_again(index: KeyIndex, history: list[tuple[bytes, Point]], compacted: int) -> None:
    """Check the log, and what each revision is said to have written and replaced."""
    told = [each for at in range(compacted + 1, index.last + 1) for each in index.wrote(at)]
    assert [each[:2] for each in told] == [each for each in history if each[1][0] > compacted]
    state = {key: point for key, point in history if point[0] <= compacted}
    for key, point, past in told:
        before = state.get(key)
        assert past == (before if before is not None and before[2] else None)
        state[key] = point
    for revision, logged in index.writes(compacted, index.last):
        keys = [logged] if isinstance(logged, bytes) else logged
        assert keys == [key for key, point in history if point[0] == revision]
    for key in index.keys_from(b"", b""):
        points = [point for name, point in history if name == key and point[0] > compacted]
        live = index.at(key, compacted)
        assert index.kept(key, compacted, index.last) == ([live] if live else []) + points


def _next_point(revision: int, past: Point | None, *, delete: bool) -> Point:
    if past is None:
        return revision, revision, 1
    return revision, past[1], 0 if delete else past[2] + 1


def _live_at(index: KeyIndex, prefix: bytes, revision: int) -> list[bytes]:
    return [key for key in index.keys_from(prefix, b"") if index.at(key, revision) is not None]
