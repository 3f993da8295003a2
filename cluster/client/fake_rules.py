"""What the fake API knows about objects, as pure functions on messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import orjson
from google.protobuf.message import Message

from cluster.client.failures import failure
from cluster.client.fake_watch import bare
from cluster.client.interface import ObjectKey, PatchType, Propagation
from serialization.api.core.v1_pb2 import Namespace, Pod
from serialization.errors import DecodeError
from serialization.kinds import NAMESPACES, SCHEME
from serialization.patch.errors import PatchError, PatchFailedError, PatchRuleError
from serialization.patch.forms import read_patch
from serialization.plain import from_plain, plain
from serialization.scheme import Resource, metadata_of

M = TypeVar("M", bound=Message)

POD_GRACE_S: Final = 30

FINALIZER_OF: Final = {
    Propagation.ORPHAN: "orphan",
    Propagation.FOREGROUND: "foregroundDeletion",
}
"""What a server adds to an object's finalizers when it is deleted so."""

REFUSALS: Final = {DecodeError: 422, PatchFailedError: 422, PatchRuleError: 500}
"""How a server answers a patch that it cannot carry out; 400 is the rest."""


def resource_of(obj: Message) -> Resource:
    """Return the resource that a message is of."""
    return SCHEME.by_message(type(obj))


def key_of(obj: Message) -> ObjectKey:
    """Return the key of an object."""
    meta = metadata_of(obj)
    return ObjectKey(meta.namespace, meta.name)


def copied(obj: M) -> M:
    """Return a copy that may be changed."""
    copy = type(obj)()
    copy.CopyFrom(obj)
    return copy


def carry(field: str, source: Message, target: Message) -> None:
    """Make a field of ``target`` what it is in ``source``."""
    if not source.HasField(field):
        target.ClearField(field)
    elif isinstance(value := getattr(source, field), Message):
        getattr(target, field).CopyFrom(value)
    else:
        setattr(target, field, value)


def spec_bytes(obj: Message) -> bytes:
    """Return what the generation counts: everything but metadata and status."""
    rest = copied(obj)
    rest.ClearField("metadata")
    if "status" in rest.DESCRIPTOR.fields_by_name:
        rest.ClearField("status")
    return bare(rest)


def grace_s(obj: Message, asked_s: int | None) -> int:
    """Return how long a deletion waits: only for pods that are on a node and not finished."""
    if not isinstance(obj, Pod) or not obj.spec.nodeName:
        return 0
    if obj.status.phase in ("Succeeded", "Failed"):
        return 0
    if asked_s is not None:
        return asked_s
    return (
        obj.spec.terminationGracePeriodSeconds
        if obj.spec.HasField("terminationGracePeriodSeconds")
        else POD_GRACE_S
    )


def patched(obj: Message, body: bytes, kind: PatchType) -> Message:
    """Return a patched copy of an object. Raises ApiError as a server answers it."""
    try:
        patch, _twice = read_patch(kind.value, body)
        return from_plain(type(obj), patch.apply(plain(obj), type(obj)))
    except (DecodeError, PatchError) as error:
        codes = (code for each, code in REFUSALS.items() if isinstance(error, each))
        raise failure(next(codes, 400), message=str(error)) from error


def discovery_page(served: Sequence[Resource], path: str) -> bytes:
    """Return one of discovery's documents. Raises ApiError 404 for a path that is none."""
    groups = dict.fromkeys((each.group, each.version) for each in served)
    if path == "/apis":
        named = [
            {"name": group, "versions": [{"groupVersion": f"{group}/{version}"}]}
            for group, version in groups
            if group
        ]
        return orjson.dumps({"kind": "APIGroupList", "groups": named})
    for group, version in groups:
        if path == (f"/apis/{group}/{version}" if group else f"/api/{version}"):
            resources = [
                {"name": each.plural, "kind": each.kind, "verbs": _verbs(each)}
                for each in served
                if (each.group, each.version) == (group, version)
            ]
            return orjson.dumps({"kind": "APIResourceList", "resources": resources})
    raise failure(404, message=f"no page {path}")


def _verbs(resource: Resource) -> list[str]:
    if resource.list_message is None:
        return ["create"]
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    return verbs if resource is NAMESPACES else [*verbs, "deletecollection"]


def is_held(obj: Message) -> bool:
    """Whether finalizers keep an object: its own, or a namespace's in its spec."""
    if isinstance(obj, Namespace) and obj.spec.finalizers:
        return True
    return bool(metadata_of(obj).finalizers)


def lingers(obj: Message) -> bool:
    """Whether an object that is being deleted waits, for its kubelet or for finalizers."""
    return metadata_of(obj).deletionGracePeriodSeconds > 0 or is_held(obj)


def bookmark(resource: Resource, revision: int) -> bytes:
    """Return the bare object of a bookmark."""
    obj = resource.message()
    metadata_of(obj).resourceVersion = str(revision)
    return bare(obj)
