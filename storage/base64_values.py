r"""Binary values in a store of text: each as base64, which is how Kubernetes kept them in etcd 2.

How it works. What is wrapped is told by its first bytes, in both directions: protobuf's magic
``k8s\0`` becomes ``azhzA``. JSON and other text go as they are, so a store that was filled in JSON
is read by a server that writes protobuf, and the other way round. What begins like a wrapped value
and cannot be unwrapped is passed on as it stands: nobody will be able to read it, and who reads it
says so, as of every unreadable value.

    k8s\0\n\v...      ->  azhzAAoL...      a third more bytes
    {"kind":...     ->  {"kind":...
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Awaitable, Generator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from serialization.stored import MAGIC
from storage.errors import ConflictError, KeyExistsError, StoreError, UnsupportedError
from storage.interface import Capabilities, Store, Watch, Watcher
from storage.records import Batch, Change, KeyValue, Listing, StoreStatus

WRAPPED: Final = b"azhzA"
"""What it begins with in base64: the magic's last byte and four bits of the next share a letter."""

TURN_ITEMS: Final = 500
"""Listed values that are unwrapped in one turn of the loop: 2 ms of pods (3.2 us each)."""


@dataclass(slots=True)
class WrappingCounters:
    """What wrapping came to; the numbers only grow."""

    written: int = 0
    """Values that were wrapped to be written."""
    plain_bytes: int = 0
    """Their bytes before."""
    wrapped_bytes: int = 0
    """And after."""
    read: int = 0
    """Values that were unwrapped, in listings, watches and errors."""
    unreadable: int = 0
    """Those that began like wrapped ones, and were none."""

    def flat(self) -> dict[str, float]:
        """Return all of them under the names that ``--stats`` uses."""
        return {
            "base64_values_written": self.written,
            "base64_plain_bytes": self.plain_bytes,
            "base64_wrapped_bytes": self.wrapped_bytes,
            "base64_values_read": self.read,
            "base64_values_unreadable": self.unreadable,
        }


class Base64Values:
    """A store (``storage.interface.Store``) over one that declares ``binary_values=False``.

    It declares what that one does: only values that begin with protobuf's mark may be binary here.
    Text that would be unwrapped when it is read (nobody's but a tester's) is refused with
    UnsupportedError.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counted = WrappingCounters()

    @property
    def capabilities(self) -> Capabilities:
        return self._store.capabilities

    def counters(self) -> Mapping[str, float]:
        """Return what was wrapped and unwrapped so far, by name."""
        return self._counted.flat()

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._store.__aexit__(*exc_info)

    def create(self, key: bytes, value: bytes, *, ttl_s: int = 0) -> Awaitable[int]:
        try:
            text = self._wrap(value)
        except UnsupportedError as error:
            return _Refused(error)
        return _Answer(self, self._store.create(key, text, ttl_s=ttl_s))

    def update(self, key: bytes, value: bytes, *, expected: int, ttl_s: int = 0) -> Awaitable[int]:
        try:
            text = self._wrap(value)
        except UnsupportedError as error:
            return _Refused(error)
        return _Answer(self, self._store.update(key, text, expected=expected, ttl_s=ttl_s))

    def delete(
        self, key: bytes, *, expected: int | None = None, last: bytes | None = None
    ) -> Awaitable[int]:
        try:
            text = None if last is None else self._wrap(last)
        except UnsupportedError as error:
            return _Refused(error)
        return _Answer(self, self._store.delete(key, expected=expected, last=text))

    def compact(self, revision: int) -> Awaitable[None]:
        return self._store.compact(revision)

    def current_revision(self) -> int:
        return self._store.current_revision()

    async def latest_revision(self) -> int:
        return await self._store.latest_revision()

    def oldest_revision(self) -> int:
        return self._store.oldest_revision()

    async def get(self, key: bytes, *, revision: int = 0) -> KeyValue | None:
        found = await self._store.get(key, revision=revision)
        return None if found is None else self.plain(found)

    async def list(
        self, prefix: bytes, *, limit: int = 0, after: bytes = b"", revision: int = 0
    ) -> Listing:
        found = await self._store.list(prefix, limit=limit, after=after, revision=revision)
        plain, items = self.plain, found.items
        read = [plain(item) for item in items[:TURN_ITEMS]]
        for begin in range(TURN_ITEMS, len(items), TURN_ITEMS):
            await asyncio.sleep(0)
            read += [plain(item) for item in items[begin : begin + TURN_ITEMS]]
        return Listing(read, found.revision, found.remaining)

    async def count(self, prefix: bytes) -> int:
        return await self._store.count(prefix)

    async def status(self) -> StoreStatus:
        """Return what the store says: its bytes are those of the wrapped values."""
        return await self._store.status()

    def watch(self, prefix: bytes, watcher: Watcher, *, after: int) -> Watch:
        return self._store.watch(prefix, _Unwrapping(self, watcher), after=after)

    def plain(self, state: KeyValue) -> KeyValue:
        """Return a state with its value unwrapped; itself where that is text."""
        value = state.value
        if not value.startswith(WRAPPED):
            return state
        return KeyValue(state.key, self._unwrap(value), *state[2:])

    def plain_batch(self, batch: Batch) -> Batch:
        """Return a batch with the values of its changes unwrapped, the previous ones too."""
        return Batch(batch.revision, tuple([self._plain_change(each) for each in batch.changes]))

    def _plain_change(self, change: Change) -> Change:
        key, value, revision, create_revision, previous, version, lease = change
        if value is not None and value.startswith(WRAPPED):
            value = self._unwrap(value)
        if previous is not None:
            previous = self.plain(previous)
        return Change(key, value, revision, create_revision, previous, version, lease)

    def _wrap(self, value: bytes) -> bytes:
        """Return the text that stands for a value. Raises UnsupportedError."""
        if value.startswith(MAGIC):
            text = binascii.b2a_base64(value, newline=False)
            counted = self._counted
            counted.written += 1
            counted.plain_bytes += len(value)
            counted.wrapped_bytes += len(text)
            return text
        if value.startswith(WRAPPED) and _unwrapped(value) is not None:
            raise UnsupportedError("a value that is a binary value's base64 already")
        return value

    def _unwrap(self, text: bytes) -> bytes:
        """Return the value behind a text that begins like a wrapped one."""
        value = _unwrapped(text)
        if value is None:
            self._counted.unreadable += 1
            return text
        self._counted.read += 1
        return value


def with_text_values(store: Store) -> Store:
    """Return a store that takes Kubernetes' binary values: itself, or one that wraps them."""
    return store if store.capabilities.binary_values else Base64Values(store)


def _unwrapped(text: bytes) -> bytes | None:
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return value if value.startswith(MAGIC) else None


class _Answer:
    """The answer to a write: the store's own, the state that an error tells of unwrapped."""

    __slots__ = ("_answer", "_values")

    def __init__(self, values: Base64Values, answer: Awaitable[int]) -> None:
        self._values = values
        self._answer = answer

    def __await__(self) -> Generator[object, None, int]:
        try:
            return (yield from self._answer.__await__())
        except (KeyExistsError, ConflictError) as error:
            error.current = self._values.plain(error.current)
            raise


class _Refused:
    """The answer to a write that was not even tried."""

    __slots__ = ("_error",)

    def __init__(self, error: StoreError) -> None:
        self._error = error

    def __await__(self) -> Generator[object, None, int]:
        return self._fail().__await__()

    async def _fail(self) -> int:
        raise self._error


class _Unwrapping:
    """A watcher that passes on what it is delivered, unwrapped."""

    __slots__ = ("_values", "_watcher")

    def __init__(self, values: Base64Values, watcher: Watcher) -> None:
        self._values = values
        self._watcher = watcher

    def deliver(self, batch: Batch) -> None:
        self._watcher.deliver(self._values.plain_batch(batch) if batch.changes else batch)

    def closed(self, error: StoreError) -> None:
        self._watcher.closed(error)
