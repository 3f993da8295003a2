"""What is encoded piece by piece is byte for byte what the message would be."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.etcd.kv_pb2 import KeyValue as KeyValueMessage
from serialization.api.etcd.rpc_pb2 import RangeRequest, RangeResponse, ResponseHeader
from storage.clock import SystemClock
from storage.engine import range_reading, reads
from storage.errors import StoreError
from storage.mvcc import Located, Mvcc, RangeOp, Txn, TxnDone, View
from storage.registry import STORES, StoreOptions
from storage.serve.etcd3 import range_encoding, ranges
from storage.serve.etcd3.answers import range_answer, txn_answer
from storage.serve.etcd3.kv import KV
from storage.serve.etcd3.range_encoding import RangeEncoding
from storage.serve.etcd3.requests import range_op
from storage.serve.etcd3.serving import Serving
from tests.storage.mvcc.maker import LEASES, Maker
from tests.storage.mvcc.test_against_etcd import range_request, txn_request

NUMBERS = st.one_of(
    st.integers(1, 300), st.sampled_from([2**bits + by for bits in range(7, 63) for by in (-1, 0)])
)
KEYS = st.binary(min_size=1, max_size=200)
VALUES = st.one_of(st.binary(max_size=200), st.sampled_from([b"x" * 16383, b"x" * 16384]))
STATES = st.tuples(
    st.tuples(KEYS, st.tuples(NUMBERS, NUMBERS, NUMBERS), st.none()),
    st.tuples(VALUES, st.one_of(st.just(0), NUMBERS)),
)


@given(st.lists(STATES, max_size=8), st.booleans(), st.integers(0, 2**62), st.integers(1, 20_000))
def test_pieces_are_the_bytes_of_the_message(
    states: list[tuple[Located, View]], more: bool, total: int, piece_bytes: int
) -> None:
    header = ResponseHeader(cluster_id=2**63 + 1, member_id=7, revision=9, raft_term=2)
    whole = RangeResponse(header=header, more=more, count=total)
    for (key, (revision, created, version), _), (value, lease) in states:
        whole.kvs.append(
            KeyValueMessage(
                key=key,
                value=bytes(value),
                mod_revision=revision,
                create_revision=created,
                version=version,
                lease=lease,
            )
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(range_encoding, "PIECE_BYTES", piece_bytes)
        encoding = RangeEncoding(header)
        left = states
        while left:
            taken = encoding.take(left)
            assert taken > 0
            left = left[taken:]
        answer = encoding.end(more=more, total=total)

    assert joined(answer) == whole.SerializeToString()


def joined(answer: bytes | list[bytes]) -> bytes:
    return b"".join(answer) if isinstance(answer, list) else answer


class Sizes:
    """Bounds that chance has made small, so that few keys take many slices."""

    def __init__(self, chance: Random) -> None:
        self._bounds = [
            (range_reading, "VIEW_PAGE", chance.randint(1, 4)),
            (reads, "SCAN_PAGE", chance.randint(1, 4)),
            (reads, "SCAN_LEAST", chance.randint(1, 3)),
            (reads, "READ_PAGE", chance.randint(1, 4)),
            (ranges, "SLICE_COST", chance.choice((1, 6001, 12002))),
            (range_encoding, "PIECE_BYTES", chance.randint(1, 4)),
            (range_encoding, "WHOLE_BYTES", chance.choice((0, 50, 1000))),
        ]

    def set(self, patch: pytest.MonkeyPatch) -> None:
        """Let them hold."""
        for module, name, bound in self._bounds:
            patch.setattr(module, name, bound)


@pytest.mark.parametrize("name", ["memory", "etcd3"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_sliced_answers_are_those_of_one_slice(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def story(store: Mvcc) -> None:
        chance, maker = Random(seed), Maker(seed)
        serving = Serving(store, SystemClock())
        async with store:
            for lease in LEASES:
                await store.leases.grant(3600, lease_id=lease)
            await written(store, maker)
            for op in [maker.range() for _ in range(12)]:
                request = range_request(op)
                try:
                    found, revision = await store.range(range_op(request))
                except StoreError as error:
                    with pytest.raises(type(error)):
                        await sliced(serving, request, chance)
                    continue
                whole = range_answer(found, serving.header(revision)).SerializeToString()
                assert await sliced(serving, request, chance) == whole, op

    options = StoreOptions(data_dir=tmp_path_factory.mktemp("data"), sync=False)
    asyncio.run(story(cast("Mvcc", STORES[name].make(options))))


@pytest.mark.parametrize("name", ["memory", "etcd3"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_transactions_that_only_read_are_answered_as_in_one_step(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def story(store: Mvcc) -> None:
        chance, maker = Random(seed), Maker(seed)
        serving = Serving(store, SystemClock())
        async with store:
            for lease in LEASES:
                await store.leases.grant(3600, lease_id=lease)
            await written(store, maker)
            for txn in [reading_alone(maker.txn()) for _ in range(12)]:
                request = txn_request(txn)
                done: TxnDone | StoreError
                try:
                    done = await store.txn(txn)
                except StoreError as error:
                    done = error
                with pytest.MonkeyPatch.context() as patch:
                    Sizes(chance).set(patch)
                    if isinstance(done, StoreError):
                        with pytest.raises(type(done)):
                            await KV(serving).txn(request)
                        continue
                    answer = await KV(serving).txn(request)
                whole = txn_answer(done, serving.header(done.revision)).SerializeToString()
                told = answer if isinstance(answer, bytes | list) else answer.SerializeToString()
                assert joined(told) == whole, txn

    options = StoreOptions(data_dir=tmp_path_factory.mktemp("data"), sync=False)
    asyncio.run(story(cast("Mvcc", STORES[name].make(options))))


def reading_alone(txn: Txn) -> Txn:
    """Return a transaction without its writes."""
    success, failure = (
        tuple(
            reading_alone(op) if isinstance(op, Txn) else op
            for op in branch
            if isinstance(op, Txn | RangeOp)
        )
        for branch in (txn.success, txn.failure)
    )
    return Txn(txn.compares, success, failure)


async def written(store: Mvcc, maker: Maker) -> None:
    for _ in range(12):
        with suppress(StoreError):
            await store.txn(maker.txn())


async def sliced(serving: Serving, request: RangeRequest, chance: Random) -> bytes:
    """Return the answer as it is made in small slices."""
    with pytest.MonkeyPatch.context() as patch:
        Sizes(chance).set(patch)
        answer = await KV(serving).range(request)
    return joined(answer)
