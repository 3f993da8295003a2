"""PATCH of an object, and of its ``status``."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import conflict, invalid, invalid_object
from cluster.apiserver.objects import Stored
from cluster.apiserver.verbs.patching import read_patching, says_the_same
from cluster.apiserver.verbs.rewriting import newest_known, rewrite, wanted_revision
from cluster.apiserver.verbs.status import status_replaced
from cluster.apiserver.verbs.update import check_identity, replaced
from serialization.scheme import metadata_of

Judge = Callable[[Call, Message, Stored], Message]
"""Fills in and judges a new state against the stored one, as a PUT does."""


async def patch(api: Api, call: Call) -> Answer:
    """Change an object; a patch that changes nothing writes nothing.

    A state that was written meanwhile is patched again. Only a patch that sets resourceVersion is
    for that state alone: 409 when it is not the newest.
    """
    return await _patch(api, call, replaced)


async def patch_status(api: Api, call: Call) -> Answer:
    """Change an object's status, and its metadata as far as clients may."""
    return await _patch(api, call, status_replaced)


async def _patch(api: Api, call: Call, judge: Judge) -> Answer:
    patching = read_patching(call, await call.body())
    current = await newest_known(api, call, wanted_revision(patching.patch.version))
    kind = call.strategy.type_meta

    def change(stored: Stored) -> Message:
        call.warnings.clear()  # of the try before
        new, rebuilt = patching.apply(stored.message, kind, call.warnings)
        check_patched(call, new, stored)
        new = judge(call, new, stored)
        # Where nothing has changed, the very bytes that are stored are written: that is no write.
        return stored.message if rebuilt and says_the_same(new, stored.message) else new

    return await rewrite(api, call, current, change)


def check_patched(call: Call, new: Message, stored: Stored) -> None:
    """Refuse a patch that makes another object of it, or is meant for another state."""
    check_identity(call, new)
    meta = metadata_of(new)
    if meta.uid not in ("", metadata_of(stored.message).uid):
        resource = call.strategy.resource
        problem = invalid("metadata.uid", meta.uid, "field is immutable")
        # A real server judges it for all kinds, and once more for each.
        raise invalid_object(resource.kind, meta.name, [problem] * 2, group=resource.group)
    if wanted_revision(meta.resourceVersion) not in (0, stored.revision):
        raise conflict(call.strategy.resource, call.route.name)
