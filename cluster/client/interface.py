"""The client contract: what a component may ask of a Kubernetes API, ours or a real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Iterable
from enum import StrEnum
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from serialization.api.core.v1_pb2 import Binding
from serialization.api.meta.v1_pb2 import Status
from serialization.scheme import Resource

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)
M_contra = TypeVar("M_contra", bound=Message, contravariant=True)
K = TypeVar("K", bound=Hashable)


class ApiError(Exception):
    """The server answered with a failure; ``status`` is its Status, ``code`` the HTTP code."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"{status.code} {status.reason}: {status.message}")
        self.status = status
        self.code = status.code
        self.reason = status.reason


class TransportError(Exception):
    """No answer: refused, torn, or timed out. Whether a write happened is unknown."""


class ObjectKey(NamedTuple):
    """A name within its namespace (empty for cluster-scoped kinds); what workqueues hold."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Selection(NamedTuple):
    """Which objects of a resource a list or watch is about; selectors in Kubernetes' syntax."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""


EVERYTHING = Selection()


class PatchType(StrEnum):
    """How a patch is to be read, by its media type; the text is JSON in every codec."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class Propagation(StrEnum):
    """What becomes of an object's dependents when it is deleted."""

    DEFAULT = ""
    """The server's choice for the kind."""
    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
"""Annotation of the bookmark behind the last of a watch's initial events."""


class RawEvent(NamedTuple):
    """A watch event before decoding: ``bare`` is in the client's codec, still to be parsed."""

    type: str
    """ADDED, MODIFIED, DELETED or BOOKMARK (an ERROR event is raised as ApiError)."""
    bare: bytes
    received_ns: int
    """``Clock.stamp_ns`` when its bytes were read from the socket."""


class RawList(NamedTuple):
    """A whole list, pages joined: bare objects and the revision to watch from."""

    items: list[bytes]
    resource_version: str


class ApiClient(Protocol):
    """Typed calls. Every method raises ApiError (the server's word) or TransportError (none).

    An answer that cannot be read is serialization's DecodeError.
    """

    async def get(self, resource: Resource, message: type[M], key: ObjectKey) -> M:
        """GET one object."""
        ...

    async def create(self, resource: Resource, namespace: str, obj: M) -> M:
        """POST an object, return what was stored."""
        ...

    async def update(self, resource: Resource, obj: M) -> M:
        """PUT an object at the resourceVersion that it carries (409 Conflict when stale)."""
        ...

    async def update_status(self, resource: Resource, obj: M) -> M:
        """PUT an object to its ``status`` subresource."""
        ...

    async def update_subresource(self, resource: Resource, obj: M, subresource: str) -> M:
        """PUT an object to a subresource that takes the whole object (``finalize``)."""
        ...

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
        """PATCH an object, or its subresource, with the JSON text of a patch."""
        ...

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
        """DELETE one object; with ``uid`` only if it is that very object (409 otherwise).

        With ``resource_version`` only if it is still in that state.
        """
        ...

    async def delete_collection(
        self,
        resource: Resource,
        selection: Selection,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = Propagation.DEFAULT,
    ) -> None:
        """DELETE every object that a selection picks."""
        ...

    async def bind(self, namespace: str, binding: Binding) -> None:
        """POST a Binding to the pod that it names."""
        ...

    async def list_raw(
        self, resource: Resource, selection: Selection = EVERYTHING, *, resource_version: str = ""
    ) -> RawList:
        """LIST without decoding the items."""
        ...

    def watch_raw(
        self,
        resource: Resource,
        selection: Selection = EVERYTHING,
        *,
        resource_version: str = "",
        timeout_s: int = 0,
        initial_events: bool = False,
    ) -> AsyncGenerator[list[RawEvent], None]:
        """WATCH: events in chunks as they arrive. Ends when the server ends it; close it if left.

        With ``initial_events`` the objects that are there, as of ``resource_version`` or later,
        come first as ADDED, and then a bookmark with the annotation INITIAL_EVENTS_END: a LIST
        and the watch from there in one. Servers may refuse it.
        Raises ApiError for an ERROR event (410 Expired: list again), TransportError when torn.
        """
        ...

    async def document(self, path: str) -> bytes:
        """GET a JSON document that is not an object: discovery's, see ``client.discovery``."""
        ...

    def decode(self, message: type[M], bare: bytes) -> M:
        """Decode a bare object in this client's codec. Raises serialization's DecodeError."""
        ...


class OwnerRef(NamedTuple):
    """An entry of an object's ``metadata.ownerReferences``."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool
    blocks: bool
    """``blockOwnerDeletion``: the owner's foreground deletion waits for this dependent."""


class CachedObject(Protocol[M_co]):
    """An informer's entry: a header that is always there, and the message, parsed on each use."""

    @property
    def key(self) -> ObjectKey: ...
    @property
    def uid(self) -> str: ...
    @property
    def resource_version(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def owner_uid(self) -> str:
        """The uid of its controlling owner, or empty."""
        ...

    @property
    def owners(self) -> tuple[OwnerRef, ...]:
        """Its owners; objects whose owners are the same share one tuple."""
        ...

    @property
    def node_name(self) -> str:
        """``spec.nodeName`` of a pod, else empty."""
        ...

    @property
    def phase(self) -> str:
        """``status.phase`` of a pod, else empty."""
        ...

    @property
    def deleting(self) -> bool:
        """True when ``metadata.deletionTimestamp`` is set."""
        ...

    @property
    def received_ns(self) -> int:
        """When this version reached the client (``Clock.stamp_ns``)."""
        ...

    def peek(self) -> M_co:
        """Return a message to read from, now: neither to be changed nor to be kept.

        While an event is told, all who peek at its object share one parse.
        """
        ...

    def message(self) -> M_co:
        """Return a fresh message that the caller may change."""
        ...


class EventSink(Protocol[M_contra]):
    """What an informer tells; called on the loop, in order; must neither block nor raise."""

    def added(self, new: CachedObject[M_contra]) -> None:
        """An object appeared."""
        ...

    def updated(self, old: CachedObject[M_contra], new: CachedObject[M_contra]) -> None:
        """An object changed; a deletion and recreation that was missed shows as a new uid."""
        ...

    def deleted(self, last: CachedObject[M_contra]) -> None:
        """An object is gone; ``last`` is the last known state (it may be old after a relist)."""
        ...


class Lister(Protocol[M_co]):
    """Reads of an informer's cache; no requests."""

    def get(self, key: ObjectKey) -> CachedObject[M_co] | None:
        """Return the cached object, or None."""
        ...

    def list(self, namespace: str = "") -> Iterable[CachedObject[M_co]]:
        """Return all cached objects, or those of a namespace."""
        ...

    def by_index(self, index: str, value: str) -> Iterable[CachedObject[M_co]]:
        """Return the objects that an index files under ``value``."""
        ...

    def __len__(self) -> int:
        """Return how many objects are cached."""
        ...


class Informer(Protocol[M_co]):
    """One list + watch of a resource, shared by all who want to know (``InformerFactory``)."""

    @property
    def lister(self) -> Lister[M_co]: ...

    def subscribe(self, sink: EventSink[M_co]) -> None:
        """Tell ``sink`` of every change from now on; what is cached is told at once as added."""
        ...

    def add_index(self, name: str, values: Callable[[CachedObject[M_co]], Iterable[str]]) -> None:
        """File every object, cached and future, under ``values(obj)``.

        The same function under the same name again is the same index.
        """
        ...

    async def wait_synced(self) -> None:
        """Return once the first list has been applied."""
        ...


class InformerSource(Protocol):
    """Gives informers: one per (resource, selection) when shared, a new one each when not."""

    def informer(
        self, resource: Resource, message: type[M], selection: Selection = EVERYTHING
    ) -> Informer[M]:
        """Return the informer, started if it is not yet."""
        ...


class WorkQueue(Protocol, Generic[K]):
    """Keys to be synced, each once.

    A key is never worked on twice at once, and is kept once however often it is added; what is
    added while being worked on comes again after ``done``.
    """

    def add(self, key: K) -> None:
        """Put a key in line, unless it is there."""
        ...

    def add_after(self, key: K, delay_s: float) -> None:
        """Put a key in line later."""
        ...

    def add_rate_limited(self, key: K) -> None:
        """Put a key in line after its back-off, which doubles with each call until ``forget``."""
        ...

    def forget(self, key: K) -> None:
        """Reset a key's back-off."""
        ...

    async def get(self) -> K:
        """Wait for the next key. Raises ShutDownError when the queue is shut down and empty."""
        ...

    def done(self, key: K) -> None:
        """Say that a key taken with ``get`` has been worked on."""
        ...

    def shut_down(self) -> None:
        """Refuse new keys; ``get`` drains what is there, then raises."""
        ...


class ShutDownError(Exception):
    """The queue has been shut down."""
