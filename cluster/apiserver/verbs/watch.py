"""GET of a collection with ``watch``: a stream of changes."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.reads.watching import Target, Wire
from cluster.apiserver.selections import selection_of
from cluster.apiserver.views.choice import choose_view


async def watch_objects(api: Api, call: Call) -> Answer | None:
    """Answer the changes of a collection, until one side ends it."""
    resource, route = call.strategy.resource, call.route
    accepted = api.negotiator.accept_stream(call.accept)
    selection = selection_of(call)
    cache = api.cache.of(resource)
    include = call.query.get("includeObject", "")
    view = choose_view(accepted, cache, api.clock, include, of_list=False)
    call.media = accepted.codec.stream_media_type.encode()
    wire = Wire(call.scope, call.receive, call.stream)
    scope = "namespace" if route.namespace else "cluster"
    key = (resource.group, resource.version, resource.plural, scope)
    api.metrics.watches[key] += 1
    try:
        await api.reads.answer_watch(wire, Target(cache, selection, view), call.query)
    finally:
        api.metrics.watches[key] -= 1
    return None
