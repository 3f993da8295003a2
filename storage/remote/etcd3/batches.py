"""Writes joined into one Txn of nested Txns: ``--etcd-batch on``, an experiment.

How it works. One Txn is under way at a time. Writes that come meanwhile wait, and go together when
it is answered: one Txn whose operations are their Txns, each with its own compare and its own range
for the case that it fails. A nested Txn that fails leaves its siblings alone. A write that finds no
Txn under way waits for nothing but the end of the loop's turn; what came in that turn goes along.
The first of those that wait carries the batch for all; there is no task beside those of the writes.

    write a   |--- Txn a ---|
    write b       ..........|--- Txn (b, c, d) ---|
    write c          .......|                     |
    write d            .....|                     |        all three at one revision

All that a batch writes has one mod_revision: the store declares ``shared_revisions``. So no key may
be in a batch twice (etcd itself refuses two puts of a key, but takes a put and a delete): a second
write of a key waits for the next batch.

A batch that etcd has refused, doing nothing (an unknown lease is enough), is sent again write by
write: each gets its own answer. Where no answer comes, the outcome of all of its writes is unknown.
Every batch compares that the etcd is still ours (see ``ownership``); one that was refused for that
is sent write by write, too, which is safe in anybody's etcd.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple, Protocol

from serialization.api.etcd import rpc_pb2 as rpc
from storage.remote.etcd3.failures import CallError
from storage.remote.etcd3.rpc import TXN, Method

OPS_MAX: Final = 128
"""etcd's --max-txn-ops: operations of the outer list plus those of the longest nested one."""

BATCH_BYTES_MAX: Final = 1 << 20
"""etcd takes 1.5 MiB a request."""

LATE_S: Final = 1.5
"""So long others wait for a Txn that is not answered. Where another endpoint is asked meanwhile
(``overtake``) they wait no longer than that: a member that hangs holds up one batch."""

FRAME_BYTES: Final = 16
"""Of a nested Txn, beside its own bytes."""


class Judgement(NamedTuple):
    """etcd's answer to a write: to its Txn, and the revision at which it was judged."""

    answer: rpc.TxnResponse
    revision: int


class Asks(Protocol):
    """What sends a Txn: the link."""

    async def write(
        self, method: Method[rpc.TxnRequest, rpc.TxnResponse], request: rpc.TxnRequest
    ) -> rpc.TxnResponse:
        """Ask, again only where nothing can have happened. Raises CallError."""
        ...


class Owner(Protocol):
    """What knows whether the etcd is ours alone."""

    def proof(self) -> rpc.Compare | None:
        """Return what holds in etcd while it is ours; None where it is not known to be."""
        ...

    def disproved(self) -> None:
        """Take note that the last proof did not hold."""
        ...


class _Waiting:
    """A write that waits for its turn; ``told`` is its judgement, or what it is to do."""

    __slots__ = ("key", "place", "request", "size", "told", "weight")

    def __init__(self, key: bytes, request: rpc.TxnRequest) -> None:
        self.key = key
        self.request = request
        self.place = 0
        """In its batch."""
        self.size = request.ByteSize() + FRAME_BYTES
        self.weight = max(len(request.compare), len(request.success), len(request.failure))
        self.told: asyncio.Future[Judgement | _Batch | None] = (
            asyncio.get_running_loop().create_future()
        )
        """A batch: it is to carry it, itself the first; None: it is to go alone."""


class _Batch(NamedTuple):
    """Writes that go together."""

    flight: int
    writes: list[_Waiting]

    @property
    def others(self) -> list[_Waiting]:
        """Return those behind the first whose callers still wait."""
        return [one for one in self.writes[1:] if not one.told.done()]


class Batches:
    """Sends the Txns of single writes, joined where they wait. Belongs to one loop.

    One at a time, and gathered for a turn of the loop: creates of 1144 bytes on a real etcd 3.4, on
    a busy machine of two cores, medians (``tests.storage.remote.measure_batches``: off and on)

        callers                          1          16             64
        not batched                  640/s  1.1 ms  1,820/s  6.0 ms  2,400/s 21.8 ms
        eight Txns under way         770/s  1.1 ms  2,010/s  5.9 ms  6,350/s  8.9 ms
        two                          790/s  1.0 ms  3,740/s  3.6 ms  8,310/s  6.5 ms
        one                          850/s  1.1 ms  3,470/s  3.2 ms  9,190/s  5.7 ms
        one, gathered for a turn     740/s  1.1 ms  6,020/s  1.9 ms 11,740/s  4.1 ms
    """

    def __init__(self, link: Asks, owner: Owner) -> None:
        self.batches = 0
        """Txns of several writes that were carried out."""
        self.batched_writes = 0
        """How many writes they had, those included whose compare failed."""
        self.shared = 0
        """How many writes had no revision of their own: of each batch, all that changed but one."""
        self.refused = 0
        """Batches that were taken apart again."""
        self.singles = 0
        self.overtaken = 0
        """Txns that took so long that others were sent beside them."""
        self._link = link
        self._owner = owner
        self._flights = 0
        self._flight = 0
        """The number of the Txn that the others wait for; 0: there is none."""
        self._begun = 0.0
        """Loop time at which it was sent."""
        self._patience: asyncio.TimerHandle | None = None
        self._waiting: deque[_Waiting] = deque()
        """No more than there are callers."""

    @property
    def txns(self) -> int:
        """How many Txns were sent."""
        return self.singles + self.batches + self.refused

    async def txn(self, key: bytes, request: rpc.TxnRequest) -> Judgement:
        """Send a write of one key, alone or with others. Raises CallError."""
        waiting = _Waiting(key, request)
        self._waiting.append(waiting)
        if not self._flight:
            asyncio.get_running_loop().call_soon(self._send_after, self._begin())
        elif self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(LATE_S, self._lose_patience)
        try:
            told = await waiting.told
        except asyncio.CancelledError:
            self._leave(waiting)
            raise
        if told is None:
            return await self._alone(request)
        if isinstance(told, _Batch):
            return await self._carry(told)
        return told

    async def _alone(self, request: rpc.TxnRequest) -> Judgement:
        self.singles += 1
        answer = await self._link.write(TXN, request)
        return Judgement(answer, answer.header.revision)

    def overtake(self) -> None:
        """Send those that wait though a Txn is under way: other calls may be answered sooner."""
        if self._flight and self._waiting:
            self.overtaken += 1
            self._send_next()

    def _lose_patience(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = None
        if self._flight and loop.time() >= self._begun + LATE_S:
            self.overtake()
        if self._waiting:
            due = max(self._begun, loop.time()) + LATE_S
            self._patience = loop.call_at(due, self._lose_patience)

    def _begin(self) -> int:
        self._flights += 1
        self._flight = self._flights
        self._begun = asyncio.get_running_loop().time()
        return self._flight

    def _send_after(self, flight: int) -> None:
        """Send the next batch when a Txn is over, unless it was overtaken."""
        if flight == self._flight:
            self._send_next()

    def _send_next(self) -> None:
        """Have the first of those that wait carry the next batch, if there is one."""
        writes = self._gathered()
        if writes:
            writes[0].told.set_result(_Batch(self._begin(), writes))
        else:
            self._flight = 0

    def _leave(self, waiting: _Waiting) -> None:
        """Let the others go on where one is cancelled that was to carry them."""
        if waiting.told.cancelled() or waiting.told.exception() is not None:
            return
        batch = waiting.told.result()
        if isinstance(batch, _Batch):
            self._waiting.extendleft(reversed(batch.others))
            if self._flight in {0, batch.flight}:
                self._send_next()

    def _gathered(self) -> list[_Waiting]:
        """Take what goes together, the oldest first; the rest goes on waiting, in its order."""
        waiting, keys = self._waiting, set[bytes]()
        batch: list[_Waiting] = []
        passed: list[_Waiting] = []
        size = weight = 0
        while waiting:
            one = waiting[0]
            heaviest = max(weight, one.weight)
            if batch and (len(batch) + 1 + heaviest > OPS_MAX or size + one.size > BATCH_BYTES_MAX):
                break
            waiting.popleft()
            if one.told.done():  # its caller has left
                continue
            if one.key in keys:
                passed.append(one)
                continue
            one.place = len(batch)
            batch.append(one)
            keys.add(one.key)
            size, weight = size + one.size, heaviest
        waiting.extendleft(reversed(passed))
        return batch

    async def _carry(self, batch: _Batch) -> Judgement:
        """Send a batch, for all that are in it; return the first one's judgement."""
        first = batch.writes[0]
        if len(batch.writes) == 1:
            try:
                return await self._alone(first.request)
            finally:
                self._send_after(batch.flight)
        try:
            judgements = await self._sent(batch.writes)
        except CallError as error:
            for one in batch.others:
                one.told.set_exception(error)
            raise
        except BaseException:
            for one in batch.others:
                one.told.cancel()
            raise
        finally:
            self._send_after(batch.flight)
        for one in batch.others:
            one.told.set_result(None if judgements is None else judgements[one.place])
        return await self._alone(first.request) if judgements is None else judgements[0]

    async def _sent(self, writes: list[_Waiting]) -> list[Judgement] | None:
        """Send several as one; None where that has done nothing and they are to go alone."""
        proof = self._owner.proof()
        if proof is None:
            return None
        request = rpc.TxnRequest(compare=(proof,))
        for one in writes:  # a third of what a list of constructors costs
            request.success.add().request_txn.CopyFrom(one.request)
        try:
            answer = await self._link.write(TXN, request)
        except CallError as error:
            if error.refused or not error.answered:
                raise
            self.refused += 1
            return None
        if not answer.succeeded:
            self.refused += 1
            self._owner.disproved()
            return None
        self.batches += 1
        self.batched_writes += len(writes)
        revision = answer.header.revision
        judgements = [Judgement(each.response_txn, revision) for each in answer.responses]
        self.shared += max(sum(each.answer.succeeded for each in judgements) - 1, 0)
        return judgements
