"""GET of a collection with ``watch``: a stream of changes."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.reads.watching import Wire
from cluster.apiserver.selections import selection_of


async def watch_objects(api: Api, call: Call) -> Answer | None:
    """Answer the changes of a collection, until one side ends it."""
    resource, route = call.strategy.resource, call.route
    codec = api.negotiator.accept(call.accept, streams=True).codec
    selection = selection_of(call)
    call.media = codec.stream_media_type.encode()
    wire = Wire(call.scope, call.receive, call.stream)
    scope = "namespace" if route.namespace else "cluster"
    key = (resource.group, resource.version, resource.plural, scope)
    api.metrics.watches[key] += 1
    api.metrics.inflight["readOnly"] -= 1  # it is counted as long-running instead
    try:
        await api.reads.answer_watch(wire, resource, codec, selection, call.query)
    finally:
        api.metrics.inflight["readOnly"] += 1
        api.metrics.watches[key] -= 1
    return None
