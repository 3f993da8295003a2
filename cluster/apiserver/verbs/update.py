"""PUT of a whole object."""

from __future__ import annotations

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import bad_request, conflict, invalid_object, wrong_uid
from cluster.apiserver.namespaces import know_namespace
from cluster.apiserver.objects import Stored
from cluster.apiserver.resources.metadata import keep_system_fields, metadata_update_problems
from cluster.apiserver.verbs.create import admit, store_new
from cluster.apiserver.verbs.rewriting import newest_known, rewrite, wanted_revision
from serialization.scheme import metadata_of


async def update(api: Api, call: Call) -> Answer:
    """Replace an object. 409 when its resourceVersion is not the newest; without one, any is."""
    strategy = call.strategy
    obj = await api.body(call)
    check_identity(call, obj)
    wanted = wanted_revision(metadata_of(obj).resourceVersion)
    current = await newest_known(api, call, wanted)
    if current is None and strategy.creates_on_update and not wanted:
        uid = metadata_of(obj).uid
        if uid:  # it was meant for an object that is gone by now: it must not come back
            raise wrong_uid(strategy.resource, call.key, wanted=uid, found="")
        if api.cache.others_write:
            await know_namespace(api.cache, call.route.namespace)
        admit(api, call, obj)
        return await store_new(api, call, obj, code=201)

    def change(stored: Stored) -> Message:
        check_preconditions(call, stored, uid=metadata_of(obj).uid, wanted=wanted)
        return replaced(call, copy_of(obj), stored)

    return await rewrite(api, call, current, change)


def replaced(call: Call, new: Message, stored: Stored) -> Message:
    """Return ``new`` as it may replace what is stored: filled in and judged. Raises StatusError."""
    strategy = call.strategy
    meta, old_meta = metadata_of(new), metadata_of(stored.message)
    keep_system_fields(meta, old_meta)
    strategy.default(new)
    strategy.prepare_update(new, stored.message)
    problems = metadata_update_problems(meta, old_meta, strategy.name_errors)
    problems += strategy.validate(new)
    problems += strategy.validate_update(new, stored.message)
    if problems:
        resource = strategy.resource
        raise invalid_object(resource.kind, meta.name, problems, group=resource.group)
    return new


def copy_of(message: Message) -> Message:
    """Return a copy that may be changed while the original is tried again."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def check_identity(call: Call, obj: Message) -> None:
    """Refuse a body whose name or namespace is not that of the path."""
    meta, route = metadata_of(obj), call.route
    if meta.namespace and call.strategy.resource.namespaced and meta.namespace != route.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not meta.name:
        raise bad_request(
            f"the name of the object ({route.name} based on URL) was undeterminable: name must be "
            "provided"
        )
    if meta.name != route.name:
        raise bad_request(
            f"the name of the object ({meta.name}) does not match the name on the URL "
            f"({route.name})"
        )


def check_preconditions(call: Call, stored: Stored, *, uid: str, wanted: int) -> None:
    """Refuse a write that was meant for another object of this name, or an older state of it."""
    resource, name = call.strategy.resource, call.route.name
    found = metadata_of(stored.message).uid
    if uid and uid != found:
        raise wrong_uid(resource, call.key, wanted=uid, found=found)
    if wanted and wanted != stored.revision:
        raise conflict(resource, name)
