r"""The codec contract.

Two forms of an object pass through here. The *bare* form is what the watch cache keeps and what
lists join: the message alone, without its type (JSON: the object without ``kind`` and
``apiVersion``, as Kubernetes writes the items of a list; protobuf: the message's own bytes). The
*document* form is what a client sends or GETs: JSON with ``kind`` and ``apiVersion`` in front;
protobuf with the ``k8s\0`` magic and the ``runtime.Unknown`` envelope. Putting a bare object into
a document, a list or a watch frame never encodes it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


class UnknownFields(StrEnum):
    """What becomes of JSON fields that the message does not have (``fieldValidation``)."""

    IGNORE = "Ignore"
    WARN = "Warn"
    STRICT = "Strict"


class TypeMeta(NamedTuple):
    """The type that a document names; empty strings where it names none."""

    api_version: str
    kind: str


class ListHead(NamedTuple):
    """The metadata of a list."""

    resource_version: str
    continue_: str = ""
    remaining: int | None = None


class Frame(NamedTuple):
    """One watch event: its type (ADDED, MODIFIED, DELETED, BOOKMARK, ERROR) and its object."""

    type: str
    document: bytes


class FrameReader(Protocol):
    """Cuts a watch stream into events; bytes may come in pieces of any size."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes, return the events that are now whole.

        Raises DecodeError for bytes that can be no watch stream, and for a frame above 64 MiB.
        """
        ...


class Codec(Protocol):
    """One media type in one library. Stateless and shared; every method is a pure function."""

    @property
    def name(self) -> str:
        """Its name in the registry and in cells: ``json``, ``orjson``, ``protobuf``."""
        ...

    @property
    def media_type(self) -> str:
        """The type of a document: ``application/json``."""
        ...

    @property
    def stream_media_type(self) -> str:
        """The type of a watch stream: ``application/vnd.kubernetes.protobuf;stream=watch``."""
        ...

    def encode_bare(self, message: Message) -> bytes:
        """Encode the message alone. The result holds no spare memory (it may be cached).

        Raises EncodeError.
        """
        ...

    def decode_bare(
        self,
        message: type[M],
        data: bytes,
        unknown: UnknownFields = UnknownFields.IGNORE,
        warnings: list[str] | None = None,
    ) -> M:
        """Decode a bare object or the inside of a document (``kind``/``apiVersion`` are skipped).

        With WARN, messages for unknown and duplicate fields are appended to ``warnings``; with
        STRICT they are a DecodeError. Raises DecodeError.
        """
        ...

    def wrap(self, kind: TypeMeta, bare: bytes) -> bytes:
        """Make a document of a bare object."""
        ...

    def unwrap(self, document: bytes) -> tuple[TypeMeta, bytes]:
        """Return a document's type, and bytes that ``decode_bare`` takes. Raises DecodeError."""
        ...

    def encode(self, kind: TypeMeta, message: Message) -> bytes:
        """Encode a document: ``wrap(kind, encode_bare(message))``."""
        ...

    def with_resource_version(self, bare: bytes, resource_version: str) -> bytes:
        """Put a resourceVersion into the ``metadata`` of a bare object that carries none.

        Equal to decode, set, encode; written in place, without decoding.
        """
        ...

    def join_list(self, kind: TypeMeta, head: ListHead, items: Sequence[bytes]) -> Iterable[bytes]:
        """Yield the pieces of a list document of bare ``items``, in order; joined they are it."""
        ...

    @property
    def measures_lists(self) -> bool:
        """Whether the head of a list says how long the list is."""
        ...

    @property
    def list_separator(self) -> bytes:
        """What stands between two items, and two pieces of ``list_items``."""
        ...

    def list_size(self, items: Sequence[bytes]) -> int:
        """Return how many bytes these items take in a list whose head says how long it is."""
        ...

    def list_head(self, kind: TypeMeta, head: ListHead, size: int) -> bytes:
        """Return what stands before the first item; ``size`` is that of all items together."""
        ...

    def list_items(self, items: Sequence[bytes]) -> bytes:
        """Return items as they stand in a list. A piece: of few enough not to hold up the loop."""
        ...

    @property
    def list_end(self) -> bytes:
        """What stands behind the last item."""
        ...

    def split_list(self, document: bytes) -> tuple[ListHead, list[bytes]]:
        """Cut a list document into bare items without decoding them all. Raises DecodeError."""
        ...

    def frame(self, event_type: str, document: bytes) -> bytes:
        """Make one event of a watch stream, framing included."""
        ...

    def frame_reader(self) -> FrameReader:
        """Return a reader for a new watch stream."""
        ...
