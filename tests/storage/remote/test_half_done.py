"""A delete with a last value is two Txns: what its caller learns where only the first happens."""

from __future__ import annotations

import pytest

from storage.clock import SystemClock
from storage.errors import ConflictError, StoreUnavailableError, UnknownOutcomeError
from storage.records import KeyValue
from storage.remote.etcd3.failures import CallError, write_refusal
from storage.remote.etcd3.store import RemoteStore
from storage.remote.etcd3.writes import Writer
from storage.remote.url import parse_url
from tests.storage.recorder import Recorder
from tests.storage.serve.served import served


@pytest.mark.parametrize(
    ("last", "told"), [(b"two", UnknownOutcomeError), (b"one", StoreUnavailableError)]
)
async def test_removal_that_is_refused_says_whether_anything_was_written(
    monkeypatch: pytest.MonkeyPatch, last: bytes, told: type[Exception]
) -> None:
    async def refused(_writer: Writer, _key: bytes, _expected: int | None) -> int:
        raise write_refusal(CallError("UNAVAILABLE", "etcdserver: no leader"))

    async with (
        served() as engine,
        RemoteStore(parse_url(f"etcd3://{engine.target}"), SystemClock()) as store,
    ):
        made = await store.create(b"/a", b"one")
        monkeypatch.setattr(Writer, "delete", refused)

        with pytest.raises(told, match="no leader"):
            await store.delete(b"/a", last=last)

        found = await store.get(b"/a")
        assert found is not None
        assert (found.value, found.revision > made) == (last, last == b"two")


async def test_write_that_comes_between_is_a_conflict_and_watchers_see_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delete = Writer.delete

    async with (
        served() as engine,
        RemoteStore(parse_url(f"etcd3://{engine.target}"), SystemClock()) as store,
    ):

        async def late(writer: Writer, key: bytes, expected: int | None) -> int:
            await engine.put(key, b"another's")
            return await delete(writer, key, expected)

        await store.create(b"/a", b"one")
        recorder = Recorder(2)
        store.watch(b"/", recorder, after=2)
        monkeypatch.setattr(Writer, "delete", late)

        with pytest.raises(ConflictError) as caught:
            await store.delete(b"/a", last=b"two")

        assert caught.value.current == KeyValue(b"/a", b"another's", 4, 2, 3)
        assert [change.value for change in recorder.changes] == [b"two", b"another's"]
