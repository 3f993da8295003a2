"""Messages as plain JSON trees and back: what patches, conversions and apply work on."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

from serialization.codecs.interface import UnknownFields
from serialization.jsonform.decode import message_of
from serialization.jsonform.encode import tree_of

M = TypeVar("M", bound=Message)


def plain(message: Message) -> dict[str, Any]:
    """Return a message's JSON tree, without kind and apiVersion. It is the caller's to change.

    Raises EncodeError.
    """
    return tree_of(message)


def from_plain(
    message: type[M],
    tree: object,
    unknown: UnknownFields = UnknownFields.IGNORE,
    warnings: list[str] | None = None,
) -> M:
    """Build a message of a JSON tree; ``kind`` and ``apiVersion`` at its top are skipped.

    Unknown fields as ``Codec.decode_bare`` has it. Raises DecodeError with the field's path.
    """
    return message_of(message, tree, unknown, warnings)
