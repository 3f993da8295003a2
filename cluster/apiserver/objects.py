"""Messages to stored bytes and back."""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import Message

from serialization.codecs.interface import Codec, TypeMeta
from serialization.errors import DecodeError
from serialization.scheme import Resource, metadata_of
from serialization.stored import read_stored
from storage.errors import CorruptObjectError
from storage.records import KeyValue


class Stored(NamedTuple):
    """An object as the store has it; the message is the caller's, and carries the revision."""

    message: Message
    revision: int
    doubtful: bool = False
    """It is the cache's, and the store may have a newer one: what is refused or left alone because
    of it is to be judged on the store's state."""


class Encoded(NamedTuple):
    """An object about to be stored: the bare form, and the document that goes under the key."""

    bare: bytes
    value: bytes


def decode_stored(codec: Codec, resource: Resource, entry: KeyValue) -> Stored:
    """Return the object of a store's entry. Raises CorruptObjectError."""
    try:
        message, _bare = read_stored(codec, resource, entry.value)
    except DecodeError as error:
        raise CorruptObjectError(entry.key, str(error)) from error
    metadata_of(message).resourceVersion = str(entry.revision)
    return Stored(message, entry.revision)


def encode_stored(codec: Codec, kind: TypeMeta, message: Message) -> Encoded:
    """Encode for the store; takes out of the metadata what is never stored (hot path).

    Field ownership is not tracked, so managedFields go with it.
    """
    meta = metadata_of(message)
    meta.ClearField("resourceVersion")
    meta.ClearField("selfLink")
    meta.ClearField("managedFields")
    bare = codec.encode_bare(message)
    return Encoded(bare, codec.wrap(kind, bare))
