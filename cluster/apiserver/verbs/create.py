"""POST to a collection."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import already_exists, bad_request, invalid_object, unreasoned
from cluster.apiserver.identity import generated_name, stamp_new
from cluster.apiserver.namespaces import check_namespace, know_namespace
from cluster.apiserver.objects import Encoded
from cluster.apiserver.paths import Route
from cluster.apiserver.resources.metadata import metadata_problems
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.scheme import metadata_of
from storage.errors import KeyExistsError

GENERATE_TRIES: Final = 8
"""How many generated names are tried before the client is told that they all exist."""


async def create(api: Api, call: Call) -> Answer:
    """Store a new object. 409 when it exists."""
    obj = await api.body(call)
    if api.cache.others_write:
        await know_namespace(api.cache, call.route.namespace)
    admit(api, call, obj)
    return await store_new(api, call, obj, code=201)


def admit(api: Api, call: Call, obj: Message) -> None:
    """Judge a decoded object in the light of the call, and fill it in. Raises StatusError."""
    strategy, namespace = call.strategy, call.route.namespace
    meta = metadata_of(obj)
    if strategy.resource.namespaced:
        if meta.namespace and meta.namespace != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        _check_version(meta)
        check_namespace(api.cache, strategy.resource, namespace, meta.name)
    else:
        _check_version(meta)
    stamp_new(meta, namespace, api.clock, api.random)
    if not meta.name and meta.generateName:
        meta.name = generated_name(meta.generateName, api.random)
        call.name_generated = True
    strategy.admit(obj)


def _check_version(meta: ObjectMeta) -> None:
    if meta.resourceVersion not in {"", "0"}:
        raise unreasoned("resourceVersion should not be set on objects to be created")


async def store_new(api: Api, call: Call, obj: Message, *, code: int) -> Answer:
    """Validate and store an admitted object, and answer it.

    A generated name that is taken is drawn again.
    """
    strategy = call.strategy
    resource = strategy.resource
    meta = metadata_of(obj)
    tries = GENERATE_TRIES if call.name_generated else 1
    for left in range(tries - 1, -1, -1):
        problems = metadata_problems(meta, strategy.name_errors) + strategy.validate(obj)
        problems += strategy.validate_create(obj)
        if problems:
            raise invalid_object(resource.kind, meta.name, problems, group=resource.group)
        if left == tries - 1:
            call.warnings += strategy.warnings(obj)
        call.route = Route(*call.route[:4], meta.name)
        try:
            return await _write(api, call, obj, code)
        except KeyExistsError:
            if not left:
                raise already_exists(resource, meta.name) from None
            meta.name = generated_name(meta.generateName, api.random)
            strategy.default(obj)
    raise AssertionError("the last try returns or raises")


async def _write(api: Api, call: Call, obj: Message, code: int) -> Answer:
    resource = call.strategy.resource
    if api.shared and (claims := api.shared.get(resource.message)) is not None:
        async with claims.hold(obj, None, dry_run=call.dry_run):
            encoded, revision = await _put(api, call, obj)
    else:
        with api.hold(resource, obj):
            encoded, revision = await _put(api, call, obj)
    return api.written(call, code, obj, encoded, revision)


async def _put(api: Api, call: Call, obj: Message) -> tuple[Encoded, int]:
    """Store an object; return it as stored, and its revision (0: a dry run)."""
    encoded = api.encode(call.strategy, obj)
    if call.dry_run:
        sure = not api.cache.others_write
        if (api.cached(call) if sure else await api.newest(call)) is not None:
            raise already_exists(call.strategy.resource, call.route.name)
        return encoded, 0
    return encoded, await api.store.create(call.key, encoded.value, ttl_s=call.strategy.ttl_s)
