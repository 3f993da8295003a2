"""What an opening makes of what is left: torn tails, damage, snapshots, directories of others."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from serialization.api.etcd import log_pb2 as pb
from storage.clock import SystemClock
from storage.errors import ReadOnlyError, StoreError, StoreOpenError
from storage.etcd2.engine import Etcd2Engine
from storage.etcd2.journal.member import SOLE
from storage.etcd2.journal.records import Kind, framed, head, read_records
from storage.etcd2.journal.v3_database import empty_database
from storage.etcd2.model import Event, Method, Request
from storage.etcd2.opening import etcd2_engine
from storage.virtual_time import VirtualClock, run_virtual


def engine_at(path: Path, *, snapshot_each: int = 10_000, segment: int = 1 << 20) -> Etcd2Engine:
    return etcd2_engine(
        path,
        clock=SystemClock(),
        sync=False,
        inline_commits=True,
        snapshot_each=snapshot_each,
        segment_bytes=segment,
    )


def put(number: int, value: str = "v") -> Request:
    return Request(Method.PUT, f"/1/k/{number % 50}", value * 20)


async def written(engine: Etcd2Engine, requests: Sequence[Request]) -> list[Event]:
    async with engine:
        return [await engine.do(request) for request in requests]


async def shown(engine: Etcd2Engine) -> tuple[int, Event, Sequence[Event]]:
    """Return index, all clients' keys, and the history."""
    async with engine:
        whole = engine.get("/1", recursive=True, sort=True)
        return engine.index, whole, engine.history(engine.oldest_index)


def segments(path: Path) -> list[Path]:
    return sorted((path / "member" / "wal").glob("*.wal"))


def snapshots(path: Path) -> list[Path]:
    return sorted((path / "member" / "snap").glob("*.snap"))


def files(path: Path) -> dict[str, bytes]:
    found = {str(each): each.read_bytes() for each in path.rglob("*") if each.is_file()}
    return {name: content for name, content in found.items() if not name.endswith("/lock")}


@pytest.mark.parametrize("snapshot_each", [10_000, 37])
def test_engine_opens_as_it_was_closed(tmp_path: Path, snapshot_each: int) -> None:
    async def states() -> tuple[object, object]:
        engine = engine_at(tmp_path, snapshot_each=snapshot_each, segment=4000)
        async with engine:
            for number in range(1200):
                await engine.do(put(number))
            await engine.do(Request(Method.DELETE, "/1/k/7"))
            await engine.do(Request(Method.PUT, "/1/d", dir=True, expiration_ns=4 * 10**18))
            before = (
                engine.index,
                engine.get("/1", recursive=True, sort=True),
                engine.history(engine.oldest_index),
            )
        return before, await shown(engine_at(tmp_path))

    before, after = asyncio.run(states())

    assert before == after
    assert bool(snapshots(tmp_path)) == (snapshot_each == 37)


def test_first_write_has_the_index_that_it_has_in_a_real_etcd(tmp_path: Path) -> None:
    event = asyncio.run(written(engine_at(tmp_path), [put(0)]))[0]

    assert event.node.modified == 4


def test_snapshots_let_go_of_old_files(tmp_path: Path) -> None:
    asyncio.run(
        written(engine_at(tmp_path, snapshot_each=50, segment=3000), [put(n) for n in range(999)])
    )

    assert len(snapshots(tmp_path)) == 5
    assert len(segments(tmp_path)) <= 9  # five, and those that were filled since


def test_torn_tail_is_cut_off_and_written_over(tmp_path: Path) -> None:
    asyncio.run(written(engine_at(tmp_path), [put(n) for n in range(20)]))
    tail = segments(tmp_path)[-1]
    content = tail.read_bytes()
    tail.write_bytes(content[:-30])

    index, _, _ = asyncio.run(shown(engine_at(tmp_path)))
    event = asyncio.run(written(engine_at(tmp_path), [put(99, "w")]))[0]

    # The last record says how far the log is committed: the entry before it is whole.
    assert index == 23
    assert event.node.modified == 24
    assert asyncio.run(shown(engine_at(tmp_path)))[0] == 24


def test_damage_within_the_log_refuses_to_open_and_changes_nothing(tmp_path: Path) -> None:
    asyncio.run(written(engine_at(tmp_path), [put(n, "x") for n in range(20)]))
    tail = segments(tmp_path)[-1]
    tail.write_bytes(tail.read_bytes().replace(b"x" * 20, b"x" * 19 + b"y", 1))
    before = files(tmp_path)

    with pytest.raises(StoreOpenError, match="is damaged"):
        asyncio.run(shown(engine_at(tmp_path)))

    assert files(tmp_path) == before


def test_damaged_snapshot_leaves_the_one_before(tmp_path: Path) -> None:
    asyncio.run(written(engine_at(tmp_path, snapshot_each=30), [put(n) for n in range(100)]))
    expected = asyncio.run(shown(engine_at(tmp_path)))
    newest = snapshots(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-40])

    assert asyncio.run(shown(engine_at(tmp_path))) == expected


def test_log_without_its_beginning_needs_a_snapshot(tmp_path: Path) -> None:
    asyncio.run(written(engine_at(tmp_path, segment=2000), [put(n) for n in range(100)]))
    segments(tmp_path)[0].unlink()

    with pytest.raises(StoreOpenError, match="begins above index 0"):
        asyncio.run(shown(engine_at(tmp_path)))


@pytest.mark.parametrize("name", ["db.lmdb", "data.mdb", "members.json", "proxy"])
def test_directory_of_another_store_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    with pytest.raises(StoreOpenError, match=f"there is a {name}"):
        asyncio.run(shown(engine_at(tmp_path)))

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_directory_in_use_is_refused(tmp_path: Path) -> None:
    async def twice() -> None:
        async with engine_at(tmp_path):
            await shown(engine_at(tmp_path))

    with pytest.raises(StoreOpenError, match=f"in use by process {os.getpid()}"):
        asyncio.run(twice())


def test_directory_in_use_by_a_real_etcd_is_refused(tmp_path: Path) -> None:
    asyncio.run(written(engine_at(tmp_path), [put(0)]))
    (tmp_path / "lock").unlink()
    with segments(tmp_path)[-1].open("r+b") as held:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, lock)

        with pytest.raises(StoreOpenError, match="in use by a real etcd"):
            asyncio.run(shown(engine_at(tmp_path)))

    assert not (tmp_path / "lock").exists()


def test_real_etcd_is_kept_out_of_whichever_segment_is_written(tmp_path: Path) -> None:
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

    async def check() -> None:
        async with engine_at(tmp_path, segment=1000) as engine:
            for number in range(60):
                with segments(tmp_path)[-1].open("r+b") as tail, pytest.raises(BlockingIOError):
                    fcntl.fcntl(tail, fcntl.F_OFD_SETLK, lock)
                await engine.do(put(number))

    asyncio.run(check())

    assert len(segments(tmp_path)) > 3


def test_member_of_a_larger_cluster_is_refused(tmp_path: Path) -> None:
    wal = tmp_path / "member" / "wal"
    wal.mkdir(parents=True)
    changes = [pb.ConfChange(Type=0, NodeID=each, Context=SOLE.context) for each in (1, 2, 3)]
    entries = [
        pb.Entry(Type=1, Term=1, Index=1 + at, Data=change.SerializeToString())
        for at, change in enumerate(changes)
    ]
    records = [(Kind.METADATA, pb.Identity(NodeID=1, ClusterID=9).SerializeToString())]
    records += [(Kind.ENTRY, entry.SerializeToString()) for entry in entries]
    (wal / f"{0:016x}-{0:016x}.wal").write_bytes(head(0) + framed(records, 0)[0])
    before = files(tmp_path)

    with pytest.raises(StoreOpenError, match="belongs to a cluster of 3 members"):
        asyncio.run(shown(engine_at(tmp_path)))

    assert files(tmp_path) == before
    assert not (tmp_path / "lock").exists()


def test_failed_group_is_cut_off_and_its_indexes_are_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [False]

    def fdatasync(_fd: int) -> None:
        if failing[0]:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    engine = etcd2_engine(tmp_path, clock=VirtualClock(), inline_commits=True)

    async def fail_and_go_on() -> list[int]:
        async with engine:
            indexes = [(await engine.do(put(0, "a"))).node.modified]
            failing[0] = True
            refused = [engine.do(put(n, "lost")) for n in range(3)]
            for each in refused:
                with pytest.raises(ReadOnlyError, match="Input/output error"):
                    await each
            assert engine.index == 4
            assert engine.status().alarm
            with pytest.raises(ReadOnlyError):
                await engine.do(put(5, "lost"))
            await asyncio.sleep(1)
            assert engine.status().alarm
            failing[0] = False
            await asyncio.sleep(10)
            assert engine.status().alarm == ""
            indexes.append((await engine.do(put(6, "b"))).node.modified)
            return indexes

    assert run_virtual(fail_and_go_on()) == [4, 5]
    assert b"lost" not in segments(tmp_path)[-1].read_bytes()
    index, whole, _ = asyncio.run(shown(engine_at(tmp_path)))
    assert index == 5
    assert whole.node.nodes is not None
    assert [leaf.key for leaf in whole.node.nodes[0].nodes or ()] == ["/1/k/0", "/1/k/6"]


def test_failed_snapshot_costs_nothing_but_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(tmp_path, snapshot_each=10)

    def full(*_arguments: object, **_options: object) -> int:
        raise StoreError("no space left on device")

    async def write() -> None:
        async with engine:
            monkeypatch.setattr("storage.etcd2.journal.files.write_snapshot", full)
            for number in range(15):
                await engine.do(put(number))
            monkeypatch.undo()
            assert engine.snapshot_counters().failed == 1
            assert "no space" in engine.snapshot_counters().failure
            assert engine.status().alarm == ""
            for number in range(15):
                await engine.do(put(number))
            assert engine.snapshot_counters().taken == 1

    asyncio.run(write())

    assert asyncio.run(shown(engine_at(tmp_path)))[0] == 33


@pytest.mark.parametrize("theirs", [None, b"a real etcd's"])
def test_database_of_the_third_api_is_put_beside_snapshots_unless_there_is_one(
    tmp_path: Path, theirs: bytes | None
) -> None:
    asyncio.run(written(engine_at(tmp_path), [put(0)]))
    database = tmp_path / "member" / "snap" / "db"
    if theirs is not None:
        database.write_bytes(theirs)

    asyncio.run(written(engine_at(tmp_path, snapshot_each=10), [put(n) for n in range(25)]))

    newest = int(snapshots(tmp_path)[-1].stem[17:], 16)
    assert database.read_bytes() == (theirs or empty_database(newest))


@pytest.mark.slow
def test_log_cut_anywhere_opens_with_the_writes_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "d"
    asyncio.run(written(engine_at(path), [put(n) for n in range(12)]))
    tail = segments(path)[-1]
    content = tail.read_bytes()
    entries = [
        record.end
        for record in read_records(content, None)
        if record.kind == Kind.ENTRY and b"/1/k/" in record.payload
    ]

    for cut in range(entries[0] - 40, len(content), 17):
        tail.write_bytes(content[:cut])
        index, _, _ = asyncio.run(shown(engine_at(path)))
        assert index == 3 + sum(end <= cut for end in entries), cut
