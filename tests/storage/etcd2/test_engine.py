"""The engine: who is told of what, when; what has expired; what a failed group leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from storage.engine.committer import InlineCommitter
from storage.errors import ReadOnlyError, StoreClosedError
from storage.etcd2.engine import SYNC_NODES, EngineParts, Etcd2Engine
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.expiry_timer import REST_S, SYNC_S, wall_ns
from storage.etcd2.journal.memory import MemoryJournal
from storage.etcd2.model import KEYS, Event, Method, Request
from storage.virtual_time import StuckError, VirtualClock, run_virtual
from tests.storage.engine.faults import SteppedCommitter
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter

A, B = f"{KEYS}/a", f"{KEYS}/b"


class Told:
    """A listener that writes down what it hears, in one list with others."""

    def __init__(self, heard: list[object]) -> None:
        self._heard = heard

    def tell(self, event: Event) -> None:
        self._heard.append(("watch", event.action, event.node.modified))

    def cleared(self) -> None:
        self._heard.append("cleared")


def in_memory() -> Etcd2Engine:
    clock = VirtualClock()
    return Etcd2Engine(EngineParts(MemoryJournal(), InlineCommitter(clock), clock))


def put(path: str, value: str = "v", *, ttl_s: float = 0.0) -> Request:
    expires_ns = wall_ns(VirtualClock()) + round(ttl_s * 1e9) if ttl_s else 0
    return Request(Method.PUT, path, value, expiration_ns=expires_ns)


def test_watch_follower_and_caller_are_told_in_this_order() -> None:
    heard: list[object] = []

    def follow(events: Sequence[Event]) -> None:
        heard.append(("follow", [(each.action, each.node.modified) for each in events]))

    async def write() -> None:
        async with in_memory() as engine:
            engine.watch(KEYS, Told(heard), recursive=True, stream=True)
            engine.follow(follow)
            await asyncio.gather(*(answered(engine, number) for number in range(3)))
            await engine.do(Request(Method.QGET, A))

    async def answered(engine: Etcd2Engine, number: int) -> None:
        try:
            await engine.do((put(A), put(B), put(B)._replace(prev_index=9))[number])
        except Etcd2Error as error:
            heard.append(error.code)
        else:
            heard.append(number)

    run_virtual(write())

    # The first is a group of its own: the committer was idle.
    assert heard == [
        ("watch", "set", 4),
        ("follow", [("set", 4)]),
        0,
        ("watch", "set", 5),
        ("follow", [("set", 5)]),
        1,
        Code.TEST_FAILED,
        "cleared",
    ]


def test_nothing_is_seen_before_it_is_durable() -> None:
    async def write() -> None:
        clock, committer = VirtualClock(), SteppedCommitter()
        async with Etcd2Engine(EngineParts(MemoryJournal(), committer, clock)) as engine:
            first = engine.do(put(A))
            second = engine.do(put(A, "w")._replace(prev_index=4))
            refused = engine.do(put(A, "w")._replace(prev_index=4))
            with pytest.raises(Etcd2Error):
                engine.get(A)
            await committer.finish()
            assert (await first).node.modified == 4
            assert not second.done()
            assert engine.get(A).node.value == "v"
            await committer.finish()
            assert (await second).node.modified == 5
            with pytest.raises(Etcd2Error) as error:
                await refused
            assert error.value.code is Code.TEST_FAILED
            assert engine.index == 5

    run_virtual(write())


def test_failed_group_fails_all_that_wait_and_takes_no_index() -> None:
    async def write() -> None:
        clock, committer = VirtualClock(), SteppedCommitter()
        async with Etcd2Engine(EngineParts(MemoryJournal(), committer, clock)) as engine:
            waiting = [engine.do(put(A)), engine.do(put(B))]
            await committer.fail("no space left on device")
            for each in waiting:
                with pytest.raises(ReadOnlyError, match="no space"):
                    await each
            with pytest.raises(ReadOnlyError):
                await engine.do(put(A))
            assert engine.index == 3
            await asyncio.sleep(0.2)
            await committer.finish()
            again = engine.do(put(A))
            await committer.finish()
            assert (await again).node.modified == 4

    run_virtual(write())


def test_what_expires_ends_at_the_next_tick_of_half_a_second() -> None:
    heard: list[object] = []

    async def write() -> None:
        async with in_memory() as engine:
            engine.watch(KEYS, Told(heard), recursive=True, stream=True)
            await engine.do(put(A, ttl_s=1.2))
            await engine.do(put(B, ttl_s=0.7))
            await asyncio.sleep(0.999)
            assert engine.index == 5
            await asyncio.sleep(0.002)
            assert engine.index == 6
            await asyncio.sleep(0.498)
            assert engine.get(A).node.value == "v"
            await asyncio.sleep(0.002)
            with pytest.raises(Etcd2Error):
                engine.get(A)

    run_virtual(write())

    assert heard[2:4] == [("watch", "expire", 6), ("watch", "expire", 7)]


def test_many_that_expire_at_once_end_piece_by_piece_and_others_are_served_between() -> None:
    """After a long stop, say: a clock that is set forward does the same."""
    told: list[str] = []

    def follow(events: Sequence[Event]) -> None:
        ended = sum(event.action == "expire" for event in events)
        told.append(f"{ended} end" if ended else events[0].node.key)

    async def write() -> None:
        clock = VirtualClock()
        async with Etcd2Engine(
            EngineParts(MemoryJournal(), InlineCommitter(clock), clock)
        ) as engine:
            lots = [put(f"{KEYS}/{n}", ttl_s=3600 + n / 1e6) for n in range(2 * SYNC_NODES + 5)]
            await asyncio.gather(*(engine.do(each) for each in lots))
            engine.follow(follow)
            clock.offset_s = 4000.0
            await asyncio.sleep(SYNC_S + REST_S / 2)
            assert told == [f"{SYNC_NODES} end"]
            await engine.do(put(A))
            await asyncio.sleep(REST_S)
            await engine.do(put(B))
            await asyncio.sleep(REST_S)
            assert told == [f"{SYNC_NODES} end", A, f"{SYNC_NODES} end", B, "5 end"]
            assert engine.get(KEYS).node.nodes == (engine.get(A).node, engine.get(B).node)

    run_virtual(write())


def test_those_that_end_at_the_very_same_time_end_together_however_many() -> None:
    async def write() -> None:
        async with in_memory() as engine:
            lots = [put(f"{KEYS}/{n}", ttl_s=1) for n in range(SYNC_NODES + 5)]
            await asyncio.gather(*(engine.do(each) for each in lots))
            await engine.do(put(A, ttl_s=1.1))
            await asyncio.sleep(1.55)
            assert [node.key for node in engine.get(KEYS).node.nodes or ()] == []
            assert engine.status().commits == 3 + 2

    run_virtual(write())


def test_clock_that_is_set_forward_is_noticed_within_a_tick() -> None:
    async def write() -> None:
        clock = VirtualClock()
        async with Etcd2Engine(
            EngineParts(MemoryJournal(), InlineCommitter(clock), clock)
        ) as engine:
            await engine.do(put(A, ttl_s=3600))
            await asyncio.sleep(100.1)
            clock.offset_s = 3600.0
            assert engine.get(A).node.value == "v"
            await asyncio.sleep(SYNC_S)
            with pytest.raises(Etcd2Error):
                engine.get(A)

    run_virtual(write())


def test_no_timer_is_set_while_nothing_ends_by_itself() -> None:
    async def write() -> None:
        async with in_memory() as engine:
            await engine.do(put(A, ttl_s=1))
            await engine.do(put(A))
            await asyncio.get_running_loop().create_future()

    with pytest.raises(StuckError):
        run_virtual(write())


def test_key_that_is_kept_alive_does_not_expire() -> None:
    async def write() -> None:
        async with in_memory() as engine:
            await engine.do(put(A, ttl_s=1))
            for _ in range(10):
                await asyncio.sleep(0.8)
                await engine.do(put(A, ttl_s=1))
            assert engine.index == 14
            await asyncio.sleep(1.5)
            assert engine.index == 15

    run_virtual(write())


def test_expiry_that_could_not_be_ordered_is_ordered_again() -> None:
    async def write() -> None:
        clock = VirtualClock()
        committer = FaultyCommitter(InlineCommitter(clock))
        async with Etcd2Engine(EngineParts(MemoryJournal(), committer, clock)) as engine:
            await engine.do(put(A, ttl_s=1))
            committer.faults.extend([Fault.BEFORE] * 4)
            await asyncio.sleep(20)
            assert not committer.faults
            assert engine.status().alarm == ""
            with pytest.raises(Etcd2Error):
                engine.get(A)
            assert engine.index == 5

    run_virtual(write())


def test_closed_engine_says_so() -> None:
    async def write() -> None:
        engine = in_memory()
        async with engine:
            last = engine.do(put(A))
        assert (await last).node.modified == 4
        with pytest.raises(StoreClosedError):
            await engine.do(put(A))
        with pytest.raises(StoreClosedError):
            engine.get(A)

    run_virtual(write())
