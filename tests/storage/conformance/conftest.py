"""The suite's stores: those of the registry, and the remote stores over two kinds of server each.

A remote store is asked the same questions as one in process. One server of each kind serves the
whole session; a data directory is a key space of its own there, so each test begins with an empty
one, and a store that is made again on the same directory finds what it left. Revisions, and the
oldest that is kept, are where the tests before left them: the tests count from where they begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest

from storage.errors import StoreOpenError
from storage.interface import Store
from storage.registry import STORES, StoreEntry, StoreOptions, store_entry
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import require_etcd
from tests.storage.remote.served import Served

REMOTES: Final = {
    "remote, real etcd": "real_url",
    "remote, our engine": "served_url",
    "remote v2, real etcd": "real_v2_url",
    "remote v2, our engine": "served_v2_url",
}
"""The fixture of its server, by name of the store."""


@pytest.fixture(scope="session")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where a real etcd of this suite's own listens: one that compactions may reach."""
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd"))
    asyncio.run(cluster.start())
    yield cluster.url
    cluster.kill()


@pytest.fixture(scope="session")
def real_v2_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where a real etcd of this suite's own speaks the protocol of etcd 2."""
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd2"), EtcdOptions(enable_v2=True))
    asyncio.run(cluster.start())
    yield cluster.v2_url
    cluster.kill()


@pytest.fixture(scope="session")
def served_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where our engine listens."""
    served = Served(tmp_path_factory.mktemp("served"))
    try:
        served.start()
        yield served.url
    finally:
        served.kill()


@pytest.fixture(scope="session")
def served_v2_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where our engine of etcd 2 listens."""
    served = Served(tmp_path_factory.mktemp("served2"), api=2)
    try:
        served.start()
        yield served.url
    finally:
        served.kill()


@pytest.fixture(params=[*sorted(STORES), *REMOTES])
def entry(request: pytest.FixtureRequest) -> StoreEntry:
    """Return each store in turn."""
    if request.param in STORES:
        return STORES[request.param]
    url: str = request.getfixturevalue(REMOTES[request.param])
    return _key_spaces(request.param, url)


def _key_spaces(name: str, url: str) -> StoreEntry:
    """Return a remote store whose data directory is a key space of the server's."""

    def make(options: StoreOptions) -> Store:
        if options.data_dir is None:
            raise StoreOpenError("a key space needs a data directory, for its name")
        return store_entry(f"{url}?prefix={options.data_dir}").make(options)

    return StoreEntry(name, make, store_entry(url).capabilities)
