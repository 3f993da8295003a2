"""The disk's model: what a loss of power may leave, and what it may not."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from tests.storage.durability.disk import LOOSE, SECTOR_BYTES, Disk
from tests.storage.durability.recording import Op

PATH = "/d/f"
CREATE = [Op("create", 0, 1, file=1, path=PATH), Op("syncdir", 2, 3, path="/d")]


def write(at: int, payload: bytes, *, offset: int = 0, through: bool = False) -> Op:
    return Op("write", at, at + 1, 1, PATH, offset=offset, payload=payload, through=through)


def sync(at: int) -> Op:
    return Op("sync", at, at + 1, file=1, path=PATH)


def left(ops: Sequence[Op], place: int, loose: str = "dropped", seed: int = 0) -> bytes | None:
    """Return what is left of the file."""
    disk = Disk()
    for op in ops:
        if op.enter < place:
            disk.pass_to(op.enter)
            disk.take(op)
    disk.pass_to(place)
    return disk.image(place, loose, Random(seed)).files.get(PATH)


@pytest.mark.parametrize("loose", LOOSE)
def test_synced_write_is_left_whatever_happens(loose: str) -> None:
    assert left([*CREATE, write(4, b"one"), sync(6)], 8, loose) == b"one"


def test_write_whose_sync_has_not_returned_may_be_lost() -> None:
    ops = [*CREATE, write(4, b"one"), sync(6)]

    assert left(ops, 7) == b""
    assert left(ops, 7, "kept") == b"one"


def test_sync_covers_no_write_that_began_after_it() -> None:
    assert left([*CREATE, write(4, b"one"), sync(6), write(8, b"two")], 20) == b"one"


def test_write_through_is_durable_by_itself_alone() -> None:
    ops = [*CREATE, write(4, b"one", offset=3), write(6, b"two", through=True)]

    assert left(ops, 8) == b"two"
    assert left(ops, 7) == b""


def test_write_through_is_not_covered_by_an_older_write() -> None:
    ops = [*CREATE, write(4, b"one"), write(6, b"two", through=True)]

    assert {left(ops, 8, "some", seed) for seed in range(20)} == {b"two"}


def test_torn_write_is_torn_between_sectors() -> None:
    payload = bytes([1]) * SECTOR_BYTES + bytes([2]) * SECTOR_BYTES
    ops = [*CREATE, write(4, payload, offset=SECTOR_BYTES)]
    contents = [left(ops, 8, "torn", seed) or b"" for seed in range(40)]
    zeros = bytes(SECTOR_BYTES)
    first, second = payload[:SECTOR_BYTES], payload[SECTOR_BYTES:]

    assert set(contents) == {b"", zeros + first, zeros + zeros + second, zeros + payload}


def test_file_is_there_once_its_directory_was_synced() -> None:
    ops = [CREATE[0], write(2, b"one"), sync(4), Op("syncdir", 6, 7, path="/d")]

    assert left(ops, 6) is None
    assert left(ops, 8) == b"one"


def test_renamed_file_has_its_old_name_or_its_new() -> None:
    disk = Disk()
    for op in [*CREATE, Op("rename", 4, 5, file=1, path=PATH, target="/d/g")]:
        disk.pass_to(op.enter)
        disk.take(op)
    disk.pass_to(10)

    names = {tuple(disk.image(10, "some", Random(seed)).files) for seed in range(20)}

    assert names == {(PATH,), ("/d/g",)}


def test_truncated_file_is_cut_and_extended() -> None:
    ops = [*CREATE, write(4, b"one two"), Op("truncate", 6, 7, file=1, offset=3), sync(8)]

    assert left(ops, 10) == b"one"
    assert left([*ops, Op("truncate", 12, 13, file=1, offset=5), sync(14)], 16) == b"one\0\0"


def test_space_taken_lengthens_a_file_and_never_shortens_it() -> None:
    ops = [*CREATE, write(4, b"one"), Op("extend", 6, 7, file=1, offset=5), sync(8)]

    assert left(ops, 10) == b"one\0\0"
    assert left([*ops, Op("extend", 12, 13, file=1, offset=2), sync(14)], 16) == b"one\0\0"
