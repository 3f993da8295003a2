"""What the ledger keeps at hand of the newest states."""

from __future__ import annotations

from storage.engine.ledger import RECENT_BYTES_MAX, RECENT_MAX, RecentStates
from storage.records import KeyValue


def state(key: bytes, revision: int, value: bytes = b"v") -> KeyValue:
    return KeyValue(key, value, revision, revision, 1)


def test_newest_state_of_a_key_is_kept_and_a_deleted_key_is_not() -> None:
    recent = RecentStates()
    recent.take({b"a": state(b"a", 2), b"b": state(b"b", 3)})
    recent.take({b"a": state(b"a", 4), b"b": None, b"c": None})

    assert recent.get(b"a") == state(b"a", 4)
    assert recent.get(b"b") is None
    assert recent.get(b"c") is None


def test_oldest_written_is_forgotten_beyond_the_number() -> None:
    recent = RecentStates()
    keys = [b"%d" % number for number in range(RECENT_MAX)]
    recent.take({key: state(key, 2) for key in keys})
    recent.take({keys[0]: state(keys[0], 3)})
    recent.take({b"new": state(b"new", 4)})

    assert recent.get(keys[0]) == state(keys[0], 3)
    assert recent.get(keys[1]) is None
    assert recent.get(b"new") is not None


def test_oldest_written_is_forgotten_beyond_the_bytes() -> None:
    recent = RecentStates()
    big = bytes(RECENT_BYTES_MAX // 2)
    recent.take({b"a": state(b"a", 2, big), b"b": state(b"b", 3, big)})
    recent.take({b"c": state(b"c", 4)})
    recent.take({b"d": state(b"d", 5, bytes(RECENT_BYTES_MAX + 1))})

    assert [recent.get(key) for key in (b"a", b"b", b"c", b"d")] == [None] * 4


def test_what_is_written_again_is_counted_once() -> None:
    recent = RecentStates()
    big = bytes(RECENT_BYTES_MAX // 2)
    for revision in range(2, 12):
        recent.take({b"a": state(b"a", revision, big)})

    assert recent.get(b"a") == state(b"a", 11, big)
