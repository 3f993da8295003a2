"""GET of a collection: cached bytes, joined."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.selections import selection_of


async def list_objects(api: Api, call: Call) -> Answer | None:
    """Answer the objects of a collection that the selectors pick."""
    resource = call.strategy.resource
    codec = api.negotiator.accept(call.accept, streams=True).codec
    selection = selection_of(call)
    call.media = codec.media_type.encode()
    await api.reads.answer_list(call.stream, resource, codec, selection, call.query)
    return None
