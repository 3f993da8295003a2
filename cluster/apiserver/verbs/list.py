"""GET of a collection: cached bytes, joined."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.reads.options import list_options
from cluster.apiserver.selections import selection_of
from cluster.apiserver.tables.document import TableWriter


async def list_objects(api: Api, call: Call) -> Answer | None:
    """Answer the objects of a collection that the selectors pick."""
    resource = call.strategy.resource
    codec, as_table = api.negotiator.accept(call.accept, tables=True, streams=True)
    selection = selection_of(call)
    call.media = codec.media_type.encode()
    if as_table:
        listing = await api.reads.list(resource, selection, list_options(call.query))
        writer = TableWriter(api.cache.of(resource), call.strategy.type_meta, codec)
        include = call.query.get("includeObject", "")
        table = writer.document(listing.head, listing.objects, include, api.clock.now())
        return Answer(200, call.media, table)
    await api.reads.answer_list(call.stream, resource, codec, selection, call.query)
    return None
