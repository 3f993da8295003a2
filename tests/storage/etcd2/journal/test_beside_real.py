"""Our data directory under a real etcd, and a real one's under our engine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from storage.clock import SystemClock
from storage.etcd2.engine import SYNC_NODES, Etcd2Engine
from storage.etcd2.expiry_timer import REST_S, wall_ns
from storage.etcd2.go_time import parse_time
from storage.etcd2.model import KEYS, Method, Node, Request
from storage.etcd2.opening import etcd2_engine
from storage.virtual_time import VirtualClock, run_virtual
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd

__all__ = ["start_etcd"]

FAR_NS = 4 * 10**18
"""When the keys with a TTL end: not in this test."""

Leaves = dict[str, tuple[str, int, int, int]]
"""(value, created, modified, expiration in ns) by key."""


def engine_at(path: Path, *, snapshot_each: int = 10_000) -> Etcd2Engine:
    return etcd2_engine(path, clock=SystemClock(), sync=False, snapshot_each=snapshot_each)


async def fill(engine: Etcd2Engine) -> tuple[int, Leaves]:
    """Write a bit of everything; return the index and what there is."""
    async with engine:
        for number in range(120):
            path = f"{KEYS}/registry/d{number % 4}/k{number % 11}"
            expires_ns = FAR_NS + number if number % 6 == 0 else 0
            value = f'{{"n":{number},"t":"ü <>&"}}'
            await engine.do(Request(Method.PUT, path, value, expiration_ns=expires_ns))
        await engine.do(Request(Method.POST, f"{KEYS}/queue", "first"))
        await engine.do(Request(Method.PUT, f"{KEYS}/empty", dir=True))
        await engine.do(Request(Method.DELETE, f"{KEYS}/registry/d2", recursive=True))
        return engine.index, leaves_of(engine)


def leaves_of(engine: Etcd2Engine) -> Leaves:
    found: Leaves = {}
    waiting: list[Node] = [engine.get(KEYS, recursive=True).node]
    while waiting:
        node = waiting.pop()
        waiting += node.nodes or ()
        if node.value is not None:
            key = node.key.removeprefix(KEYS)
            found[key] = (node.value, node.created, node.modified, node.expires_ns)
    return found


def asked(
    cluster: EtcdCluster, key: str, method: str = "GET", form: str = ""
) -> tuple[int, dict[str, Any]]:
    """Return the store's index, and what a real etcd answers."""
    url = f"http://{cluster.members[0].endpoint}/v2/keys{key}"
    with urlopen(HttpRequest(url, form.encode() or None, method=method), timeout=30) as answer:
        return int(answer.headers["X-Etcd-Index"]), json.load(answer)


def leaves_at(cluster: EtcdCluster) -> tuple[int, Leaves]:
    index, body = asked(cluster, "/?recursive=true")
    found: Leaves = {}
    waiting = [body["node"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("nodes", ())
        if "value" in node:
            ends = parse_time(node["expiration"]) if "expiration" in node else 0
            found[node["key"]] = (node["value"], node["createdIndex"], node["modifiedIndex"], ends)
    return index, found


@pytest.mark.slow
@pytest.mark.parametrize("snapshot_each", [10_000, 40])
def test_real_etcd_starts_on_our_directory_and_we_on_it_again(
    tmp_path: Path, start_etcd: StartEtcd, snapshot_each: int
) -> None:
    path = tmp_path / "cluster0" / "etcd-1"
    index, leaves = asyncio.run(fill(engine_at(path, snapshot_each=snapshot_each)))

    cluster = start_etcd(EtcdOptions(enable_v2=True))
    real_index, real_leaves = leaves_at(cluster)
    # It tells of itself, and raises the cluster's version.
    assert index < real_index <= index + 2
    assert real_leaves == leaves
    asked(cluster, "/registry/d1/k1", "PUT", "value=theirs")
    cluster.end()

    async def again() -> tuple[int, str | None]:
        async with engine_at(path) as engine:
            return engine.index, engine.get(f"{KEYS}/registry/d1/k1").node.value

    assert asyncio.run(again()) == (index + 3, "theirs")


@pytest.mark.slow
@pytest.mark.parametrize("snapshot_each", [10_000, 40])
def test_etcdctl_backs_our_directory_up_for_a_real_etcd(
    tmp_path: Path, start_etcd: StartEtcd, snapshot_each: int
) -> None:
    ours, backup = tmp_path / "ours", tmp_path / "cluster0" / "etcd-1"
    index, leaves = asyncio.run(fill(engine_at(ours, snapshot_each=snapshot_each)))
    command = ["etcdctl", "backup", "--data-dir", str(ours), "--backup-dir", str(backup)]
    if shutil.which("etcdctl") is None:
        pytest.skip("there is no program 'etcdctl' on PATH (Debian: etcd-client)")
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"ETCDCTL_API": "2"})

    cluster = start_etcd(EtcdOptions(enable_v2=True, extra=("--force-new-cluster",)))
    real_index, real_leaves = leaves_at(cluster)

    # etcdctl leaves out what the member has told of itself: two indexes, if no snapshot has them.
    left_out = 2 if snapshot_each > index else 0
    assert real_leaves == {
        key if not key.startswith("/queue/") or not left_out else f"/queue/{made - 2:020d}": (
            value,
            made - left_out,
            modified - left_out,
            ends,
        )
        for key, (value, made, modified, ends) in leaves.items()
    }
    assert real_index > index - left_out
    if not left_out:
        _, told = asked(cluster, f"/?wait=true&recursive=true&waitIndex={index - 100}")
        assert told["node"]["modifiedIndex"] == index - 100


@pytest.mark.slow
def test_real_etcd_comes_to_the_same_where_ours_ended_many_piece_by_piece(
    tmp_path: Path, start_etcd: StartEtcd
) -> None:
    path, count = tmp_path / "cluster0" / "etcd-1", SYNC_NODES + 300

    async def fill() -> tuple[int, Leaves]:
        clock = VirtualClock()
        begun_ns = wall_ns(clock)
        engine = etcd2_engine(path, clock=clock, sync=False, inline_commits=True)
        async with engine:
            for number in range(count):
                ends_ns = begun_ns + 1_200_000_000 + number * 1000
                key = f"{KEYS}/k{number % 7}/{number}"
                await engine.do(Request(Method.PUT, key, "v", expiration_ns=ends_ns))
            await asyncio.sleep(1.5 + REST_S / 2)  # the first order has been carried out
            assert engine.index == 3 + count + SYNC_NODES
            await engine.do(Request(Method.PUT, f"{KEYS}/between", "v"))
            last = Request(Method.PUT, f"{KEYS}/k0/last", "v", prev_exist=False)
            await engine.do(last._replace(expiration_ns=FAR_NS))
            await asyncio.sleep(REST_S)
            return engine.index, leaves_of(engine)

    index, leaves = run_virtual(fill())
    assert (index, len(leaves)) == (3 + 2 * count + 2, 2)

    cluster = start_etcd(EtcdOptions(enable_v2=True))
    real_index, real_leaves = leaves_at(cluster)

    assert index < real_index <= index + 2
    assert real_leaves == leaves
    for number in (SYNC_NODES - 1, SYNC_NODES, count - 1):
        at = 3 + count + number + (1 if number < SYNC_NODES else 3)
        _, told = asked(cluster, f"/?wait=true&recursive=true&waitIndex={at}")
        assert (told["action"], told["node"]["key"]) == ("expire", f"/k{number % 7}/{number}")
        assert told["node"]["modifiedIndex"] == at


@pytest.mark.slow
def test_our_engine_opens_what_a_real_etcd_has_left(tmp_path: Path, start_etcd: StartEtcd) -> None:
    cluster = start_etcd(EtcdOptions(enable_v2=True, extra=("--snapshot-count", "30")))
    for number in range(100):
        ends = "&ttl=5000" if number % 9 == 0 else ""
        asked(cluster, f"/registry/d{number % 3}/k{number % 7}", "PUT", f"value=v{number}{ends}")
    asked(cluster, "/queue", "POST", "value=first")
    asked(cluster, "/registry/d1/k1?recursive=true", "DELETE")
    index, leaves = leaves_at(cluster)
    _, event = asked(cluster, f"/?wait=true&recursive=true&waitIndex={index - 20}")
    cluster.end()
    path = tmp_path / "cluster0" / "etcd-1"
    assert list((path / "member" / "snap").glob("*.snap"))

    async def opened() -> tuple[int, Leaves, int]:
        async with engine_at(path) as engine:
            found = (engine.index, leaves_of(engine))
            kept = engine.history(index - 20)[0]
            assert kept.node.key == KEYS + event["node"]["key"]
            made = await engine.do(Request(Method.PUT, f"{KEYS}/ours", "v"))
            return *found, made.node.modified

    assert asyncio.run(opened()) == (index, leaves, index + 1)
    again = cluster.members[0]
    asyncio.run(cluster.restart(again))
    assert asked(cluster, "/ours")[1]["node"]["modifiedIndex"] == index + 1
