"""etcdctl 3 on a served engine: watches, leases, locks, elections."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.serve.etcdctl import PROGRAM, Etcdctl, require_etcdctl, served_process

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcdctl]:
    require_etcdctl()
    with served_process(tmp_path_factory.mktemp("served")) as served:
        yield Etcdctl(served.url)


@pytest.fixture(scope="module")
def real(shared_etcd: EtcdCluster) -> Etcdctl:  # noqa: F811  # the fixture
    return Etcdctl(f"http://{shared_etcd.endpoints[0]}")


@contextmanager
def running(etcdctl: Etcdctl, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that does not end by itself; its output is read line by line."""
    process = subprocess.Popen(
        [PROGRAM, f"--endpoints={etcdctl.endpoint}", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        bufsize=1,
        env={**os.environ, "ETCDCTL_API": "3"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(out: IO[str] | None, count: int) -> list[str]:
    """Read so many lines."""
    assert out is not None
    return [out.readline().rstrip("\n") for _ in range(count)]


def revision_of(etcdctl: Etcdctl) -> int:
    """Return the present revision."""
    told = json.loads(etcdctl("endpoint", "status", "-w", "json").out)
    return int(told[0]["Status"]["header"]["revision"])


def watched(etcdctl: Etcdctl, folder: str) -> list[str]:
    """Write a history, and return what watches of it print."""
    start = revision_of(etcdctl) + 1
    for key, value in (("a", "1"), ("a", "2"), ("b", "3")):
        etcdctl("put", folder + key, value)
    etcdctl("del", folder + "a")
    told: list[str] = []
    for words, count in (
        ((folder, "--prefix", f"--rev={start}"), 12),
        ((folder, "--prefix", "--prev-kv", f"--rev={start}"), 16),
        ((folder + "a", f"--rev={start + 1}"), 6),
        ((folder + "a", folder + "b", f"--rev={start}"), 9),
    ):
        with running(etcdctl, "watch", *words) as process:
            told += lines(process.stdout, count)
    return told


def test_watches_print_what_they_print_with_a_real_etcd(ours: Etcdctl, real: Etcdctl) -> None:
    told = watched(ours, "watch/")

    assert told == watched(real, "watch/")
    assert told[:6] == ["PUT", "watch/a", "1", "PUT", "watch/a", "2"]


def test_several_interactive_watches_share_a_stream(ours: Etcdctl) -> None:
    with running(ours, "watch", "-i") as process:
        assert process.stdin is not None
        start = revision_of(ours) + 1
        for key in ("i/a", "i/b"):
            ours("put", key, "x")
            process.stdin.write(f"watch {key} --rev={start}\n")
            process.stdin.flush()
        assert sorted(lines(process.stdout, 6)) == sorted(["PUT", "i/a", "x", "PUT", "i/b", "x"])
        process.stdin.write("progress\n")
        process.stdin.flush()
        (told,) = lines(process.stdout, 1)

    assert told == f"progress notify: {start + 1}"


def test_a_watch_of_what_was_compacted_ends(ours: Etcdctl) -> None:
    for _ in range(3):
        ours("put", "compacted", "x")
    revision = revision_of(ours)
    ours("compact", str(revision))

    ended = ours("watch", "compacted", f"--rev={revision - 1}")

    assert "required revision has been compacted" in ended.out + ended.err


def lease_session(etcdctl: Etcdctl) -> list[str]:
    """Return what commands about a lease say, without ids and what depends on the second.

    A real etcd tells the keys of a lease in the order of a Go map: they are sorted here.
    """
    granted = etcdctl("lease", "grant", "500").out
    lease = granted.split()[1]
    commands = (
        ("put", "l/a", "1", f"--lease={lease}"),
        ("put", "l/b", "2", f"--lease={lease}"),
        ("lease", "keep-alive", "--once", lease),
        ("lease", "timetolive", lease, "--keys"),
        ("lease", "revoke", lease),
        ("get", "l/", "--prefix"),
        ("lease", "timetolive", lease),
        ("lease", "keep-alive", "--once", lease),
        ("lease", "revoke", lease),
        ("lease", "grant", "9000000001"),
        ("lease", "grant", "-1"),
        ("lease", "grant", "1"),
    )
    assert lease in etcdctl("lease", "list").out
    told = [granted, *(said.out + said.error for said in (etcdctl(*each) for each in commands))]
    told = [re.sub(r"lease [0-9a-f]+|remaining\(\d+s\)", "", each) for each in told]
    return [re.sub(r"(?<=keys\(\[)[^]]+", _sorted, each) for each in told]


def _sorted(words: re.Match[str]) -> str:
    return " ".join(sorted(words[0].split()))


def test_leases_print_what_they_print_with_a_real_etcd(ours: Etcdctl, real: Etcdctl) -> None:
    mine, theirs = (lease_session(etcdctl) for etcdctl in (ours, real))

    assert mine == theirs
    assert "attached keys([l/a l/b])" in mine[4]


def test_a_lease_that_ends_takes_its_keys_along(ours: Etcdctl) -> None:
    start = revision_of(ours) + 1
    lease = ours("lease", "grant", "3").out.split()[1]
    assert ours("put", "ends", "x", f"--lease={lease}").code == 0

    with running(ours, "watch", "ends", f"--rev={start}") as process:
        told = lines(process.stdout, 5)

    assert told == ["PUT", "ends", "x", "DELETE", "ends"]


def test_locks_exclude_each_other(ours: Etcdctl) -> None:
    with running(ours, "lock", "mutex") as holder:
        (held,) = lines(holder.stdout, 1)
        with running(ours, "lock", "mutex") as waiting:
            holder.terminate()
            holder.wait(20)
            (next_held,) = lines(waiting.stdout, 1)

    assert held.startswith("mutex/")
    assert next_held.startswith("mutex/")
    assert held != next_held


def test_elections_have_one_leader_after_the_other(ours: Etcdctl) -> None:
    with running(ours, "elect", "post", "one") as first:
        assert lines(first.stdout, 2)[1] == "one"
        with (
            running(ours, "elect", "post", "two") as second,
            running(ours, "elect", "-l", "post") as observer,
        ):
            assert lines(observer.stdout, 2)[1] == "one"
            first.terminate()
            first.wait(20)
            assert lines(second.stdout, 2)[1] == "two"
            assert lines(observer.stdout, 2)[1] == "two"
