"""Stored documents, whoever wrote them: what a real API server takes from its store, we do, too.

It tells the encoding of a value by its first bytes (protobuf's magic, or JSON), whatever it writes
itself, refuses a value of another kind, and fills in some defaults as it reads, which therefore
never stand in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from google.protobuf.message import Message

from serialization.api.core.v1_pb2 import PersistentVolumeClaim, ReplicationController
from serialization.codecs.interface import Codec
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from serialization.scheme import Resource

MAGIC: Final = b"k8s\0"
ENCRYPTED: Final = b"k8s:enc:"


def read_stored(codec: Codec, resource: Resource, value: bytes) -> tuple[Message, bytes | None]:
    """Return the object that a value holds, and its bytes in ``codec`` that go with it.

    These are None where the object is not as its bytes: another encoding, or defaults that were
    filled in. As of ``Codec.unwrap``, they may be the value itself. Raises DecodeError.
    """
    written_by = _codec_of(codec, value)
    kind, bare = written_by.unwrap(value)
    if kind.kind != resource.kind:
        raise DecodeError(f"a stored {kind.kind or 'object without a kind'}, not {resource.kind}")
    message = written_by.decode_bare(resource.message, bare)
    fill = _DEFAULTS.get(resource.message)
    if (fill is not None and fill(message)) or written_by is not codec:
        return message, None
    return message, bare


def _codec_of(codec: Codec, value: bytes) -> Codec:
    """Return what reads a value: ``codec`` if it may. Raises DecodeError."""
    binary = value.startswith(MAGIC)
    if binary == (codec.name == "protobuf"):
        return codec
    if binary:
        return CODECS["protobuf"]
    if value.startswith(ENCRYPTED):
        raise DecodeError("identity transformer tried to read encrypted data")
    if value.lstrip()[:1] == b"{":
        return CODECS["orjson"]
    return codec  # which says what is wrong


def _claim(message: Message) -> bool:
    claim = cast("PersistentVolumeClaim", message)
    if claim.status.phase:
        return False
    claim.status.phase = "Pending"
    return True


def _controller(message: Message) -> bool:
    controller = cast("ReplicationController", message)
    labels = controller.spec.template.metadata.labels
    if controller.metadata.labels or not labels:
        return False
    controller.metadata.labels.update(labels)
    return True


_DEFAULTS: Final[dict[type[Message], Callable[[Message], bool]]] = {
    PersistentVolumeClaim: _claim,
    ReplicationController: _controller,
}
"""What fills in a kind's defaults; it answers whether there was something to fill in."""
