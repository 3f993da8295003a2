"""The JSON codec, but for the library that reads and writes the text: that is injected.

Documents, lists and frames are put together from bytes; only ``encode_bare`` and ``decode_bare``
go through trees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import msgspec
from google.protobuf.message import Message

from serialization.codecs.interface import FrameReader, ListHead, TypeMeta, UnknownFields
from serialization.errors import DecodeError, EncodeError
from serialization.jsonform.decode import message_of
from serialization.jsonform.encode import tree_of
from serialization.jsonform.frames import LineReader, frame
from serialization.jsonform.leaves import json_type
from serialization.jsonform.schema import REFUSALS, Schemas, build
from serialization.jsonform.text import parse_exact

M = TypeVar("M", bound=Message)
Hook = Callable[[type, Any], Any]
Reader = Callable[[bytes], dict[str, Any]]
CarefulReader = Callable[[bytes], tuple[dict[str, Any], bool]]

# Items of a list that are joined into one piece: few enough not to hold up the loop.
ITEMS_PER_PIECE: Final = 256

_METADATA: Final = b'{"metadata":{'
_TYPED: Final = re.compile(rb'\{"kind":"([\w.]*)","apiVersion":"([\w./]*)"(?:(,)|\}$)')


class _TypeMeta(msgspec.Struct):
    kind: str | None = ""
    apiVersion: str | None = ""  # noqa: N815 - the field's name on the wire


class _ListMeta(msgspec.Struct):
    resourceVersion: str | None = ""  # noqa: N815
    continue_: str | None = msgspec.field(default="", name="continue")
    remainingItemCount: int | None = None  # noqa: N815


class _List(msgspec.Struct):
    metadata: _ListMeta | None = None
    items: list[msgspec.Raw] | None = None


_type_meta: Final = msgspec.json.Decoder(_TypeMeta)
_list: Final = msgspec.json.Decoder(_List)
_object: Final = msgspec.json.Decoder(dict[str, Any])


@lru_cache(maxsize=256)
def _head(kind: TypeMeta) -> bytes:
    """Return what all documents of a kind begin with."""
    quoted = msgspec.json.encode
    return b'{"kind":%b,"apiVersion":%b' % (quoted(kind.kind), quoted(kind.api_version))


class JsonText(Protocol):
    """A library that reads and writes JSON text."""

    def dumps(self, tree: Any) -> bytes:
        """Write a tree as compact UTF-8, in bytes that hold no spare memory."""
        ...

    def reader(self, schema: Any, hook: Hook) -> Reader:
        """Return a function from text to a tree that msgspec has checked against a schema.

        It raises one of REFUSALS for all that is not in order.
        """
        ...

    def careful_reader(self, schema: Any, hook: Hook) -> CarefulReader:
        """Return such a function that also tells whether the text had no more than the tree.

        False may be wrong, True never: no unknown field, no key twice.
        """
        ...


class JsonCodec:
    """Kubernetes' JSON, with the text in the hands of one library."""

    media_type: Final = "application/json"
    stream_media_type: Final = "application/json;stream=watch"
    measures_lists: Final = False
    list_separator: Final = b","
    list_end: Final = b"]}"

    def __init__(self, name: str, text: JsonText) -> None:
        self._name = name
        self._text = text
        self._dumps = text.dumps
        self._schemas = Schemas()
        # By message class: made once, at the first object of a class.
        self._readers: dict[type[Message], Reader] = {}
        self._careful: dict[type[Message], CarefulReader] = {}

    @property
    def name(self) -> str:
        return self._name

    def encode_bare(self, message: Message) -> bytes:
        tree = tree_of(message)
        try:
            return self._dumps(tree)
        except (ValueError, TypeError, RecursionError) as error:
            raise EncodeError(f"{message.DESCRIPTOR.name}: {error}") from None

    def decode_bare(
        self,
        message: type[M],
        data: bytes,
        unknown: UnknownFields = UnknownFields.IGNORE,
        warnings: list[str] | None = None,
    ) -> M:
        try:
            if unknown is UnknownFields.IGNORE:
                return build(message, self._reader(message)(data))
            pruned, clean = self._careful_reader(message)(data)
            if clean:
                return build(message, pruned)
        except REFUSALS:
            pass  # the exact way below says what is wrong, or takes it
        return message_of(message, parse_exact(data), unknown, warnings)

    def _reader(self, message: type[Message]) -> Reader:
        made = self._readers.get(message)
        if made is None:
            made = self._text.reader(self._schemas.top(message), self._schemas.hook)
            self._readers[message] = made
        return made

    def _careful_reader(self, message: type[Message]) -> CarefulReader:
        made = self._careful.get(message)
        if made is None:
            made = self._text.careful_reader(self._schemas.top(message), self._schemas.hook)
            self._careful[message] = made
        return made

    def wrap(self, kind: TypeMeta, bare: bytes) -> bytes:
        head = _head(kind)
        return b"%b}" % head if bare == b"{}" else b"%b,%b" % (head, bare[1:])

    def unwrap(self, document: bytes) -> tuple[TypeMeta, bytes]:
        match = _TYPED.match(document)
        if match is not None:
            kind, version, more = match.groups()
            bare = b"{%b" % document[match.end() :] if more == b"," else b"{}"
            return TypeMeta(version.decode(), kind.decode()), bare
        try:
            found = _type_meta.decode(document)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise DecodeError(f"couldn't get version/kind; {_untyped(document)}") from None
        return TypeMeta(found.apiVersion or "", found.kind or ""), document

    def encode(self, kind: TypeMeta, message: Message) -> bytes:
        return self.wrap(kind, self.encode_bare(message))

    def with_resource_version(self, bare: bytes, resource_version: str) -> bytes:
        if not resource_version:
            return bare
        version = resource_version.encode()
        if bare.startswith(_METADATA):
            comma = b"" if bare[13] == 0x7D else b","  # 0x7D closes an empty metadata
            return b'{"metadata":{"resourceVersion":"%b"%b%b' % (version, comma, bare[13:])
        return self._set_resource_version(bare, resource_version)

    def _set_resource_version(self, bare: bytes, resource_version: str) -> bytes:
        """Put a resourceVersion into an object whose metadata does not stand first, if at all."""
        try:
            tree = _object.decode(bare)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DecodeError(f"no JSON object: {error}") from None
        metadata = {**(tree.pop("metadata", None) or {}), "resourceVersion": resource_version}
        return self._dumps({"metadata": metadata, **tree})

    def join_list(self, kind: TypeMeta, head: ListHead, items: Sequence[bytes]) -> Iterable[bytes]:
        yield self.list_head(kind, head, 0)
        rest = iter(items)
        comma = b""
        while group := list(islice(rest, ITEMS_PER_PIECE)):
            yield comma + self.list_items(group)
            comma = self.list_separator
        yield self.list_end

    def list_size(self, items: Sequence[bytes]) -> int:
        return sum(map(len, items)) + max(len(items) - 1, 0)

    def list_head(self, kind: TypeMeta, head: ListHead, size: int) -> bytes:
        metadata: dict[str, Any] = {}
        if head.resource_version:
            metadata["resourceVersion"] = head.resource_version
        if head.continue_:
            metadata["continue"] = head.continue_
        if head.remaining is not None:
            metadata["remainingItemCount"] = head.remaining
        return b'%b,"metadata":%b,"items":[' % (_head(kind), msgspec.json.encode(metadata))

    def list_items(self, items: Sequence[bytes]) -> bytes:
        return b",".join(items)

    def split_list(self, document: bytes) -> tuple[ListHead, list[bytes]]:
        try:
            found = _list.decode(document)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            parse_exact(document)
            raise DecodeError(f"no list: {error}") from None
        meta = found.metadata or _ListMeta()
        head = ListHead(meta.resourceVersion or "", meta.continue_ or "", meta.remainingItemCount)
        return head, [bytes(item) for item in found.items or ()]

    def frame(self, event_type: str, document: bytes) -> bytes:
        return frame(event_type, document)

    def frame_reader(self) -> FrameReader:
        return LineReader()


def _untyped(document: bytes) -> str:
    """Say why a document has no readable type, as Kubernetes does."""
    try:
        tree = parse_exact(document)
    except DecodeError as error:
        return error.reason
    if not isinstance(tree, dict):
        return (
            f"json parse error: json: cannot unmarshal {json_type(tree)} into Go value of type "
            'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }'
        )
    return "both must be strings"
