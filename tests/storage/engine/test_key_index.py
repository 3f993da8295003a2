"""The key index: the worked example of its header, and random histories against the model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.engine.key_index import KeyIndex, Point, prefix_end

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


@given(
    picks=st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=40),
    cut=st.floats(0, 1),
)
def test_index_answers_as_a_replay_does(picks: list[tuple[bytes, bool]], cut: float) -> None:
    index, history = KeyIndex(), []
    for revision, (key, delete) in enumerate(picks, start=2):
        past = index.newest(key)
        live = past is not None and past[2] > 0
        point = _next_point(revision, past if live else None, delete=delete and live)
        index.put(key, point)
        history.append((key, point))
    compacted = 1 + round(cut * len(picks))
    gone = set(index.superseded(compacted))

    index.compact(compacted)

    kept = [(key, point) for key, point in history if point[0] not in gone]
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
        needed = {state[key][0] for key in live_keys}
        assert not needed & gone, "compaction dropped what is still read"
    assert (index._older, index._newest) == (restored._older, restored._newest)
    assert len(index) == len(restored) == len(_live_at(index, b"", index.last))
    assert list(index.writes(compacted, index.last)) == [
        (point[0], key) for key, point in history[compacted - 1 :]
    ]


def _next_point(revision: int, past: Point | None, *, delete: bool) -> Point:
    if past is None:
        return revision, revision, 1
    return revision, past[1], 0 if delete else past[2] + 1


def _live_at(index: KeyIndex, prefix: bytes, revision: int) -> list[bytes]:
    return [key for key in index.keys_from(prefix, b"") if index.at(key, revision) is not None]
