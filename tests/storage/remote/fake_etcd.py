"""An etcd without a wire: our served KV over a memory engine, whose calls come late, fail or hang.

It is the link of a ``Batches`` or a ``Writer``; what goes wrong is drawn from a seeded ``Random``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

from google.protobuf.message import Message

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.engine.store import EngineStore
from storage.errors import LeaseNotFoundError
from storage.registry import STORES, StoreOptions
from storage.remote.etcd3.failures import NO_LEASE, CallError
from storage.remote.etcd3.rpc import Method
from storage.serve.etcd3.errors import RefusedError
from storage.serve.etcd3.kv import KV
from storage.serve.etcd3.serving import Serving

Ask = TypeVar("Ask", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class FakeEtcd:
    """Carries out Txns, each after a while of its own; ``applied`` is what it did, in order."""

    def __init__(self, engine: EngineStore, chance: Random | None = None) -> None:
        self.engine = engine
        self.applied: list[tuple[rpc.TxnRequest, rpc.TxnResponse]] = []
        self.asked: list[rpc.TxnRequest] = []
        self.under_way = self.most_under_way = 0
        self.call_s = 0.01
        """How long a call takes each way; with ``chance`` up to that."""
        self.unanswered = 0
        """So many of the next Txns get no answer: every other one of them is carried out."""
        self._chance = chance
        self._kv = KV(Serving(engine, SystemClock()))

    async def write(self, method: Method[Ask, Answer], request: Ask) -> Answer:
        """Carry out a Txn. Raises CallError, as the link does."""
        assert isinstance(request, rpc.TxnRequest)
        self.asked.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = await self._carried_out(request)
        finally:
            self.under_way -= 1
        assert isinstance(answer, method.answer)
        return answer

    async def _carried_out(self, request: rpc.TxnRequest) -> rpc.TxnResponse:
        await self._travel()
        self.unanswered -= 1
        if self.unanswered >= 0 and self.unanswered % 2:
            raise CallError("UNAVAILABLE", "the connection broke")
        try:
            answer = await self._kv.txn(request)
        except LeaseNotFoundError as error:
            raise CallError("NOT_FOUND", f"etcdserver: {NO_LEASE}") from error
        except RefusedError as error:
            raise CallError("INVALID_ARGUMENT", str(error)) from error
        assert isinstance(answer, rpc.TxnResponse)  # only long reads are answered in pieces
        self.applied.append((request, answer))
        if self.unanswered >= 0:
            raise CallError("DEADLINE_EXCEEDED", "no answer in time")
        await self._travel()
        return answer

    async def _travel(self) -> None:
        chance = 1.0 if self._chance is None else self._chance.random()
        await asyncio.sleep(self.call_s * chance)


class FakeOwner:
    """Says that the etcd is ours, by a key that a test can take away."""

    KEY = b"/kubedyno/batch-owner"

    def __init__(self, created: int) -> None:
        self.created = created
        self.disproofs = 0

    def proof(self) -> rpc.Compare | None:
        if not self.created:
            return None
        return rpc.Compare(key=self.KEY, target=rpc.Compare.CREATE, create_revision=self.created)

    def disproved(self) -> None:
        self.disproofs += 1
        self.created = 0


@asynccontextmanager
async def fake_etcd(chance: Random | None = None) -> AsyncIterator[tuple[FakeEtcd, FakeOwner]]:
    """Yield one, and who owns it."""
    engine = STORES["memory"].make(StoreOptions(inline_commits=True))
    assert isinstance(engine, EngineStore)
    async with engine:
        created = await engine.create(FakeOwner.KEY, b"us")
        yield FakeEtcd(engine, chance), FakeOwner(created)
