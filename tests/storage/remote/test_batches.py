"""Writes that are joined: what becomes of each is what would have become of it alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.etcd import rpc_pb2 as rpc
from storage.remote.etcd3 import requests
from storage.remote.etcd3.batches import LATE_S, Batches, Judgement
from storage.remote.etcd3.failures import CallError
from storage.remote.etcd3.keys import VERSION
from storage.remote.etcd3.rpc import TXN
from storage.virtual_time import run_virtual
from tests.storage.remote.fake_etcd import FakeEtcd, fake_etcd

KEYS: Final = [b"/registry/a", b"/registry/b", b"/registry/c"]


def put(key: bytes, value: bytes = b"v", *, at: int = 0, lease: int = 0) -> rpc.TxnRequest:
    request = requests.judged(key, at)
    requests.put(request, key, value, lease)
    return request


def drop(key: bytes) -> rpc.TxnRequest:
    request = requests.judged_to_exist(key)
    requests.delete(request, key)
    return request


def put_twice_judged(key: bytes) -> rpc.TxnRequest:
    """Two compares: the limit of operations is met by 126 of them."""
    request = put(key)
    request.compare.append(rpc.Compare(key=key, target=VERSION, version=0))
    return request


def key_of(request: rpc.TxnRequest) -> bytes:
    return request.compare[0].key


def nested(request: rpc.TxnRequest) -> list[rpc.TxnRequest]:
    """Return the writes of a Txn, be it a batch or a write."""
    if request.success[0].WhichOneof("request") != "request_txn":
        return [request]
    return [operation.request_txn for operation in request.success]


async def send(batches: Batches, *asked: rpc.TxnRequest) -> list[Judgement | BaseException]:
    """Send writes in one turn of the loop."""
    calls = (batches.txn(key_of(request), request) for request in asked)
    return await asyncio.gather(*calls, return_exceptions=True)


def succeeded(outcomes: list[Judgement | BaseException]) -> list[bool]:
    return [isinstance(each, Judgement) and each.answer.succeeded for each in outcomes]


class Step(NamedTuple):
    """A write that somebody makes after a pause, by the state that there is then."""

    key: bytes
    kind: str
    pause_ms: int
    stale: bool


STEPS: Final = st.lists(
    st.builds(
        Step,
        st.sampled_from(KEYS),
        st.sampled_from(["create", "update", "delete"]),
        st.integers(0, 12),
        st.booleans(),
    ),
    min_size=1,
    max_size=24,
)


Outcome = tuple[bytes, bool, int]
"""Of a write: what was asked, whether it was done, and at which revision it was judged."""


def outcome(request: rpc.TxnRequest, told: rpc.TxnResponse, revision: int) -> Outcome:
    return request.SerializeToString(), told.succeeded, revision


async def make_step(fake: FakeEtcd, batches: Batches, step: Step, number: int) -> Outcome:
    """Make a write; an update is of the state now, or of one that never was."""
    await asyncio.sleep(step.pause_ms / 1000)
    if step.kind == "delete":
        request = drop(step.key)
    else:
        at = 0
        if step.kind == "update":
            found = await fake.engine.get(step.key)
            at = 1 if step.stale or found is None else found.revision
        request = put(step.key, b"%d" % number, at=at)
    judged = await batches.txn(step.key, request)
    return outcome(request, judged.answer, judged.revision)


async def replay_singly(fake: FakeEtcd) -> None:
    """Carry out all that a fake has done, write by write, in another: the outcomes are the same.

    A revision is translated by the key that had it: no key has two writes at one.
    """
    async with fake_etcd() as (other, _):
        other.call_s = 0.0
        there: dict[tuple[bytes, int], int] = {}
        for batch, answer in fake.applied:
            for request, told in zip(nested(batch), answers(batch, answer), strict=True):
                key, single = key_of(request), rpc.TxnRequest()
                single.CopyFrom(request)
                at = single.compare[0].mod_revision
                if at > 1:
                    single.compare[0].mod_revision = there[key, at]
                alone = await other.write(TXN, single)
                assert alone.succeeded == told.succeeded
                if alone.succeeded:
                    there[key, answer.header.revision] = alone.header.revision
                else:
                    assert states(alone) == states(told)


def answers(batch: rpc.TxnRequest, answer: rpc.TxnResponse) -> list[rpc.TxnResponse]:
    """Return those to the writes of a Txn."""
    if nested(batch) == [batch]:
        return [answer]
    return [each.response_txn for each in answer.responses]


def states(answer: rpc.TxnResponse) -> list[tuple[bytes, int]]:
    return [(kv.value, kv.version) for kv in answer.responses[0].response_range.kvs]


@settings(max_examples=50)
@given(STEPS, st.lists(st.integers(0, 30), max_size=3), st.integers(0, 1 << 16))
def test_writes_come_out_as_they_would_singly(
    steps: list[Step], overtakes_ms: list[int], seed: int
) -> None:
    async def story() -> None:
        async with fake_etcd(Random(seed)) as (fake, owner):
            batches = Batches(fake, owner)
            calls = (make_step(fake, batches, step, n) for n, step in enumerate(steps))
            for pause_ms in overtakes_ms:
                asyncio.get_running_loop().call_later(pause_ms / 1000, batches.overtake)
            outcomes = await asyncio.gather(*calls)

            assert fake.most_under_way <= 1 + batches.overtaken <= 1 + len(overtakes_ms)
            done = [
                outcome(request, told, answer.header.revision)
                for batch, answer in fake.applied
                for request, told in zip(nested(batch), answers(batch, answer), strict=True)
            ]
            assert Counter(done) == Counter(outcomes)
            for batch, _ in fake.applied:
                assert max(Counter(map(key_of, nested(batch))).values()) == 1
            await replay_singly(fake)

    run_virtual(story())


def test_a_lone_write_is_sent_as_it_is() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            batches = Batches(fake, owner)

            outcomes = await send(batches, put(KEYS[0]))

            assert succeeded(outcomes) == [True]
            assert fake.asked == [put(KEYS[0])]
            assert (batches.batches, batches.singles, batches.txns) == (0, 1, 1)

    run_virtual(story())


def test_a_write_that_fails_leaves_its_siblings_alone() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            batches = Batches(fake, owner)
            await send(batches, put(KEYS[1], b"before"))

            outcomes = await send(batches, put(KEYS[0]), put(KEYS[1]), put(KEYS[2]))

            assert succeeded(outcomes) == [True, False, True]
            assert isinstance(outcomes[1], Judgement)
            assert states(outcomes[1].answer) == [(b"before", 1)]
            assert len({each.revision for each in outcomes if isinstance(each, Judgement)}) == 1
            assert (batches.batches, batches.batched_writes) == (1, 3)

    run_virtual(story())


def test_a_second_write_of_a_key_waits_for_the_next_batch() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            a, b = KEYS[:2]

            outcomes = await send(Batches(fake, owner), put(a), drop(a), put(b), put(a))

            assert succeeded(outcomes) == [True] * 4
            assert [list(map(key_of, nested(batch))) for batch in fake.asked] == [[a, b], [a], [a]]

    run_virtual(story())


def test_writes_of_a_key_go_in_their_order_though_batches_are_full() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            key = KEYS[0]
            others = [put(b"/%d" % n) for n in range(130)]

            await send(
                Batches(fake, owner), put(key, b"1"), put(key, b"2"), *others, put(key, b"3")
            )

            went = [one for batch in fake.asked for one in nested(batch) if key_of(one) == key]
            assert [one.success[0].request_put.value for one in went] == [b"1", b"2", b"3"]
            assert [len(nested(batch)) for batch in fake.asked] == [127, 5, 1]

    run_virtual(story())


def test_a_refused_batch_is_sent_again_write_by_write() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            batches = Batches(fake, owner)

            outcomes = await send(batches, put(KEYS[0]), put(KEYS[1], lease=77), put(KEYS[2]))

            assert succeeded(outcomes) == [True, False, True]
            assert isinstance(outcomes[1], CallError)
            assert outcomes[1].lease_is_gone
            assert (batches.batches, batches.refused, batches.singles) == (0, 1, 3)
            assert len(fake.applied) == 2

    run_virtual(story())


@pytest.mark.parametrize("unanswered", [1, 2], ids=["carried out", "not carried out"])
def test_an_unknown_outcome_is_that_of_each_write_and_nothing_is_sent_again(
    unanswered: int,
) -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            fake.unanswered = unanswered
            batches = Batches(fake, owner)

            outcomes = await send(batches, *map(put, KEYS))

            for outcome in outcomes:
                assert isinstance(outcome, CallError)
                assert not outcome.answered
            assert len(fake.asked) == 1
            fake.unanswered = 0
            assert succeeded(await send(batches, put(KEYS[0], at=1))) == [False]

    run_virtual(story())


def test_nothing_is_joined_in_an_etcd_that_is_not_ours_any_more() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            batches = Batches(fake, owner)
            await fake.engine.delete(owner.KEY)
            await fake.engine.create(owner.KEY, b"them")

            first = await send(batches, *map(put, KEYS))
            second = await send(batches, *map(drop, KEYS))

            assert succeeded(first + second) == [True] * 6
            assert (batches.batches, batches.refused, owner.disproofs) == (0, 1, 1)
            revisions = {each.revision for each in first + second if isinstance(each, Judgement)}
            assert len(revisions) == 6

    run_virtual(story())


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        ([put(b"/%d" % n) for n in range(200)], [127, 73]),
        ([put_twice_judged(b"/%d" % n) for n in range(130)], [126, 4]),
        ([*(put(b"/%d" % n) for n in range(126)), put_twice_judged(b"/z")], [126, 1]),
        ([put(b"/%d" % n, bytes(400_000)) for n in range(3)], [2, 1]),
        ([put(b"/0", bytes(1_200_000)), put(b"/1"), put(b"/2")], [1, 2]),
        ([put(b"/1"), put(b"/0", bytes(1_200_000)), put(b"/2")], [1, 1, 1]),
    ],
    ids=["keys", "two compares", "the heavier counts", "bytes", "too large", "in its turn"],
)
def test_batches_keep_within_the_limits(asked: list[rpc.TxnRequest], sizes: list[int]) -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            outcomes = await send(Batches(fake, owner), *asked)

            assert succeeded(outcomes) == [True] * len(asked)
            assert [len(nested(batch)) for batch in fake.asked] == sizes

    run_virtual(story())


def test_those_behind_a_write_whose_caller_leaves_go_all_the_same() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            batches = Batches(fake, owner)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(batches.txn(key, put(key))) for key in KEYS]
                await asyncio.sleep(0)  # they stand in line
                await asyncio.sleep(0)  # the first is told to carry them
                tasks[0].cancel()

            assert tasks[0].cancelled()
            assert [task.result().answer.succeeded for task in tasks[1:]] == [True, True]
            assert [list(map(key_of, nested(batch))) for batch in fake.asked] == [KEYS[1:]]

    run_virtual(story())


def test_a_txn_that_hangs_is_overtaken_when_patience_ends_or_another_endpoint_is_asked() -> None:
    async def story() -> None:
        async with fake_etcd() as (fake, owner):
            loop = asyncio.get_running_loop()
            batches = Batches(fake, owner)
            fake.call_s = 5.0
            async with asyncio.TaskGroup() as group:
                hanging = group.create_task(send(batches, put(KEYS[0]), put(KEYS[1])))
                await asyncio.sleep(0.1)
                fake.call_s = 0.01
                begun_s = loop.time()

                late = await send(batches, put(KEYS[2]), put(b"/registry/d"))
                waited_s = loop.time() - begun_s
                turned = group.create_task(send(batches, drop(KEYS[2])))
                await turned
                assert not hanging.done()

            assert succeeded(late + turned.result() + hanging.result()) == [True] * 5
            assert waited_s == pytest.approx(LATE_S - 0.1 + 0.02, abs=0.01)
            assert batches.overtaken == 1

            fake.call_s = 5.0
            async with asyncio.TaskGroup() as group:
                hanging = group.create_task(send(batches, drop(KEYS[0])))
                await asyncio.sleep(0.1)
                fake.call_s = 0.01
                soon = group.create_task(send(batches, drop(KEYS[1])))
                await asyncio.sleep(0.1)
                batches.overtake()
                await asyncio.sleep(0.1)
                assert succeeded(soon.result()) == [True]
                assert not hanging.done()

            assert fake.under_way == 0
            assert succeeded(await send(batches, *map(put, KEYS))) == [True] * 3

    run_virtual(story())
