"""etcdctl 3 on a served engine: maintenance, members, snapshots that a real etcd serves."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc import aio

from serialization.api.etcd.rpc_pb2 import WatchCreateRequest, WatchResponse
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.serve.etcdctl import Etcdctl, require_etcdctl, served_process
from tests.storage.serve.served import WatchCall

pytestmark = pytest.mark.slow


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Etcdctl]:
    require_etcdctl()
    with served_process(tmp_path) as served:
        yield Etcdctl(served.url)


def test_status_health_and_hashes(ours: Etcdctl) -> None:
    ours("put", "a", "1")

    status = json.loads(ours("endpoint", "status", "-w", "json").out)[0]["Status"]
    health = ours("endpoint", "health")
    hashes = json.loads(ours("endpoint", "hashkv", "-w", "json").out)[0]["HashKV"]
    first = hashes["hash"]
    ours("put", "a", "2")
    old = json.loads(ours("endpoint", "hashkv", "--rev=2", "-w", "json").out)[0]["HashKV"]

    assert tuple(map(int, status["version"].split("."))) >= (3, 5, 13)
    assert status["leader"] == status["header"]["member_id"]
    assert (status["raftIndex"], status["raftTerm"], status["header"]["revision"]) == (2, 2, 2)
    assert status["dbSize"] >= status["dbSizeInUse"] > 0
    assert "is healthy" in health.err + health.out
    assert hashes["compact_revision"] == -1
    assert old["hash"] == first


def test_members_and_what_cannot_change_them(ours: Etcdctl) -> None:
    listed = json.loads(ours("member", "list", "-w", "json").out)
    added = ours("member", "add", "other", "--peer-urls=http://127.0.0.1:1")
    moved = ours("move-leader", "1234")

    (member,) = listed["members"]
    assert member["name"] == "default"
    assert member["clientURLs"] == [ours.endpoint]
    assert added.code != 0
    assert "unknown method MemberAdd for service etcdserverpb.Cluster" in added.err
    assert moved.code != 0
    assert "bad leader transferee" in moved.err


def test_alarms_are_listed_and_disarmed(ours: Etcdctl) -> None:
    assert ours("alarm", "list").out == ""
    assert ours("alarm", "disarm").code == 0
    assert "Finished defragmenting" in ours("defrag").out


def write_history(etcdctl: Etcdctl) -> str:
    """Write keys, deletes, a transaction, a lease, and compact; return the lease's id."""
    lease = etcdctl("lease", "grant", "4000").out.split()[1]
    for n in range(30):
        etcdctl("put", f"k/{n % 7}", f"{n}-" + "x" * (n * 400))
    etcdctl("del", "k/3")
    etcdctl("put", "leased", "v", f"--lease={lease}")
    etcdctl("txn", stdin="\n\nput t/a 1\nput t/b 2\ndel k/5\n\n\n")
    etcdctl("compact", "20")
    etcdctl("put", "k/1", "after")
    etcdctl("del", "k/2")
    return lease


def restore(snapshot: Path, cluster: EtcdCluster, data_dir: Path) -> Etcdctl:
    """Let a member go on from a snapshot instead of what it has."""
    (member,) = cluster.members
    member.kill()
    shutil.rmtree(data_dir)
    peer = f"http://127.0.0.1:{member.place.peer}"
    done = Etcdctl("unused")(
        *("snapshot", "restore", str(snapshot), "--data-dir", str(data_dir)),
        *("--name", member.name, "--initial-cluster", f"{member.name}={peer}"),
        *("--initial-advertise-peer-urls", peer),
    )
    assert done.code == 0, done.err
    asyncio.run(cluster.restart(member))
    return Etcdctl(f"http://{member.endpoint}")


def test_a_real_etcd_serves_a_snapshot_as_it_was(
    ours: Etcdctl,
    start_etcd: StartEtcd,  # noqa: F811  # the fixture
    tmp_path: Path,
) -> None:
    lease = write_history(ours)
    snapshot = tmp_path / "snapshot.db"

    saved = ours("snapshot", "save", str(snapshot))
    status = json.loads(ours("snapshot", "status", str(snapshot), "-w", "json").out)
    cluster = start_etcd(EtcdOptions())
    real = restore(snapshot, cluster, tmp_path / "cluster0" / cluster.members[0].name)

    assert saved.code == 0, saved.err
    revision = status["revision"]
    everything = ("get", "", "--prefix", "-w", "json")
    for words in (everything, *((*everything, f"--rev={n}") for n in range(20, revision + 1))):
        here, there = (json.loads(to(*words).out) for to in (ours, real))
        assert here["kvs"] == there["kvs"]
        assert here["header"]["revision"] == there["header"]["revision"] == revision
    assert "compacted" in real("get", "k/1", "--rev=19").error
    told = real("lease", "timetolive", lease, "--keys").out
    assert "granted with TTL(4000s)" in told
    assert "attached keys([leased])" in told
    assert real("put", "new", "v").code == 0


def test_the_interval_of_progress_notices_is_a_flag(tmp_path: Path) -> None:
    require_etcdctl()
    flag = "--experimental-watch-progress-notify-interval=50ms"
    with served_process(tmp_path, flag) as served:
        notice = asyncio.run(first_notice(served.target))

    assert (notice.watch_id, notice.created, notice.header.revision) == (0, False, 1)


async def first_notice(target: str) -> WatchResponse:
    """Return what a quiet watch is told first after its creation."""
    async with aio.insecure_channel(target) as channel:
        watch = WatchCall(channel)
        await watch.create(WatchCreateRequest(key=b"a", progress_notify=True))
        told = await watch.read()
        await watch.end()
    return told
