"""The store over an engine of etcd 2: what is judged on what, and what nobody can foretell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Self

import pytest

from storage.errors import (
    CompactedError,
    KeyExistsError,
    KeyNotFoundError,
    ReadOnlyError,
    StoreClosedError,
    UnsupportedError,
)
from storage.etcd2.engine import EngineParts, Etcd2Engine
from storage.etcd2.expiry_timer import wall_ns
from storage.etcd2.journal.memory import MemoryJournal
from storage.etcd2.model import Method, Request
from storage.etcd2.store import Etcd2Store
from storage.records import KeyValue
from storage.virtual_time import VirtualClock, run_virtual
from tests.storage.engine.faults import SteppedCommitter, turns
from tests.storage.recorder import Recorder


class Stage:
    """A store whose commits the test steps through; ``first`` is the index that it begins at."""

    def __init__(self) -> None:
        self.committer = SteppedCommitter()
        self.clock = VirtualClock()
        self.engine = Etcd2Engine(EngineParts(MemoryJournal(), self.committer, self.clock))
        self.store = Etcd2Store(self.engine, self.clock)

    async def __aenter__(self) -> Self:
        await self.store.__aenter__()
        self.first = self.store.current_revision()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.committer.finish_all()
        await self.store.__aexit__()

    async def done(self, answer: asyncio.Future[int]) -> int:
        """Let everything be committed; return the answer."""
        await self.committer.finish_all()
        return await answer

    async def foreign(self, request: Request) -> None:
        """Have somebody else change something while nothing is pending."""
        answer = self.engine.do(request)
        await self.committer.finish_all()
        await answer


def staged(scenario: Callable[[Stage], Coroutine[object, object, None]]) -> Callable[[], None]:
    """Run a scenario on a stage, on virtual time."""

    async def main() -> None:
        async with Stage() as stage:
            await scenario(stage)

    @wraps(scenario)
    def test() -> None:
        run_virtual(main())

    del test.__dict__["__wrapped__"]  # or pytest would look for a fixture named stage
    return test


def test_store_that_was_never_opened_is_at_nothing() -> None:
    store = Stage().store

    assert (store.current_revision(), store.oldest_revision()) == (0, 0)


@staged
async def test_refusal_on_a_pending_write_waits_for_it(stage: Stage) -> None:
    first = stage.store.create(b"/a", b"one")
    second = stage.store.create(b"/a", b"two")
    missing = stage.store.delete(b"/none")
    await turns()
    assert not second.done()
    with pytest.raises(KeyNotFoundError):  # judged on what is applied
        await missing

    assert await stage.done(first) == stage.first + 1
    with pytest.raises(KeyExistsError) as caught:
        await second
    revision = stage.first + 1
    assert caught.value.current == KeyValue(b"/a", b"one", revision, revision, 1)


@staged
async def test_failed_group_takes_along_all_that_was_judged_on_it(stage: Stage) -> None:
    answers = [
        stage.store.create(b"/a", b"one"),
        stage.store.update(b"/a", b"two", expected=stage.first + 1),
        stage.store.create(b"/a", b"three"),
        stage.store.create(b"/deep/down/b", b"one"),
    ]
    await stage.committer.fail()

    for answer in answers:
        with pytest.raises(ReadOnlyError, match="disk on fire"):
            await answer
    with pytest.raises(ReadOnlyError):
        await stage.store.create(b"/c", b"one")
    assert stage.store.current_revision() == stage.first
    await asyncio.sleep(1)
    await stage.committer.finish_all()  # the probe
    again = [stage.store.create(key, b"x") for key in (b"/a", b"/deep", b"/deep2")]
    await stage.committer.finish_all()
    assert await asyncio.gather(*again) == [stage.first + number for number in (1, 2, 3)]


@staged
async def test_update_that_changes_nothing_waits_for_what_it_was_judged_on(stage: Stage) -> None:
    made = stage.store.create(b"/a", b"one")
    same = stage.store.update(b"/a", b"one", expected=stage.first + 1)
    await turns()
    assert not same.done()

    await stage.committer.finish_all()

    assert await made == await same == stage.store.current_revision() == stage.first + 1


@staged
async def test_key_below_or_above_a_pending_one_is_refused_until_that_fails(stage: Stage) -> None:
    made = stage.store.create(b"/a/b/c", b"one")
    refused = [stage.store.create(key, b"two") for key in (b"/a/b/c/d", b"/a/b", b"/a")]
    await turns()
    assert not any(answer.done() for answer in refused)
    await stage.committer.finish_all()
    for answer in refused:
        with pytest.raises(UnsupportedError, match=r"below it|above it"):
            await answer

    gone = stage.store.delete(b"/a/b/c")
    below = stage.store.create(b"/a/b/c/d", b"three")
    await stage.committer.finish_all()

    assert [await made, await gone, await below] == [stage.first + n for n in (1, 2, 3)]
    assert [item.key for item in (await stage.store.list(b"")).items] == [b"/a/b/c/d"]


@staged
async def test_directory_stays_when_its_keys_have_gone(stage: Stage) -> None:
    await stage.done(stage.store.create(b"/a/b", b"one"))
    await stage.done(stage.store.delete(b"/a/b"))

    with pytest.raises(UnsupportedError, match="have stood"):
        await stage.store.create(b"/a", b"one")
    assert await stage.done(stage.store.create(b"/a/b", b"two")) == stage.first + 3


async def expiring(stage: Stage) -> None:
    """Make a key that ends by itself, and wait until its end has been ordered."""
    await stage.done(stage.store.create(b"/a", b"one", ttl_s=1))
    await asyncio.sleep(1.5)
    assert len(stage.committer.jobs) == 1


@staged
async def test_writes_wait_while_it_is_not_known_what_has_expired(stage: Stage) -> None:
    recorder = Recorder(after=stage.first)
    stage.store.watch(b"/", recorder, after=stage.first)
    await expiring(stage)
    again = stage.store.create(b"/a", b"two")
    given_up = stage.store.create(b"/b", b"one")
    given_up.cancel()
    lost = stage.store.create(b"/b", b"two")
    gone = stage.store.delete(b"/a", expected=stage.first + 1)

    state = await stage.store.get(b"/a")
    assert state is not None
    assert state.value == b"one"
    await stage.committer.finish_all()

    assert await again == stage.first + 3
    with pytest.raises(KeyExistsError):
        await lost
    with pytest.raises(Exception, match="revision conflict"):
        await gone
    assert [(c.key, c.value, c.revision - stage.first) for c in recorder.changes] == [
        (b"/a", b"one", 1),
        (b"/a", None, 2),
        (b"/a", b"two", 3),
        (b"/b", b"one", 4),
    ]


@staged
async def test_expiry_that_cannot_be_committed_takes_along_those_that_wait(stage: Stage) -> None:
    await expiring(stage)
    held = stage.store.create(b"/b", b"one")

    await stage.committer.fail()

    with pytest.raises(ReadOnlyError):
        await held
    assert await stage.store.get(b"/a") is not None
    await asyncio.sleep(0.2)
    await stage.committer.finish_all()  # the probe
    await asyncio.sleep(1)
    await stage.committer.finish_all()
    assert await stage.store.get(b"/a") is None
    assert await stage.done(stage.store.create(b"/b", b"one")) == stage.first + 3


@staged
async def test_expiry_behind_writes_that_are_pending_comes_to_what_they_left(stage: Stage) -> None:
    await stage.done(stage.store.create(b"/kept", b"one", ttl_s=1))
    await stage.done(stage.store.create(b"/ends", b"one", ttl_s=1))
    await asyncio.sleep(0.9)
    in_flight = stage.store.create(b"/x", b"one")
    kept = stage.store.update(b"/kept", b"two", expected=stage.first + 1)
    await asyncio.sleep(0.6)
    held = stage.store.create(b"/ends", b"two")
    await stage.committer.finish_all()

    assert [await in_flight, await kept, await held] == [stage.first + n for n in (3, 4, 6)]
    keys = [(item.key, item.value) for item in (await stage.store.list(b"/")).items]
    assert keys == [(b"/ends", b"two"), (b"/kept", b"two"), (b"/x", b"one")]


@staged
async def test_close_finishes_writes_that_wait_for_an_expiry(stage: Stage) -> None:
    await expiring(stage)
    held = stage.store.create(b"/a", b"two")
    closing = asyncio.ensure_future(stage.store.__aexit__())
    await turns()
    with pytest.raises(StoreClosedError):
        await stage.store.create(b"/late", b"one")

    await stage.committer.finish_all()
    await closing

    assert await held == stage.first + 3


@staged
async def test_directory_that_expires_ends_watches_since_no_event_names_its_keys(
    stage: Stage,
) -> None:
    expires_ns = wall_ns(stage.clock) + 10**9
    await stage.foreign(Request(Method.PUT, "/1/dir", dir=True, expiration_ns=expires_ns))
    made = await stage.done(stage.store.create(b"/dir/a", b"one"))
    live, late, after = Recorder(after=made), Recorder(after=made), Recorder(after=made + 1)
    stage.store.watch(b"/dir/", live, after=made)

    await asyncio.sleep(1.5)
    await stage.committer.finish_all()

    assert isinstance(await live.end(), CompactedError)
    assert (await stage.store.list(b"")).items == []
    assert stage.store.oldest_revision() == made + 1
    stage.store.watch(b"/dir/", late, after=made)
    stage.store.watch(b"/dir/", after, after=made + 1)
    assert isinstance(await late.end(), CompactedError)
    assert await stage.done(stage.store.create(b"/dir/a", b"two")) == made + 2
    assert [change.revision for change in after.changes] == [made + 2]


@staged
async def test_changes_that_it_does_not_show_take_revisions(stage: Stage) -> None:
    recorder = Recorder(after=stage.first)
    stage.store.watch(b"/", recorder, after=stage.first)
    for path in ("/1/_hidden", "/1/a/_hidden/b", "/0/own"):
        await stage.foreign(Request(Method.PUT, path, "x"))
    await stage.foreign(Request(Method.PUT, "/1/folder", dir=True))

    assert recorder.changes == []
    assert recorder.revision == stage.store.current_revision() == stage.first + 4
    assert (await stage.store.list(b"")).items == []
    assert await stage.store.count(b"/a/") == 0
    assert await stage.done(stage.store.create(b"/a/b", b"one")) == stage.first + 5


@staged
async def test_leaf_that_others_set_anew_is_a_change_of_what_was_there(stage: Stage) -> None:
    recorder = Recorder(after=stage.first)
    stage.store.watch(b"/", recorder, after=stage.first)
    for value in ("one", "two"):
        await stage.foreign(Request(Method.PUT, "/1/a", value))

    assert [(change.value, change.created) for change in recorder.changes] == [
        (b"one", True),
        (b"two", False),
    ]
    revision = await stage.done(stage.store.update(b"/a", b"three", expected=stage.first + 2))
    assert revision == stage.first + 3
