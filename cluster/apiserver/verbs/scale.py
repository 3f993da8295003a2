"""The ``scale`` subresource: how many replicas, in the same form for every kind that has some.

It serves each resource whose subresources name it; such a kind has ``spec.replicas``,
``spec.selector`` and ``status.replicas``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, cast

from google.protobuf.message import Message

from cluster.apiserver.api import Api, warning_headers
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import invalid, invalid_object, not_found
from cluster.apiserver.objects import Stored
from cluster.apiserver.resources.interface import Strategy
from cluster.apiserver.verbs.patch import check_patched
from cluster.apiserver.verbs.patching import read_patching
from cluster.apiserver.verbs.rewriting import (
    Change,
    newest_known,
    wanted_revision,
    write_changed,
)
from cluster.apiserver.verbs.update import check_identity, check_preconditions, copy_of, replaced
from serialization.api.autoscaling.v1_pb2 import Scale
from serialization.api.meta.v1_pb2 import LabelSelector
from serialization.codecs.interface import TypeMeta
from serialization.scheme import Resource, metadata_of
from serialization.selectors import of_map, of_message

SCALE: Final = Resource("autoscaling", "v1", "Scale", "scales", Scale, None, "scales")
SCALE_TYPE: Final = TypeMeta(SCALE.api_version, SCALE.kind)


class _ScaleStrategy(Strategy[Message]):
    """A Scale is read off a body like any kind, and never stored."""

    resource = SCALE
    verbs = frozenset()


_BODY: Final = _ScaleStrategy()


class _Spec(Protocol):
    replicas: int

    @property
    def selector(self) -> LabelSelector | Mapping[str, str]: ...


class _Status(Protocol):
    @property
    def replicas(self) -> int: ...


class _Scalable(Protocol):
    @property
    def spec(self) -> _Spec: ...
    @property
    def status(self) -> _Status: ...


async def get_scale(api: Api, call: Call) -> Answer:
    """Answer how many replicas an object wants and has."""
    text = call.query.get("resourceVersion", "")
    if wanted := wanted_revision(text):
        await api.cache.wait_for(wanted)
    elif not text and api.cache.others_write:
        await api.cache.catch_up()
    api.cache.of(call.strategy.resource).check()
    found = api.cached(call)
    if found is None:
        raise not_found(call.strategy.resource, call.route.name)
    return _answer(api, call, scale_of(found.message, found.revision))


async def update_scale(api: Api, call: Call) -> Answer:
    """Set how many replicas an object wants. 409 when its resourceVersion is not the newest."""
    asked = await api.body(call, _BODY)
    if not isinstance(asked, Scale):
        raise TypeError(type(asked))
    check_identity(call, asked)
    wanted = wanted_revision(asked.metadata.resourceVersion)

    def change(stored: Stored) -> Message:
        check_preconditions(call, stored, uid=asked.metadata.uid, wanted=wanted)
        return _scaled(call, stored, asked)

    return await _write(api, call, wanted, change)


async def patch_scale(api: Api, call: Call) -> Answer:
    """Change how many replicas an object wants, by a patch of its Scale."""
    patching = read_patching(call, await call.body())

    def change(stored: Stored) -> Message:
        call.warnings.clear()  # of the try before
        old = scale_of(stored.message, stored.revision)
        new = patching.apply(old, SCALE_TYPE, call.warnings).message
        if not isinstance(new, Scale):
            raise TypeError(type(new))
        check_patched(call, new, stored)
        return _scaled(call, stored, new)

    return await _write(api, call, wanted_revision(patching.patch.version), change)


async def _write(api: Api, call: Call, wanted: int, change: Change) -> Answer:
    current = await newest_known(api, call, wanted)
    written = await write_changed(api, call, current, change)
    return _answer(api, call, scale_of(written.message, written.revision))


def _scaled(call: Call, stored: Stored, asked: Scale) -> Message:
    replicas = asked.spec.replicas
    if replicas < 0:
        problem = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid_object(SCALE.kind, call.route.name, [problem], group=SCALE.group)
    new = copy_of(stored.message)
    cast("_Scalable", new).spec.replicas = replicas
    return replaced(call, new, stored)


def scale_of(obj: Message, revision: int) -> Scale:
    """Return the Scale of an object at a revision."""
    meta, scalable = metadata_of(obj), cast("_Scalable", obj)
    selector = scalable.spec.selector
    scale = Scale()
    told = scale.metadata
    told.name, told.namespace, told.uid = meta.name, meta.namespace, meta.uid
    told.resourceVersion = str(revision)
    told.creationTimestamp.CopyFrom(meta.creationTimestamp)
    scale.spec.replicas = scalable.spec.replicas
    scale.status.replicas = scalable.status.replicas
    scale.status.selector = str(
        of_message(selector) if isinstance(selector, LabelSelector) else of_map(selector)
    )
    return scale


def _answer(api: Api, call: Call, scale: Scale) -> Answer:
    codec = api.negotiator.accept(call.accept).codec
    document = codec.encode(SCALE_TYPE, scale)
    return Answer(200, codec.media_type.encode(), document, warning_headers(call))
