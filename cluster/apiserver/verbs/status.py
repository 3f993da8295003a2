"""PUT of an object's ``status`` subresource, and of a namespace's ``finalize``."""

from __future__ import annotations

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import invalid_object
from cluster.apiserver.objects import Stored
from cluster.apiserver.resources.metadata import keep_system_fields, metadata_update_problems
from cluster.apiserver.verbs.rewriting import newest_known, rewrite, wanted_revision
from cluster.apiserver.verbs.update import check_identity, check_preconditions, copy_of
from serialization.api.core.v1_pb2 import Namespace
from serialization.scheme import metadata_of


async def update_status(api: Api, call: Call) -> Answer:
    """Replace an object's status, and its metadata as far as clients may; the spec stays."""
    obj = await api.body(call)
    check_identity(call, obj)
    asked = metadata_of(obj)
    wanted = wanted_revision(asked.resourceVersion)
    current = await newest_known(api, call, wanted)

    def change(stored: Stored) -> Message:
        check_preconditions(call, stored, uid=asked.uid, wanted=wanted)
        return status_replaced(call, copy_of(obj), stored)

    return await rewrite(api, call, current, change)


def status_replaced(call: Call, new: Message, stored: Stored) -> Message:
    """Return ``new`` as its status may replace the stored one. Raises StatusError."""
    strategy = call.strategy
    meta = metadata_of(new)
    keep_system_fields(meta, metadata_of(stored.message))
    strategy.prepare_status(new, stored.message)
    strategy.default_status(new)
    problems = metadata_update_problems(meta, metadata_of(stored.message), strategy.name_errors)
    problems += strategy.validate_status(new, stored.message)
    if problems:
        resource = strategy.resource
        raise invalid_object(resource.kind, meta.name, problems, group=resource.group)
    return new


async def finalize(api: Api, call: Call) -> Answer:
    """Replace a namespace's finalizers; a deleted one goes when it has none left."""
    obj = await api.body(call)
    check_identity(call, obj)
    asked = metadata_of(obj)
    wanted = wanted_revision(asked.resourceVersion)
    current = await newest_known(api, call, wanted)

    def change(stored: Stored) -> Message:
        check_preconditions(call, stored, uid=asked.uid, wanted=wanted)
        new, old = copy_of(obj), stored.message
        if not isinstance(new, Namespace) or not isinstance(old, Namespace):
            raise TypeError(type(new))
        keep_system_fields(new.metadata, old.metadata)
        new.status.CopyFrom(old.status)
        call.strategy.default(new)
        return new

    return await rewrite(api, call, current, change)
