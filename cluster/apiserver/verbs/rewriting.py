"""Read, change, write if nothing has changed meanwhile: what every verb on an existing object does.

The change is a synchronous function of the newest state. It is tried on the cached state first;
when the store says that there is a newer one, it is tried on that, which the error carries: no
second read, and no wait for the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import conflict, not_found, unreasoned
from cluster.apiserver.objects import Stored
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
    if not text.isdecimal():
        raise unreasoned(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


async def newest_known(api: Api, call: Call, wanted: int) -> Stored | None:
    """Return the cached state, or the store's where a client knows another one than the cache."""
    current = api.cached(call)
    if current is None or (wanted and current.revision != wanted):
        return await api.newest(call)
    return current


async def rewrite(
    api: Api, call: Call, current: Stored | None, change: Change, *, code: int = 200
) -> Answer:
    """Apply ``change`` to the newest state and answer the result. 404 when there is none."""
    resource, key = call.strategy.resource, call.key
    for _ in range(TRIES):
        if current is None:
            break
        new = change(current)
        try:
            if is_gone(call, new):
                return await _remove(api, call, current, new)
            encoded = api.encode(call.strategy, new)
            if call.dry_run:
                return api.written(call, code, new, encoded, 0)
            revision = await api.store.update(
                key, encoded.value, expected=current.revision, ttl_s=call.strategy.ttl_s
            )
            return api.written(call, code, new, encoded, revision)
        except ConflictError as error:
            current = api.stored(resource, error.current)
        except KeyNotFoundError:
            current = None
    if current is None:
        raise not_found(resource, call.route.name)
    raise conflict(resource, call.route.name)


def is_gone(call: Call, obj: Message) -> bool:
    """Tell whether an object that is being deleted has nothing left that keeps it."""
    meta = metadata_of(obj)
    return (
        meta.HasField("deletionTimestamp")
        and not meta.finalizers
        and not meta.deletionGracePeriodSeconds
        and call.strategy.may_go(obj)
    )


async def _remove(api: Api, call: Call, current: Stored, last: Message) -> Answer:
    if not call.dry_run:
        await api.store.delete(call.key, expected=current.revision)
    codec = api.negotiator.accept(call.accept).codec
    metadata_of(last).resourceVersion = str(current.revision)
    return api.answer(call, 200, codec.encode_bare(last), codec)
