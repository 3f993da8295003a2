"""Binary values over a store of text: nobody above sees that they are wrapped."""

from __future__ import annotations

import asyncio
import base64
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.stored import MAGIC
from storage.base64_values import TURN_ITEMS, WRAPPED, Base64Values, with_text_values
from storage.clock import SystemClock
from storage.errors import ConflictError, KeyExistsError, UnsupportedError
from storage.registry import STORES, StoreOptions
from tests.storage.limited import LimitedStore
from tests.storage.recorder import Recorder

OBJECT: Final = MAGIC + b"\n\x07\n\x02v1\x12\x01P\xff\xfe"
OTHER: Final = MAGIC + bytes(range(256))
JSON: Final = b'{"kind":"Pod"}'
BROKEN: Final = (
    WRAPPED + b"A",  # the padding lacks
    WRAPPED + b"AAA\n",
    WRAPPED + b"!!!",
    b"azhzAQ==",  # base64, of something else
)
values = st.one_of(
    st.binary(max_size=80).map(MAGIC.__add__),
    st.sampled_from([*BROKEN, b"", b"k8s", b"7", JSON]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(str.encode),
)


def stores() -> tuple[LimitedStore, Base64Values]:
    """Return a store of text, and the one over it; open the second."""
    text = LimitedStore(SystemClock())
    return text, Base64Values(text)


@given(st.lists(values, min_size=1, max_size=6))
def test_whatever_is_written_is_read_again(history: list[bytes]) -> None:
    async def story() -> None:
        text, store = stores()
        async with store:
            watcher = Recorder(1)
            store.watch(b"/a/", watcher, after=1)
            revision = await store.create(b"/a/b", history[0])
            for value in history[1:]:
                revision = await store.update(b"/a/b", value, expected=revision)
            found = await store.get(b"/a/b")
            assert found is not None
            assert found.value == history[-1]
            assert (await store.list(b"/a/")).items == [found]
            stored = await text.get(b"/a/b")
            assert stored is not None
            assert (stored.value == found.value) == (not found.value.startswith(MAGIC))
            await watcher.reach(revision)
            told = [change.value for change in watcher.changes]
            written = [v for v, last in zip(history, [None, *history], strict=False) if v != last]
            assert told == written
            before = [c.previous and c.previous.value for c in watcher.changes]
            assert before == [None, *written[:-1]]

    asyncio.run(story())


@given(st.binary(max_size=200))
def test_what_is_stored_is_base64_as_others_read_it(rest: bytes) -> None:
    async def story() -> None:
        text, store = stores()
        async with store:
            await store.create(b"/a", MAGIC + rest)
            stored = await text.get(b"/a")
            assert stored is not None
            assert stored.value.startswith(WRAPPED if rest else b"azhzAA==")
            assert base64.b64decode(stored.value, validate=True) == MAGIC + rest

    asyncio.run(story())


async def test_errors_tell_the_state_unwrapped() -> None:
    _text, store = stores()
    async with store:
        first = await store.create(b"/a", OBJECT)
        with pytest.raises(KeyExistsError) as exists:
            await store.create(b"/a", OTHER)
        assert exists.value.current.value == OBJECT
        with pytest.raises(ConflictError) as conflict:
            await store.update(b"/a", OTHER, expected=first + 9)
        assert conflict.value.current == exists.value.current
        with pytest.raises(ConflictError) as conflict:
            await store.delete(b"/a", expected=first + 9)
        assert conflict.value.current.value == OBJECT


async def test_an_update_that_changes_no_byte_writes_nothing() -> None:
    _text, store = stores()
    async with store:
        first = await store.create(b"/a", OBJECT)
        assert await store.update(b"/a", OBJECT, expected=first) == first
        assert store.current_revision() == first


async def test_a_delete_with_a_last_value_tells_both() -> None:
    _text, store = stores()
    async with store:
        watcher = Recorder(1)
        store.watch(b"", watcher, after=1)
        first = await store.create(b"/a", OBJECT)
        await watcher.reach(await store.delete(b"/a", expected=first, last=OTHER))
        assert [change.value for change in watcher.changes] == [OBJECT, OTHER, None]
        gone = watcher.changes[-1].previous
        assert gone is not None
        assert gone.value == OTHER


async def test_a_write_is_judged_at_the_call() -> None:
    _text, store = stores()
    async with store:
        first = store.create(b"/a", OBJECT)
        second = store.create(b"/a", OTHER)
        with pytest.raises(KeyExistsError):
            await second
        assert await first == store.current_revision()


@pytest.mark.parametrize("text", BROKEN)
async def test_what_cannot_be_unwrapped_is_passed_on_as_it_stands(text: bytes) -> None:
    within, store = stores()
    async with store:
        await within.create(b"/a", text)
        found = await store.get(b"/a")
        assert found is not None
        assert found.value == text
        unreadable = store.counters()["base64_values_unreadable"]
        assert unreadable == (1 if text.startswith(WRAPPED) else 0)


async def test_text_that_would_be_unwrapped_is_refused() -> None:
    text = base64.b64encode(OBJECT)
    within, store = stores()
    async with store:
        revision = await store.create(b"/a", OBJECT)
        for refused in (
            store.create(b"/b", text),
            store.update(b"/a", text, expected=revision),
            store.delete(b"/a", last=text),
        ):
            with pytest.raises(UnsupportedError):
                await refused
        assert within.current_revision() == revision


async def test_counters_tell_what_wrapping_costs() -> None:
    _text, store = stores()
    async with store:
        await store.create(b"/a", OTHER)
        await store.create(b"/b", JSON)
        await store.list(b"")
        told = store.counters()
        assert told["base64_values_written"] == told["base64_values_read"] == 1
        assert told["base64_plain_bytes"] == len(OTHER)
        assert told["base64_wrapped_bytes"] == len(base64.b64encode(OTHER))


async def test_a_watch_that_ends_says_so() -> None:
    text, store = stores()
    async with store:
        watcher = Recorder(1)
        store.watch(b"", watcher, after=1)
        text.clear_index()
        assert watcher.error is not None


async def test_a_store_of_bytes_is_left_alone() -> None:
    store = STORES["memory"].make(StoreOptions(inline_commits=True))
    assert with_text_values(store) is store
    text = LimitedStore(SystemClock())
    assert isinstance(with_text_values(text), Base64Values)


async def test_a_long_list_is_whole_and_lets_others_in() -> None:
    _text, store = stores()
    async with store:
        count = 2 * TURN_ITEMS + 1
        for number in range(count):
            await store.create(b"/a/%05d" % number, OBJECT + b"%d" % number)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(others())
        found = await store.list(b"/a/")
        beside.cancel()
        assert turns >= 2
        assert [item.value for item in found.items] == [OBJECT + b"%d" % n for n in range(count)]
