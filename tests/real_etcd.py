"""Real etcd members for tests; a test module imports the fixtures that it wants.

Where the program is missing the tests are skipped, saying so; with CI=true they fail.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.own_etcd import PROGRAM
from tests.etcd_members import EtcdCluster, EtcdOptions

StartEtcd = Callable[[EtcdOptions], EtcdCluster]

BRISK = EtcdOptions(members=3, heartbeat_ms=50, election_ms=500)
"""Three members that find a new leader quickly."""


def require_etcd() -> None:
    """Skip the test where there is no etcd; fail it with CI=true."""
    if shutil.which(PROGRAM) is None:
        reason = f"there is no program {PROGRAM!r} on PATH (Debian: etcd-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    """One healthy member for the whole session: keep to keys of your own, and compact nothing."""
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd"))
    asyncio.run(cluster.start())
    yield cluster
    cluster.kill()


@pytest.fixture
def start_etcd(tmp_path: Path) -> Iterator[StartEtcd]:
    """Return what starts a healthy cluster (blocking: call it outside of a loop, or in a fixture).

    Each call is a new cluster; all of them end with the test.
    """
    require_etcd()
    clusters: list[EtcdCluster] = []

    def start(options: EtcdOptions) -> EtcdCluster:
        cluster = EtcdCluster(tmp_path / f"cluster{len(clusters)}", options)
        asyncio.run(cluster.start())
        clusters.append(cluster)
        return cluster

    yield start
    for cluster in clusters:
        cluster.kill()


@pytest.fixture
def three_members(start_etcd: StartEtcd) -> EtcdCluster:
    """Return three healthy members that find a new leader within a second or two."""
    return start_etcd(BRISK)


@pytest.fixture
def one_member(start_etcd: StartEtcd) -> EtcdCluster:
    """Return a healthy member of the test's own, v2 included."""
    return start_etcd(EtcdOptions(enable_v2=True))
