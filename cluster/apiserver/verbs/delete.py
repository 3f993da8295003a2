"""DELETE of one object: at once, or in grace, or when its finalizers are gone."""

from __future__ import annotations

from typing import Final, NamedTuple

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.errors import (
    bad_request,
    conflict_on,
    forbidden,
    invalid,
    invalid_object,
    not_found,
    unsupported,
)
from cluster.apiserver.namespaces import LASTING, is_empty
from cluster.apiserver.objects import Stored
from cluster.apiserver.verbs.rewriting import TRIES, is_gone, wanted_revision
from cluster.apiserver.verbs.success import success_answer
from serialization.api.core.v1_pb2 import Namespace
from serialization.api.meta.v1_pb2 import DeleteOptions, StatusDetails
from serialization.errors import DecodeError
from serialization.kinds import NAMESPACES
from serialization.scheme import metadata_of
from storage.errors import ConflictError, KeyNotFoundError

POLICIES: Final = ("Foreground", "Background", "Orphan", "nil")


class Deletion(NamedTuple):
    """What a DELETE asks for, from its body and its query."""

    grace_s: int | None = None
    uid: str = ""
    revision: int = 0
    dry_run: bool = False


async def delete(api: Api, call: Call) -> Answer:
    """Delete an object; one that lives on for now is answered as it then is."""
    resource = call.strategy.resource
    if resource is NAMESPACES and call.route.name in LASTING:
        raise forbidden(resource, call.route.name, "this namespace may not be deleted")
    wish = await read_deletion(api, call)
    current = api.cached(call) or await api.newest(call)
    return await delete_stored(api, call, wish, current)


async def delete_stored(api: Api, call: Call, wish: Deletion, current: Stored | None) -> Answer:
    """Delete what ``current`` or a newer state of it says. 404 when there is none."""
    resource = call.strategy.resource
    for _ in range(TRIES):
        if current is None:
            break
        _check(call, current, wish)
        try:
            return await _delete(api, call, wish, current)
        except ConflictError as error:
            current = api.stored(resource, error.current)
        except KeyNotFoundError:
            current = None
    if current is None:
        raise not_found(resource, call.route.name)
    raise conflict_on(resource.plural, call.route.name, "the object keeps being modified")


async def read_deletion(api: Api, call: Call) -> Deletion:
    """Read what a DELETE asks for. Raises StatusError."""
    options = DeleteOptions()
    body = await call.body()
    if body:
        codec = api.negotiator.content(call.content_type)
        try:
            kind, bare = codec.unwrap(body)
            options = codec.decode_bare(DeleteOptions, bare)
        except DecodeError as error:
            raise bad_request(str(error)) from error
        if kind.kind not in {"", "DeleteOptions"}:
            raise bad_request(
                f'no kind "{kind.kind}" is registered for version "{kind.api_version}" in scheme '
                '"pkg/runtime/scheme.go:111"'
            )
    grace_s = options.gracePeriodSeconds if options.HasField("gracePeriodSeconds") else None
    asked_s = call.integer("gracePeriodSeconds")
    _check_policy(options, call)
    return Deletion(
        asked_s if asked_s is not None else grace_s,
        options.preconditions.uid,
        wanted_revision(options.preconditions.resourceVersion),
        call.dry_run or "All" in options.dryRun,
    )


def _check_policy(options: DeleteOptions, call: Call) -> None:
    """Refuse policies that do not exist. None does anything yet: that takes a garbage collector."""
    policy = call.query.get("propagationPolicy", "") or options.propagationPolicy
    problem = None
    if policy and policy not in POLICIES[:3]:
        problem = unsupported("propagationPolicy", policy, POLICIES)
    elif policy and options.HasField("orphanDependents"):
        why = "orphanDependents and deletionPropagation cannot be both set"
        problem = invalid("propagationPolicy", policy, why)
    if problem is not None:
        raise invalid_object("DeleteOptions", "", [problem], group="meta.k8s.io")


def _check(call: Call, current: Stored, wish: Deletion) -> None:
    found = metadata_of(current.message).uid
    kind, name = call.strategy.resource.kind, call.route.name
    if wish.uid and wish.uid != found:
        raise conflict_on(
            kind,
            name,
            f"the UID in the precondition ({wish.uid}) does not match the UID in record ({found}). "
            "The object might have been deleted and then recreated",
        )
    if wish.revision and wish.revision != current.revision:
        raise conflict_on(
            kind,
            name,
            f"the ResourceVersion in the precondition ({wish.revision}) does not match the "
            f"ResourceVersion in record ({current.revision}). The object might have been modified",
        )


async def _delete(api: Api, call: Call, wish: Deletion, current: Stored) -> Answer:
    obj = current.message
    meta = metadata_of(obj)
    now_s = int(api.clock.now().timestamp())
    changed = _mark(call, obj, now_s, wish.grace_s)
    if is_gone(call, obj):
        return await _remove(api, call, obj, current.revision, dry_run=wish.dry_run)
    if not changed:
        codec = api.negotiator.accept(call.accept).codec
        return api.answer(call, 200, codec.encode_bare(obj), codec)
    encoded = api.encode(call.strategy, obj)
    if wish.dry_run:
        return api.written(call, 200, obj, encoded, 0)
    revision = await api.store.update(
        call.key, encoded.value, expected=current.revision, ttl_s=call.strategy.ttl_s
    )
    answer = api.written(call, 200, obj, encoded, revision)
    if isinstance(obj, Namespace) and not meta.finalizers and is_empty(api.cache, meta.name):
        # What the namespace controller will do once it exists: nothing is left, so let it go.
        await api.store.delete(call.key, expected=revision)
    return answer


def _mark(call: Call, obj: Message, now_s: int, asked_s: int | None) -> bool:
    """Set the deletion's time and grace; tell whether that changed anything.

    A second DELETE can only shorten the grace.
    """
    meta, strategy = metadata_of(obj), call.strategy
    grace_s = strategy.grace_s(obj, asked_s)
    if meta.HasField("deletionTimestamp"):
        if asked_s is None or grace_s >= meta.deletionGracePeriodSeconds:
            return False
        now_s = meta.deletionTimestamp.seconds - meta.deletionGracePeriodSeconds
    else:
        strategy.prepare_delete(obj)
    meta.deletionTimestamp.Clear()
    meta.deletionTimestamp.seconds = now_s + grace_s
    meta.deletionGracePeriodSeconds = grace_s
    return True


async def _remove(api: Api, call: Call, obj: Message, revision: int, *, dry_run: bool) -> Answer:
    meta, resource = metadata_of(obj), call.strategy.resource
    if not dry_run:
        revision = await api.store.delete(call.key, expected=revision)
    if call.strategy.answers_deleted_object:
        codec = api.negotiator.accept(call.accept).codec
        meta.resourceVersion = str(revision)
        return api.answer(call, 200, codec.encode_bare(obj), codec)
    details = StatusDetails(name=meta.name, kind=resource.plural, uid=meta.uid)
    if resource.group:
        details.group = resource.group
    return success_answer(api, call, 200, details)
