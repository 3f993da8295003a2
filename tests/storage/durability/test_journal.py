"""The oracle finds what it is there to find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from storage.engine.store import EngineStore
from storage.interface import Store
from storage.mvcc import DeleteOp, PutOp, Span, Txn
from storage.registry import STORES, StoreOptions
from tests.storage.durability.journal import ImpossibleError, Journal, Write, value_of
from tests.storage.durability.oracle import Oracle, Promise

LINES = [b"? 1 1 create /a", b"! 1 1 2", b"? 1 2 update /a", b"! 1 2 3", b"? 2 1 create /b"]
IN_FLIGHT = Write(2, 1, b"/b", value_of(2, 1))


def told(lines: list[bytes]) -> Journal:
    journal = Journal()
    journal.feed(lines)
    return journal


async def stored(folder: Path, *writes: Callable[[Store], Awaitable[int]]) -> None:
    async with STORES["etcd3"].make(StoreOptions(data_dir=folder, sync=False)) as store:
        for write in writes:
            await write(store)


def create(key: bytes, value: bytes) -> Callable[[Store], Awaitable[int]]:
    return lambda store: store.create(key, value)


def update(key: bytes, value: bytes, expected: int) -> Callable[[Store], Awaitable[int]]:
    return lambda store: store.update(key, value, expected=expected)


FIRST, SECOND = create(b"/a", value_of(1, 1)), update(b"/a", value_of(1, 2), 2)


async def test_history_that_was_told_agrees(tmp_path: Path) -> None:
    journal = told(LINES)
    pending = journal.end_of_process()
    await stored(tmp_path, FIRST, SECOND)

    assert await Oracle(journal).check(tmp_path, Promise(3, 1, 1), pending) == 2
    assert pending == [IN_FLIGHT]


TORN = [b"? 1 1 create /a", b"! 1 1 2", b"? 2 1 txn /b -/a /c"]


@pytest.mark.parametrize("whole", [True, False])
async def test_transaction_in_flight_has_happened_wholly_or_not(
    tmp_path: Path, *, whole: bool
) -> None:
    journal = told(TORN)
    pending = journal.end_of_process()
    options = StoreOptions(data_dir=tmp_path, sync=False)
    async with STORES["etcd3"].make(options) as store:
        assert isinstance(store, EngineStore)
        await FIRST(store)
        ops = (PutOp(b"/b", value_of(2, 1)), DeleteOp(Span(b"/a")), PutOp(b"/c", value_of(2, 1, 2)))
        await store.txn(Txn((), ops if whole else ops[:2]))

    if whole:
        assert await Oracle(journal).check(tmp_path, Promise(2, 1, 1), pending) == 4
        assert journal.history[3] == pending[0]
    else:
        with pytest.raises(ImpossibleError, match="written by nobody"):
            await Oracle(journal).check(tmp_path, Promise(2, 1, 1), pending)


async def test_write_in_flight_may_have_happened_and_is_history_then(tmp_path: Path) -> None:
    journal = told(LINES)
    pending = journal.end_of_process()
    await stored(tmp_path, FIRST, SECOND, create(b"/b", value_of(2, 1)))

    assert await Oracle(journal).check(tmp_path, Promise(3, 1, 1), pending) == 3
    assert journal.history[4] == IN_FLIGHT


@pytest.mark.parametrize(
    ("writes", "promise", "match"),
    [
        ([FIRST], Promise(3, 1, 1), "lost"),
        ([FIRST, update(b"/a", b"other", 2)], Promise(3, 1, 1), "revision 3 is"),
        ([FIRST, SECOND, create(b"/b", b"nobody's")], Promise(3, 1, 1), "written by nobody"),
        ([FIRST, SECOND, create(b"/c", value_of(2, 1))], Promise(3, 1, 1), "written by nobody"),
        ([FIRST, SECOND], Promise(3, 2, 2), "oldest revision"),
    ],
)
async def test_history_that_was_not_told_is_found_out(
    tmp_path: Path,
    writes: list[Callable[[Store], Awaitable[int]]],
    promise: Promise,
    match: str,
) -> None:
    journal = told(LINES)
    pending = journal.end_of_process()
    await stored(tmp_path, *writes)

    with pytest.raises(ImpossibleError, match=match):
        await Oracle(journal).check(tmp_path, promise, pending)


def test_revision_told_to_two_writes_is_found_out() -> None:
    with pytest.raises(ImpossibleError, match="two writes"):
        told([*LINES, b"! 2 1 3"])


def test_refused_write_is_no_longer_in_flight() -> None:
    assert told([*LINES, b"x 2 1"]).end_of_process() == []


def test_values_tell_their_writes_apart() -> None:
    values = {value_of(writer, step) for writer in range(50) for step in range(50)}

    assert len(values) == 2500
    assert any(len(value) > 3000 for value in values)
