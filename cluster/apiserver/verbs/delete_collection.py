"""DELETE of a collection: every object that the selectors pick, a bounded number at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from copy import copy
from typing import Final

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.deletion import Wish
from cluster.apiserver.errors import StatusError
from cluster.apiserver.objects import Stored
from cluster.apiserver.reads.options import list_options
from cluster.apiserver.selections import selection_of
from cluster.apiserver.verbs.delete import delete_stored, read_wish
from cluster.apiserver.views.pieces import Turn
from cluster.apiserver.views.plain import PlainView
from storage.watchcache.objects import CachedObject

AT_ONCE: Final = 16
"""Deletions of one request in flight, so that they share the store's commits."""


async def delete_collection(api: Api, call: Call) -> Answer:
    """Delete what a list with the same query tells; answer that list.

    The first failure is answered, and no further deletion is begun after it.
    """
    resource = call.strategy.resource
    wish = await read_wish(api, call)
    listing = await api.reads.list(resource, selection_of(call), list_options(call.query))
    cache = api.cache.of(resource)
    left = iter(listing.objects)
    failures: list[StatusError] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(listing.objects))):
            group.create_task(_delete_some(api, call, wish, left, failures))
    if failures:
        raise failures[0]
    codec = api.negotiator.accept(call.accept).codec
    pieces = PlainView(cache, codec).document_list(*listing, Turn(api.clock))
    return Answer(200, codec.media_type.encode(), b"".join([piece async for piece in pieces]))


async def _delete_some(
    api: Api, call: Call, wish: Wish, left: Iterator[CachedObject], failures: list[StatusError]
) -> None:
    """Delete what others have left, until nothing is, or something has failed."""
    cache = api.cache.of(call.strategy.resource)
    for obj in left:
        each = copy(call)
        each.route = call.route._replace(namespace=obj.namespace, name=obj.name)
        try:
            seen = Stored(cache.message(obj), obj.revision, api.cache.others_write)
            await delete_stored(api, each, wish, seen)
        except StatusError as error:
            if error.code != 404:  # someone else was quicker: it is gone, as was wished
                failures.append(error)
        if failures:
            return
