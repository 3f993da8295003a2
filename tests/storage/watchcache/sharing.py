"""A store whose writes may share revisions, and writes that do."""

from __future__ import annotations

from serialization.kinds import PODS
from storage.clock import SystemClock
from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.memory.backend import MemoryBackend
from storage.mvcc import PutOp, Txn
from storage.registry import MEMORY
from tests.storage.watchcache.world import World


def sharing_store() -> EngineStore:
    """Return a memory engine that declares what a batching client of a real etcd does."""
    clock = SystemClock()
    capabilities = MEMORY._replace(shared_revisions=True)
    return EngineStore(Parts(MemoryBackend(), InlineCommitter(clock), clock, capabilities))


async def put_together(sharer: World, *names: str) -> int:
    """Write pods at one revision."""
    assert isinstance(sharer.store, EngineStore)
    puts = tuple(PutOp(PODS.key("default", name), sharer.document(name)) for name in names)
    return (await sharer.store.txn(Txn((), puts))).revision
