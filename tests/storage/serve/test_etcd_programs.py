"""Programs of etcd's own on top of us: its gRPC proxy in front, its mirror maker from and to us."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.own_etcd import PROGRAM
from tests.etcd_members import EtcdOptions, free_ports
from tests.real_etcd import StartEtcd, require_etcd, start_etcd
from tests.storage.serve.etcdctl import Etcdctl, ServedProcess, served_process

__all__ = ["StartEtcd", "start_etcd"]

pytestmark = pytest.mark.slow

SOON: tuple[str, ...] = ("--dial-timeout=10s", "--command-timeout=20s")


@contextmanager
def proxied(served: ServedProcess, directory: Path) -> Iterator[str]:
    """Start a proxy in front of a server; yield its endpoint."""
    require_etcd()
    endpoint = f"127.0.0.1:{next(free_ports())}"
    command = [PROGRAM, "grpc-proxy", "start", f"--endpoints={served.target}"]
    command += [f"--listen-addr={endpoint}", f"--data-dir={directory / 'proxy'}"]
    with (directory / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield endpoint
        finally:
            process.kill()
            process.wait()


@contextmanager
def mirroring(source: str, target: str, *flags: str) -> Iterator[None]:
    """Have etcdctl copy what is in one etcd, and what is written to it, to another."""
    command = ["etcdctl", f"--endpoints={source}", "make-mirror", *flags, target]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def watched(etcdctl: Etcdctl, prefix: str, revision: int, count: int) -> list[str]:
    """Return so many lines of a watch that begins at a revision."""
    command = ["etcdctl", f"--endpoints={etcdctl.endpoint}", "watch", "--prefix", prefix]
    with subprocess.Popen(
        [*command, f"--rev={revision}"], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(count)]
        process.kill()
    return lines


def test_the_proxy_of_etcd_stands_in_front_of_us(tmp_path: Path) -> None:
    with served_process(tmp_path) as served, proxied(served, tmp_path) as endpoint:
        through, direct = Etcdctl(endpoint, *SOON), Etcdctl(served.target)

        assert through("put", "a/1", "x").out == "OK\n"
        lease = through("lease", "grant", "60").out.split()[1]
        assert through("put", "a/2", "y", f"--lease={lease}").out == "OK\n"
        assert "attached keys([a/2])" in direct("lease", "timetolive", lease, "--keys").out
        assert through("txn", stdin='value("a/1") = "x"\n\nput a/3 z\n\n\n\n').code == 0
        assert through("lease", "revoke", lease).code == 0
        assert direct("get", "--prefix", "a/").out.split() == ["a/1", "x", "a/3", "z"]
        assert watched(through, "a/", 2, 11) == [
            *("PUT", "a/1", "x", "PUT", "a/2", "y", "PUT", "a/3", "z", "DELETE", "a/2"),
        ]
        assert through("compaction", "4").out == "compacted revision 4\n"
        assert "required revision has been compacted" in direct("get", "a/1", "--rev=3").err


def test_the_mirror_maker_copies_from_us_and_to_us(
    start_etcd: StartEtcd,  # the fixture
    tmp_path: Path,
) -> None:
    endpoint = start_etcd(EtcdOptions()).endpoints[0]
    real = urlsplit(endpoint).netloc or endpoint
    with served_process(tmp_path) as served:
        mine, theirs = Etcdctl(served.target), Etcdctl(real)
        mine("put", "m/1", "before")
        with mirroring(served.target, real, "--prefix=m/"):
            assert watched(theirs, "m/1", 1, 3) == ["PUT", "m/1", "before"]
            mine("put", "m/2", "after")
            mine("del", "m/1")
            assert watched(theirs, "m/", 3, 5) == ["PUT", "m/2", "after", "DELETE", "m/1"]
        with mirroring(real, served.target, "--prefix=m/", "--dest-prefix=back/"):
            assert watched(mine, "back/2", 1, 3) == ["PUT", "back/2", "after"]
