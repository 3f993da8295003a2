"""Writes to etcd: one request each, many on their way at once, answered when the feed told them.

A create is a PUT that requires that the key does not exist; an update and a delete compare the
index of the key's last change. etcd tells of a compare that failed neither the key's value nor its
index, so the key is read then, through the log: an error carries that state, and waits until the
feed has told it. Where the state read shows no reason (others write, too), the write is tried anew:
it certainly had not happened.

Whether an update would change anything is decided by the state that the feed told last: if that is
of the expected index and has other bytes, or ends by itself, the compare suffices; else the key is
read, which also confirms that it still is as expected, and where it has the same bytes nothing is
written.

``delete(last=...)`` is two requests, the second comparing the index that the first one got. Where
somebody else writes between them, the caller is told of the conflict, and the last value stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

from storage.errors import (
    ConflictError,
    KeyExistsError,
    KeyNotFoundError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from storage.etcd2.errors import Code
from storage.etcd2.keys import text_of
from storage.remote.etcd2.failures import CallError, RefusedError, failure, refusal
from storage.remote.etcd2.feed import Feed
from storage.remote.etcd2.keys import KeySpace, form
from storage.remote.etcd2.link import Link, index_of
from storage.remote.etcd2.reads import Found, Reader
from storage.remote.http1.connection import Answer
from storage.remote.http1.failures import Fault

TRIES_MAX: Final = 20
"""How often a write is tried whose refusal nothing explains that is there a moment later."""

WRITES_MAX: Final = 48
"""Writes that the feed has not told yet: of two requests each at most, so fewer than the hundred
events for which etcd has room. No stream breaks for what this store writes by itself."""


class JudgedError(StoreError):
    """A write was refused by the state at ``revision``: ``error`` says why."""

    def __init__(self, error: StoreError, revision: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.revision = revision


class Writer:
    """Writes to a key space. Its methods return the revision; raise StoreError, JudgedError."""

    def __init__(self, link: Link, keys: KeySpace, feed: Feed, reader: Reader) -> None:
        self.writes = 0
        self.requests = 0
        self.room = asyncio.Semaphore(WRITES_MAX)
        self._link = link
        self._keys = keys
        self._feed = feed
        self._reader = reader

    async def create(self, key: bytes, value: bytes, ttl_s: int) -> int:
        """Make a key."""
        path = self._keys.path(key)
        body = form(text_of(key, value))
        condition = b"?prevExist=false" + _ttl(ttl_s) + b"&noValueOnSuccess=true"
        for _ in range(TRIES_MAX):
            answer = await self._sent(self._link.put(path + condition, body), 201)
            if answer.status == 201:
                return self._written(answer)
            told = refusal(answer)
            if told.code == Code.NOT_DIR:
                raise UnsupportedError(f"a key of etcd 2 cannot stand below another: {told.cause}")
            if told.code != Code.NODE_EXIST:
                raise failure(told)
            found = await self._reader.node(path)
            if found.state is not None:
                raise JudgedError(KeyExistsError(key, found.state), found.state.revision)
            if found.directory:
                raise UnsupportedError("other keys of etcd 2 stand below this one")
        raise StoreUnavailableError("others make and remove the key all the time")

    async def update(self, key: bytes, value: bytes, expected: int, ttl_s: int) -> int:
        """Replace a value."""
        path = self._keys.path(key)
        text = text_of(key, value)
        if not ttl_s:
            known = self._feed.recent.get(key)
            if known is None or known.revision != expected or known.value == value:
                found = await self._reader.node(path)
                state = found.state
                if state is None or state.revision != expected:
                    raise _missed(key, found, expected)
                if state.value == value and not found.ends:
                    return expected
        condition = b"?prevIndex=%d" % expected + _ttl(ttl_s) + b"&noValueOnSuccess=true"
        body = form(text)
        for _ in range(TRIES_MAX):
            if expected > 0:  # none is no condition at all
                answer = await self._sent(self._link.put(path + condition, body), 200)
                if answer.status == 200:
                    return self._written(answer)
                _check_missed(answer)
            found = await self._reader.node(path)
            if found.state is None or found.state.revision != expected:
                raise _missed(key, found, expected)
        raise StoreUnavailableError("others write the key all the time")

    async def delete(self, key: bytes, expected: int | None) -> int:
        """Remove a key."""
        path = self._keys.path(key)
        condition = b"" if expected is None else b"?prevIndex=%d" % expected
        for _ in range(TRIES_MAX):
            if expected is None or expected > 0:
                answer = await self._sent(self._link.delete(path + condition), 200)
                if answer.status == 200:
                    return self._written(answer)
                _check_missed(answer)
            found = await self._reader.node(path)
            state = found.state
            if state is None or (expected is not None and state.revision != expected):
                raise _missed(key, found, expected or 0)
        raise StoreUnavailableError("others write the key all the time")

    async def retire(self, key: bytes, expected: int | None, last: bytes) -> int:
        """Give a key its last value, then remove it."""
        if expected is None:
            found = await self._reader.node(self._keys.path(key))
            if found.state is None:
                raise _missed(key, found, 0)
            expected = found.state.revision
        revision = await self.update(key, last, expected, 0)
        try:
            return await self.delete(key, revision)
        except (JudgedError, UnknownOutcomeError):
            raise
        except StoreError as error:
            if revision == expected:
                raise
            raise UnknownOutcomeError(f"written for the last time, not removed: {error}") from error

    async def _sent(self, request: Coroutine[object, object, Answer], success: int) -> Answer:
        """Send a write; return an answer of status ``success``, or a refusal. Raises StoreError."""
        self.requests += 1
        try:
            answer = await request
        except RefusedError as error:
            raise failure(error) from error
        except CallError as error:
            if error.refused or error.fault is Fault.CLOSED:
                raise failure(error) from error
            raise UnknownOutcomeError(f"a write was sent, and no answer came: {error}") from error
        if answer.status < 300 and answer.status != success:
            raise UnknownOutcomeError(f"a write was answered with HTTP status {answer.status}")
        return answer

    def _written(self, answer: Answer) -> int:
        self.writes += 1
        revision = index_of(answer)
        if not revision:
            raise UnknownOutcomeError("written, but the answer tells no index")
        return revision


def _ttl(ttl_s: int) -> bytes:
    return b"&ttl=%d" % ttl_s if ttl_s else b""


def _missed(key: bytes, found: Found, expected: int) -> JudgedError:
    """Return the refusal of a write by the state that a key was found in."""
    state = found.state
    if state is None:
        return JudgedError(KeyNotFoundError(key), found.at)
    return JudgedError(ConflictError(key, expected, state), state.revision)


def _check_missed(answer: Answer) -> None:
    """Check that etcd refuses a write for the state of its key. Raises StoreError."""
    told = refusal(answer)
    if told.code not in (Code.KEY_NOT_FOUND, Code.TEST_FAILED, Code.NOT_FILE, Code.NOT_DIR):
        raise failure(told)
