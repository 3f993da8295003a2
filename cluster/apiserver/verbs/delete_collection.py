"""DELETE of a collection: every object that the selectors pick, one after the other."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import StatusError
from cluster.apiserver.objects import Stored
from cluster.apiserver.reads.listing import encode_list
from cluster.apiserver.reads.options import list_options
from cluster.apiserver.selections import selection_of
from cluster.apiserver.verbs.delete import delete_stored, read_deletion


async def delete_collection(api: Api, call: Call) -> Answer:
    """Delete what a list with the same query would tell; answer that list."""
    resource = call.strategy.resource
    wish = await read_deletion(api, call)
    listing = await api.reads.list(resource, selection_of(call), list_options(call.query))
    cache = api.cache.of(resource)
    route = call.route
    for obj in listing.objects:
        call.route = route._replace(namespace=obj.namespace, name=obj.name)
        try:
            await delete_stored(api, call, wish, Stored(cache.message(obj), obj.revision))
        except StatusError as error:
            if error.code != 404:  # someone else was quicker: it is gone, as was wished
                raise
    call.route = route
    codec = api.negotiator.accept(call.accept).codec
    pieces = encode_list(cache, listing, codec)
    return Answer(200, codec.media_type.encode(), b"".join([piece async for piece in pieces]))
