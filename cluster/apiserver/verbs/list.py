"""GET of a collection: cached bytes, joined."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.reads.watching import Target, Wire
from cluster.apiserver.selections import selection_of
from cluster.apiserver.views.choice import choose_view


async def list_objects(api: Api, call: Call) -> Answer | None:
    """Answer the objects of a collection that the selectors pick."""
    accepted = api.negotiator.accept(call.accept, forms=True, streams=True)
    selection = selection_of(call)
    cache = api.cache.of(call.strategy.resource)
    include = call.query.get("includeObject", "")
    view = choose_view(accepted, cache, api.clock, include, of_list=True)
    call.media = view.media_type
    wire = Wire(call.scope, call.receive, call.stream)
    await api.reads.answer_list(wire, Target(cache, selection, view), call.query)
    return None
