"""Read, change, write if nothing has changed meanwhile: what every verb on an existing object does.

The change is a synchronous function of the newest state. It is tried on the cached state first;
when the store says that there is a newer one, it is tried on that, which the error carries: no
second read, and no wait for the cache.

On a store that others write to, the cached state may be an old one. What is written on it the store
refuses; but what is *not* written because of it, a change that is refused or that is only tried, is
judged once more on the state that the store has, unless that is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import StatusError, conflict, not_found, unreasoned
from cluster.apiserver.numbers import uint64
from cluster.apiserver.objects import Encoded, Stored
from serialization.scheme import metadata_of
from storage.errors import ConflictError, KeyNotFoundError

TRIES: Final = 64
"""Each failed try means that another write has gone through, so this is only a bound."""

Change = Callable[[Stored], Message]
"""Makes the new state of the old one, which it may use up. Raises StatusError to refuse."""


def wanted_revision(text: str) -> int:
    """Return the revision that a resourceVersion names; 0 for none (any state will do)."""
    if not text or text == "0":
        return 0
    try:
        return uint64(text)
    except ValueError as error:
        raise unreasoned(str(error)) from None


async def newest_known(api: Api, call: Call, wanted: int) -> Stored | None:
    """Return the cached state, or the store's where a client knows another one than the cache."""
    current = api.cached(call)
    if current is None or (wanted and current.revision != wanted):
        return await api.newest(call)
    return current


async def newer_than(api: Api, call: Call, current: Stored, refusal: StatusError) -> Stored | None:
    """Return the state to judge again on, after a refusal. Raises the refusal where it stands."""
    if not current.doubtful:
        raise refusal
    newest = await api.newest(call)
    if newest is not None and newest.revision == current.revision:
        raise refusal
    return newest


class Written(NamedTuple):
    """What came of a change."""

    message: Message
    revision: int
    """Of the state that the message is, of a dry run: of the state that it was made of."""
    encoded: Encoded | None
    """None when the object is gone: the message is the last that it was."""


async def rewrite(
    api: Api, call: Call, current: Stored | None, change: Change, *, code: int = 200
) -> Answer:
    """Apply ``change`` to the newest state and answer the result. 404 when there is none."""
    message, revision, encoded = await write_changed(api, call, current, change)
    if encoded is not None and not call.dry_run:
        return api.written(call, code, message, encoded, revision)
    codec = api.negotiator.accept(call.accept).codec
    metadata_of(message).resourceVersion = str(revision)
    return api.answer(call, code, codec.encode_bare(message), codec)


async def write_changed(api: Api, call: Call, current: Stored | None, change: Change) -> Written:
    """Apply ``change`` to the newest state and store the result. 404 when there is none."""
    resource = call.strategy.resource
    if current is not None and current.doubtful and call.dry_run:
        current = await api.newest(call)
    for _ in range(TRIES):
        if current is None:
            break
        try:
            new = change(current)
        except StatusError as refusal:
            current = await newer_than(api, call, current, refusal)
            continue
        try:
            return await _write(api, call, new, current)
        except ConflictError as error:
            current = api.stored(resource, error.current)
        except KeyNotFoundError:
            current = None
    if current is None:
        raise not_found(resource, call.route.name)
    raise conflict(resource, call.route.name)


async def _write(api: Api, call: Call, new: Message, current: Stored) -> Written:
    """Store what a change has made of the current state. Raises the store's errors."""
    resource, expected = call.strategy.resource, current.revision
    if is_gone(call, new):
        if not call.dry_run:
            async with api.leave(resource, new):
                await api.store.delete(call.key, expected=expected)
        return Written(new, expected, None)
    if api.shared and (claims := api.shared.get(resource.message)) is not None:
        async with claims.hold(new, current.message, dry_run=call.dry_run):
            return await _put(api, call, new, expected)
    with api.hold(resource, new):
        return await _put(api, call, new, expected)


async def _put(api: Api, call: Call, new: Message, expected: int) -> Written:
    encoded = api.encode(call.strategy, new)
    if call.dry_run:
        return Written(new, expected, encoded)
    if call.strategy.ttl_s and await _changes_nothing(api, call, encoded, expected):
        return Written(new, expected, encoded)
    revision = await api.store.update(
        call.key, encoded.value, expected=expected, ttl_s=call.strategy.ttl_s
    )
    return Written(new, revision, encoded)


async def _changes_nothing(api: Api, call: Call, encoded: Encoded, expected: int) -> bool:
    """Tell whether the very bytes of a key that ends by itself are to be stored once more.

    A store writes them, for the time begins anew with each update; a real API server does not.
    """
    route = call.route
    found = api.cache.of(call.strategy.resource).get(route.namespace, route.name)
    if found is None or found.revision != expected or found.bare != encoded.bare:
        return False
    if not api.cache.others_write:
        return True
    entry = await api.store.get(call.key)
    return entry is not None and entry.revision == expected


def is_gone(call: Call, obj: Message) -> bool:
    """Tell whether an object that is being deleted has nothing left that keeps it."""
    meta = metadata_of(obj)
    return (
        meta.HasField("deletionTimestamp")
        and not meta.finalizers
        and not meta.deletionGracePeriodSeconds
        and call.strategy.may_go(obj)
    )
