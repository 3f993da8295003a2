r"""Codec ``protobuf``: ``k8s\0`` and the ``runtime.Unknown`` envelope around the message's bytes.

Lists and watch frames are put together from bytes. The wire is written by hand here, since a
length prefix and a copy cost less than a message object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from google.protobuf.message import DecodeError as WireError
from google.protobuf.message import Message

from serialization.api.meta.v1_pb2 import ListMeta, WatchEvent
from serialization.api.runtime_pb2 import Unknown
from serialization.codecs.interface import Frame, FrameReader, ListHead, TypeMeta, UnknownFields
from serialization.errors import DecodeError

M = TypeVar("M", bound=Message)

MAGIC: Final = b"k8s\x00"
FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
# Items of a list that are joined into one piece: few enough not to hold up the loop.
ITEMS_PER_PIECE: Final = 256
# contentEncoding and contentType, which Kubernetes writes although they are empty.
_TAIL: Final = b"\x1a\x00\x22\x00"


def varint(value: int) -> bytes:
    """Encode an unsigned base-128 integer."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place, and the place behind it. Raises DecodeError."""
    value = shift = 0
    for index in range(at, min(at + 10, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise DecodeError("a torn length")


def _field(tag: int, value: bytes) -> bytes:
    return b"%c%b%b" % (tag, varint(len(value)), value)


def _envelope(kind: TypeMeta, raw_bytes: int) -> bytes:
    """Return what stands before the raw bytes of a document."""
    meta = _field(0x0A, kind.api_version.encode()) + _field(0x12, kind.kind.encode())
    return b"%b%b\x12%b" % (MAGIC, _field(0x0A, meta), varint(raw_bytes))


class ProtobufCodec:
    """Kubernetes' protobuf."""

    name: Final = "protobuf"
    media_type: Final = "application/vnd.kubernetes.protobuf"
    stream_media_type: Final = "application/vnd.kubernetes.protobuf;stream=watch"

    def encode_bare(self, message: Message) -> bytes:
        # Deterministic: the order of map entries must not depend on how the map was filled, or
        # an update that changes nothing would write other bytes.
        return message.SerializeToString(deterministic=True)

    def decode_bare(
        self,
        message: type[M],
        data: bytes,
        unknown: UnknownFields = UnknownFields.IGNORE,
        warnings: list[str] | None = None,
    ) -> M:
        try:
            return message.FromString(data)
        except WireError as error:
            raise DecodeError(f"{message.DESCRIPTOR.name}: {error}") from None

    def wrap(self, kind: TypeMeta, bare: bytes) -> bytes:
        return b"%b%b%b" % (_envelope(kind, len(bare)), bare, _TAIL)

    def unwrap(self, document: bytes) -> tuple[TypeMeta, bytes]:
        if not document.startswith(MAGIC):
            raise DecodeError("the body does not begin with the protobuf magic k8s\\0")
        try:
            envelope = Unknown.FromString(document[4:])
        except WireError as error:
            raise DecodeError(f"runtime.Unknown: {error}") from None
        meta = envelope.typeMeta
        return TypeMeta(meta.apiVersion, meta.kind), envelope.raw

    def encode(self, kind: TypeMeta, message: Message) -> bytes:
        return self.wrap(kind, self.encode_bare(message))

    def with_resource_version(self, bare: bytes, resource_version: str) -> bytes:
        version = resource_version.encode()
        field = b"\x32%c%b" % (len(version), version)
        if not bare.startswith(b"\x0a"):
            return b"\x0a%b%b%b" % (varint(len(field)), field, bare)
        length, begin = read_varint(bare, 1)
        end = begin + length
        return b"\x0a%b%b%b%b" % (
            varint(length + len(field)),
            bare[begin:end],
            field,
            bare[end:],
        )

    def join_list(self, kind: TypeMeta, head: ListHead, items: Sequence[bytes]) -> Iterable[bytes]:
        meta = ListMeta(resourceVersion=head.resource_version, continue_=head.continue_)
        if head.remaining is not None:
            meta.remainingItemCount = head.remaining
        metadata = _field(0x0A, meta.SerializeToString())
        lengths = [varint(len(item)) for item in items]
        total = len(metadata) + len(items)
        total += sum(map(len, lengths)) + sum(map(len, items))
        yield _envelope(kind, total) + metadata
        pairs = zip(lengths, items, strict=True)
        while group := list(islice(pairs, ITEMS_PER_PIECE)):
            yield b"".join([part for length, item in group for part in (b"\x12", length, item)])
        yield _TAIL

    def split_list(self, document: bytes) -> tuple[ListHead, list[bytes]]:
        _, raw = self.unwrap(document)
        head = ListHead("")
        items: list[bytes] = []
        at = 0
        while at < len(raw):
            tag = raw[at]
            if tag not in (0x0A, 0x12):
                raise DecodeError(f"a list has no field with tag {tag:#x}")
            length, begin = read_varint(raw, at + 1)
            at = begin + length
            if at > len(raw):
                raise DecodeError("a torn list")
            if tag == 0x12:
                items.append(raw[begin:at])
            else:
                head = _head(raw[begin:at])
        return head, items

    def frame(self, event_type: str, document: bytes) -> bytes:
        event = b"%b\x12%b" % (
            _field(0x0A, event_type.encode()),
            _field_head(0x0A, document),
        )
        return b"%b%b%b" % ((len(event) + len(document)).to_bytes(4), event, document)

    def frame_reader(self) -> FrameReader:
        return LengthReader()


def _field_head(tag: int, value: bytes) -> bytes:
    """Return the lengths that stand before a document in a watch event's RawExtension."""
    inner = b"%c%b" % (tag, varint(len(value)))
    return varint(len(inner) + len(value)) + inner


def _head(data: bytes) -> ListHead:
    try:
        meta = ListMeta.FromString(data)
    except WireError as error:
        raise DecodeError(f"{error}", "metadata") from None
    remaining = meta.remainingItemCount if meta.HasField("remainingItemCount") else None
    return ListHead(meta.resourceVersion, meta.continue_, remaining)


class LengthReader:
    """Cuts a stream of length-prefixed events; nothing is looked at twice."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4])
            if length > FRAME_BYTES_MAX:
                raise DecodeError(f"a watch event above {FRAME_BYTES_MAX} bytes")
            if len(buffer) - at - 4 < length:
                break
            frames.append(_event(bytes(buffer[at + 4 : at + 4 + length])))
            at += 4 + length
        del buffer[:at]
        return frames


def _event(data: bytes) -> Frame:
    try:
        event = WatchEvent.FromString(data)
    except WireError as error:
        raise DecodeError(f"WatchEvent: {error}") from None
    return Frame(event.type, event.object.raw)


CODEC: Final = ProtobufCodec()
