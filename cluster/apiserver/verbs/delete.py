"""DELETE of one object: at once, or in grace, or when its finalizers are gone.

What becomes of an object is decided in ``cluster.apiserver.deletion``. A pod that goes is written
once more before it is removed, so that watchers see MODIFIED with grace 0 and then DELETED: so does
a real server, for the kubelet's last DELETE too.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from cluster.apiserver.api import Api
from cluster.apiserver.asgi import Answer
from cluster.apiserver.calls import Call
from cluster.apiserver.deletion import Step, Wish, decide
from cluster.apiserver.errors import (
    StatusError,
    bad_request,
    conflict_on,
    forbidden,
    invalid,
    invalid_object,
    not_found,
    unsupported,
)
from cluster.apiserver.namespaces import LASTING
from cluster.apiserver.objects import Encoded, Stored
from cluster.apiserver.verbs.rewriting import TRIES, newer_than, newest_known, wanted_revision
from cluster.apiserver.verbs.success import success_answer
from serialization.api.meta.v1_pb2 import DeleteOptions, StatusDetails
from serialization.errors import DecodeError
from serialization.kinds import NAMESPACES
from serialization.scheme import metadata_of
from storage.errors import ConflictError, KeyNotFoundError

POLICIES: Final = ("Foreground", "Background", "Orphan", "nil")


async def delete(api: Api, call: Call) -> Answer:
    """Delete an object; one that lives on for now is answered as it then is."""
    resource = call.strategy.resource
    if resource is NAMESPACES and call.route.name in LASTING:
        raise forbidden(resource, call.route.name, "this namespace may not be deleted")
    wish = await read_wish(api, call)
    current = await newest_known(api, call, wish.revision)
    if current is not None and wish.uid not in {"", metadata_of(current.message).uid}:
        current = await api.newest(call)  # the cache may not have it yet
    return await delete_stored(api, call, wish, current)


async def delete_stored(api: Api, call: Call, wish: Wish, current: Stored | None) -> Answer:
    """Delete what ``current`` or a newer state of it says. 404 when there is none."""
    resource = call.strategy.resource
    if current is not None and current.doubtful and wish.dry_run:
        current = await api.newest(call)
    for _ in range(TRIES):
        if current is None:
            break
        try:
            _check(call, current, wish)
        except StatusError as refusal:
            current = await newer_than(api, call, current, refusal)
            continue
        try:
            answer = await _delete(api, call, wish, current)
            if answer is not None:
                return answer
            current = await api.newest(call)
        except ConflictError as error:
            current = api.stored(resource, error.current)
        except KeyNotFoundError:
            current = None
    if current is None:
        raise not_found(resource, call.route.name)
    raise conflict_on(resource.plural, call.route.name, "the object keeps being modified")


async def read_wish(api: Api, call: Call) -> Wish:
    """Read what a DELETE asks for: from its body, or without one from its query."""
    options = DeleteOptions()
    dry_run = False
    body = await call.body()
    if body:
        _decode_options(api, call, body, options)
        dry_run = _dry_run(options)
    else:
        _read_query(call, options)
        dry_run = call.dry_run
    _check_policy(options)
    return Wish(
        options.gracePeriodSeconds if options.HasField("gracePeriodSeconds") else None,
        options.preconditions.uid,
        wanted_revision(options.preconditions.resourceVersion),
        dry_run,
        _policy(options),
    )


def _decode_options(api: Api, call: Call, body: bytes, options: DeleteOptions) -> None:
    codec = api.negotiator.content(call.content_type)
    try:
        kind, bare = codec.unwrap(body)
        options.CopyFrom(codec.decode_bare(DeleteOptions, bare))
    except DecodeError as error:
        raise bad_request(str(error)) from error
    if kind.kind not in {"", "DeleteOptions"}:
        raise bad_request(
            f'no kind "{kind.kind}" is registered for version "{kind.api_version}" in scheme '
            '"pkg/runtime/scheme.go:111"'
        )


def _dry_run(options: DeleteOptions) -> bool:
    """Return whether a body asks for a dry run. Raises StatusError for a value not known."""
    strange = [value for value in options.dryRun if value != "All"]
    if strange:
        problem = unsupported("dryRun", strange[0], ("All",))
        raise invalid_object("DeleteOptions", "", [problem], group="meta.k8s.io")
    return bool(options.dryRun)


def _read_query(call: Call, options: DeleteOptions) -> None:
    if not call.query:
        return
    grace_s = call.integer("gracePeriodSeconds")
    if grace_s is not None:
        options.gracePeriodSeconds = grace_s
    if policy := call.query.get("propagationPolicy", ""):
        options.propagationPolicy = policy
    if call.query.get("orphanDependents", ""):
        options.orphanDependents = call.flag("orphanDependents")


def _check_policy(options: DeleteOptions) -> None:
    policy = options.propagationPolicy
    problem = None
    if policy and policy not in POLICIES[:3]:
        problem = unsupported("propagationPolicy", policy, POLICIES)
    elif policy and options.HasField("orphanDependents"):
        why = "orphanDependents and deletionPropagation cannot be both set"
        problem = invalid("propagationPolicy", policy, why)
    if problem is not None:
        raise invalid_object("DeleteOptions", "", [problem], group="meta.k8s.io")


def _policy(options: DeleteOptions) -> str:
    if options.HasField("orphanDependents"):
        return "Orphan" if options.orphanDependents else "Background"
    return str(options.propagationPolicy)


def _check(call: Call, current: Stored, wish: Wish) -> None:
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


async def _delete(api: Api, call: Call, wish: Wish, current: Stored) -> Answer | None:
    """Take the step that is due. None where nothing is, if the store's state is what it seems."""
    obj = current.message
    step = decide(call.strategy, obj, wish, int(api.clock.now().timestamp()))
    if step is Step.KEEP:
        if current.doubtful:
            return None
        codec = api.negotiator.accept(call.accept).codec
        return api.answer(call, 200, codec.encode_bare(obj), codec)
    revision = current.revision
    encoded = None if step is Step.REMOVE else api.encode(call.strategy, obj)
    if encoded is not None and step is Step.UPDATE:
        if not wish.dry_run:
            revision = await api.store.update(
                call.key, encoded.value, expected=revision, ttl_s=call.strategy.ttl_s
            )
        return api.written(call, 200, obj, encoded, 0 if wish.dry_run else revision)
    if not wish.dry_run:
        last = None if encoded is None else encoded.value
        if api.shared:
            async with api.leave(call.strategy.resource, obj):
                revision = await api.store.delete(call.key, expected=revision, last=last)
        else:
            revision = await api.store.delete(call.key, expected=revision, last=last)
    return _answer_removed(api, call, obj, revision, encoded)


def _answer_removed(
    api: Api, call: Call, obj: Message, revision: int, encoded: Encoded | None
) -> Answer:
    meta, resource = metadata_of(obj), call.strategy.resource
    if call.strategy.answers_deleted_object:
        codec = api.negotiator.accept(call.accept).codec
        if encoded is not None and codec is api.storage_codec:
            bare = codec.with_resource_version(encoded.bare, str(revision))
        else:
            meta.resourceVersion = str(revision)
            bare = codec.encode_bare(obj)
        return api.answer(call, 200, bare, codec)
    details = StatusDetails(name=meta.name, kind=resource.plural, uid=meta.uid)
    if resource.group:
        details.group = resource.group
    return success_answer(api, call, 200, details)
