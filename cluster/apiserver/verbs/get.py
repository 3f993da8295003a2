"""GET of one object: bytes out of the cache, nothing is encoded twice."""

from __future__ import annotations

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.compression import ENCODED, THRESHOLD_BYTES, compress, takes_gzip
from cluster.apiserver.errors import not_found, unreasoned
from cluster.apiserver.numbers import uint64
from cluster.apiserver.views.choice import choose_view


async def get(api: Api, call: Call) -> Answer:
    """Answer the newest applied state; with a resourceVersion, one that is no older."""
    accepted = api.negotiator.accept(call.accept, forms=True)
    cache = api.cache.of(call.strategy.resource)
    wanted = call.query.get("resourceVersion", "") if call.query else ""
    if wanted or api.cache.others_write:
        await wait_for(api, wanted)
        cache.check()
    found = cache.get(call.route.namespace, call.route.name)
    if found is None:
        if cache.unread(call.route.namespace, call.route.name):
            await api.newest(call)
        raise not_found(call.strategy.resource, call.route.name)
    codec = accepted.codec
    if accepted.form:
        include = call.query.get("includeObject", "")
        view = choose_view(accepted, cache, api.clock, include, of_list=False)
        answer = Answer(200, view.media_type, view.document(found))
    else:
        answer = api.answer(call, 200, cache.bare(found, codec), codec)
    if len(answer.body) > THRESHOLD_BYTES and takes_gzip(call.scope):
        headers = (*answer.headers, *ENCODED)
        answer = answer._replace(body=compress(answer.body), headers=headers)
    return answer


async def wait_for(api: Api, wanted: str) -> None:
    """Return once the cache is as new as a read wants it; without a resourceVersion, the newest."""
    if not wanted:
        if api.cache.others_write:
            await api.cache.catch_up()
        return
    try:
        revision = uint64(wanted)
    except ValueError as error:
        raise unreasoned(f'resourceVersion: Invalid value: "{wanted}": {error}') from None
    await api.cache.wait_for(revision)
