"""A published fake of the API, with faults: for tests of whatever speaks through an ``ApiClient``.

It keeps what those tests rely on: one revision counter, optimistic concurrency, uid preconditions,
the status split, graceful deletion of pods, finalizers, binding, watches that resume at a revision
or are told that it expired. It does not validate, and it answers at once.

    api = FakeApi()
    api.fail_next("update_status", failure(409, message="stale"))
    ...
    api.drop_watch()      # every open watch is torn
    api.expire()          # the history is gone: watches get 410, so does resuming
    assert api.actions == [Action("create", "pods", ObjectKey("default", "a"))]
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator
from typing import Final, NamedTuple, TypeVar, cast

from google.protobuf.message import Message

from cluster.client.failures import failure
from cluster.client.fake_rules import (
    FINALIZER_OF,
    bookmark,
    carry,
    copied,
    discovery_page,
    grace_s,
    is_held,
    key_of,
    lingers,
    patched,
    resource_of,
    spec_bytes,
)
from cluster.client.fake_watch import FakeWatch, Stored, bare, matches
from cluster.client.interface import (
    EVERYTHING,
    ObjectKey,
    PatchType,
    Propagation,
    RawEvent,
    RawList,
    Selection,
    TransportError,
)
from serialization.api.core.v1_pb2 import Binding, Pod, PodCondition
from serialization.api.meta.v1_pb2 import Time
from serialization.kinds import PODS, SCHEME
from serialization.scheme import Resource, metadata_of
from storage.clock import Clock, SystemClock

M = TypeVar("M", bound=Message)

WRITES: Final = (
    "create",
    "update",
    "update_status",
    "update_subresource",
    "patch",
    "delete",
    "delete_collection",
    "bind",
)


class Action(NamedTuple):
    """One call that reached the fake (recorded also when a fault was made of it)."""

    verb: str
    """The method's name, as in ``ApiClient`` (list and watch without ``_raw``)."""
    resource: str
    """The plural."""
    key: ObjectKey
    """Of a list or watch: the namespace and no name."""


class FakeApi:
    """The API in memory (``ApiClient``). Bare objects are the messages' protobuf bytes."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._objects: dict[Resource, dict[ObjectKey, Message]] = defaultdict(dict)
        self._history: list[Stored] = []
        self._expired = 0
        self._watches: list[FakeWatch] = []
        self._faults: dict[str, deque[Exception]] = defaultdict(deque)
        self._names = 0
        self.revision = 1
        self.actions: list[Action] = []
        self.served: tuple[Resource, ...] = tuple(SCHEME)
        """What discovery tells; every call about any known kind is served all the same."""

    # what a test says

    def add(self, obj: M) -> M:
        """Put an object there as a create would, without recording an action; return it."""
        resource = resource_of(obj)
        return self._create(resource, metadata_of(obj).namespace, obj)

    def put(self, obj: M) -> M:
        """Replace an object whole, status too, whatever its revision; return what is stored."""
        resource = resource_of(obj)
        old, new = self._existing(resource, key_of(obj)), copied(obj)
        for field in ("uid", "creationTimestamp", "generation"):
            carry(field, metadata_of(old), metadata_of(new))
        return self._store(resource, old, new)

    def remove(self, resource: Resource, key: ObjectKey) -> None:
        """Make an object vanish at once."""
        self._drop(resource, key)

    def objects(self, message: type[M]) -> list[M]:
        """Return copies of all objects of a kind, in key order."""
        kept = self._objects[resource_of(message())]
        return [cast("M", copied(kept[key])) for key in sorted(kept)]

    def fail_next(self, verb: str, error: Exception, times: int = 1) -> None:
        """Let the next ``times`` calls of ``verb`` raise ``error`` and do nothing."""
        self._faults[verb].extend([error] * times)

    def drop_watch(self) -> None:
        """Tear every open watch."""
        self._end_watches(TransportError("torn by the test"))

    def end_watch(self) -> None:
        """End every open watch as a server does when its time is up."""
        self._end_watches(None)

    def expire(self) -> None:
        """Forget the history: open watches get 410, and so does a watch from an older revision."""
        self._expired = self.revision
        self._history.clear()
        self._end_watches(failure(410, message="too old resource version"))

    def bookmark(self) -> None:
        """Send every open watch a bookmark of the present revision."""
        for watch in self._watches:
            watch.tell("BOOKMARK", bookmark(watch.resource, self.revision))

    def acted(self, *verbs: str) -> list[Action]:
        """Return the recorded actions of these verbs (none given: of the writes), in order."""
        return [action for action in self.actions if action.verb in (verbs or WRITES)]

    @property
    def open_watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    # ApiClient

    async def get(self, resource: Resource, message: type[M], key: ObjectKey) -> M:
        self._enter("get", resource, key)
        return cast("M", copied(self._existing(resource, key)))

    async def create(self, resource: Resource, namespace: str, obj: M) -> M:
        self._enter("create", resource, ObjectKey(namespace, metadata_of(obj).name))
        return self._create(resource, namespace, obj)

    async def update(self, resource: Resource, obj: M) -> M:
        self._enter("update", resource, key_of(obj))
        old = self._current(resource, obj)
        new = copied(obj)
        if "status" in resource.subresources:
            carry("status", old, new)
        for field in ("uid", "creationTimestamp", "deletionTimestamp", "generation"):
            carry(field, metadata_of(old), metadata_of(new))
        if spec_bytes(old) != spec_bytes(new):
            metadata_of(new).generation += 1
        return self._store(resource, old, new)

    async def update_status(self, resource: Resource, obj: M) -> M:
        self._enter("update_status", resource, key_of(obj))
        old = self._current(resource, obj)
        new = cast("M", copied(old))
        carry("status", obj, new)
        return self._store(resource, old, new)

    async def update_subresource(self, resource: Resource, obj: M, subresource: str) -> M:
        self._enter("update_subresource", resource, key_of(obj))
        old = self._current(resource, obj)
        new = cast("M", copied(old))
        carry("spec", obj, new)
        return self._store(resource, old, new)

    async def patch(
        self,
        resource: Resource,
        message: type[M],
        key: ObjectKey,
        body: bytes,
        *,
        kind: PatchType = PatchType.MERGE,
        subresource: str = "",
    ) -> M:
        self._enter("patch", resource, key)
        old = self._existing(resource, key)
        new = cast("M", patched(old, body, kind))
        given, kept = metadata_of(new), metadata_of(old)
        if given.resourceVersion != kept.resourceVersion:
            raise failure(409, message=f"{key} is at {kept.resourceVersion}")
        if given.uid != kept.uid:
            raise failure(422, message=f"metadata.uid: the uid is {kept.uid}: field is immutable")
        if subresource == "status":
            whole = cast("M", copied(old))
            carry("status", new, whole)
            new = whole
        return self._store(resource, old, new)

    async def delete_collection(
        self,
        resource: Resource,
        selection: Selection,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        self._enter("delete_collection", resource, ObjectKey(selection.namespace, ""))
        for key, obj in sorted(self._objects[resource].items()):
            if matches(obj, selection):
                self._delete(resource, key, obj, grace_period_s, propagation)

    async def delete(
        self,
        resource: Resource,
        key: ObjectKey,
        *,
        grace_period_s: int | None = None,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        self._enter("delete", resource, key)
        old = self._existing(resource, key)
        meta = metadata_of(old)
        if uid and uid != meta.uid:
            raise failure(409, message=f"the uid is {meta.uid}, not {uid}")
        if resource_version and resource_version != meta.resourceVersion:
            raise failure(409, message=f"{key} is at {meta.resourceVersion}")
        self._delete(resource, key, old, grace_period_s, propagation)

    async def bind(self, namespace: str, binding: Binding) -> None:
        key = ObjectKey(namespace, binding.metadata.name)
        self._enter("bind", PODS, key)
        old = cast("Pod", self._existing(PODS, key))
        if old.spec.nodeName:
            raise failure(409, message=f"pod {key} is already assigned to {old.spec.nodeName}")
        new = copied(old)
        new.spec.nodeName = binding.target.name
        new.status.conditions.append(PodCondition(type="PodScheduled", status="True"))
        self._store(PODS, old, new)

    async def list_raw(
        self, resource: Resource, selection: Selection = EVERYTHING, *, resource_version: str = ""
    ) -> RawList:
        self._enter("list", resource, ObjectKey(selection.namespace, ""))
        return RawList(list(self._selected(resource, selection)), str(self.revision))

    async def watch_raw(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
        *,
        resource_version: str = "",
        timeout_s: int = 0,
        initial_events: bool = False,
    ) -> AsyncGenerator[list[RawEvent], None]:
        self._enter("watch", resource, ObjectKey(selection.namespace, ""))
        watch = FakeWatch(resource, selection, self._clock)
        if initial_events or resource_version in ("", "0"):
            for initial in self._selected(resource, selection):
                watch.tell("ADDED", initial)
            if initial_events:
                watch.tell_initial_end(self.revision)
        elif int(resource_version) < self._expired:
            raise failure(410, message=f"too old resource version: {resource_version}")
        else:
            for change in self._history:
                if change.revision > int(resource_version):
                    watch.see(change)
        self._watches.append(watch)
        try:
            while events := await watch.take():
                yield events
        finally:
            if watch in self._watches:
                self._watches.remove(watch)

    async def document(self, path: str) -> bytes:
        if self._faults["document"]:
            raise self._faults["document"].popleft()
        return discovery_page(self.served, path)

    def decode(self, message: type[M], bare: bytes) -> M:
        return message.FromString(bare)

    # how it is kept

    def _enter(self, verb: str, resource: Resource, key: ObjectKey) -> None:
        self.actions.append(Action(verb, resource.plural, key))
        if self._faults[verb]:
            raise self._faults[verb].popleft()

    def _existing(self, resource: Resource, key: ObjectKey) -> Message:
        try:
            return self._objects[resource][key]
        except KeyError:
            raise failure(404, message=f"{resource.group_resource} {key} not found") from None

    def _current(self, resource: Resource, obj: Message) -> Message:
        """Return the stored object if ``obj`` is of its revision (or of none) and its uid."""
        old = self._existing(resource, key_of(obj))
        given, kept = metadata_of(obj), metadata_of(old)
        if given.resourceVersion and given.resourceVersion != kept.resourceVersion:
            raise failure(409, message=f"{key_of(obj)} is at {kept.resourceVersion}")
        if given.uid and given.uid != kept.uid:
            raise failure(409, message=f"the uid of {key_of(obj)} is {kept.uid}")
        return old

    def _create(self, resource: Resource, namespace: str, obj: M) -> M:
        new = copied(obj)
        meta = metadata_of(new)
        if resource.namespaced:
            meta.namespace = namespace
        if not meta.name:
            self._names += 1
            meta.name = f"{meta.generateName}{self._names:05}"
        if key_of(new) in self._objects[resource]:
            raise failure(409, "AlreadyExists", f"{resource.group_resource} {key_of(new)} exists")
        meta.uid = f"uid-{self.revision + 1}"
        meta.generation = 1
        meta.creationTimestamp.CopyFrom(Time(seconds=int(self._clock.now().timestamp())))
        return self._store(resource, None, new)

    def _store(self, resource: Resource, old: Message | None, new: M) -> M:
        meta = metadata_of(new)
        if old is not None:
            meta.resourceVersion = metadata_of(old).resourceVersion
            if new == old:
                return copied(new)
        self.revision += 1
        meta.resourceVersion = str(self.revision)
        self._objects[resource][key_of(new)] = new
        self._tell(Stored(self.revision, resource, old, new))
        if meta.HasField("deletionTimestamp") and not lingers(new):
            self._drop(resource, key_of(new))
        return copied(new)

    def _drop(self, resource: Resource, key: ObjectKey) -> None:
        old = self._existing(resource, key)
        del self._objects[resource][key]
        self.revision += 1
        self._tell(Stored(self.revision, resource, old, None))

    def _delete(
        self,
        resource: Resource,
        key: ObjectKey,
        old: Message,
        asked_s: int | None,
        propagation: Propagation,
    ) -> None:
        new = copied(old)
        meta = metadata_of(new)
        finalizer = FINALIZER_OF.get(propagation)
        if finalizer and finalizer not in meta.finalizers:
            meta.finalizers.append(finalizer)
        wait_s = grace_s(old, asked_s)
        if not wait_s and not is_held(new):
            self._drop(resource, key)
        elif not meta.HasField("deletionTimestamp"):
            now_s = int(self._clock.now().timestamp())
            meta.deletionTimestamp.CopyFrom(Time(seconds=now_s + wait_s))
            meta.deletionGracePeriodSeconds = wait_s
            self._store(resource, old, new)

    def _tell(self, change: Stored) -> None:
        self._history.append(change)
        for watch in self._watches:
            watch.see(change)

    def _selected(self, resource: Resource, selection: Selection) -> Iterator[bytes]:
        kept = self._objects[resource]
        for key in sorted(kept):
            if matches(kept[key], selection):
                yield bare(kept[key])

    def _end_watches(self, error: Exception | None) -> None:
        for watch in self._watches:
            watch.end(error)
        self._watches.clear()
