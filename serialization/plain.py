"""Messages as plain JSON trees and back: what patches, conversions and apply work on."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from google.protobuf.message import Message

from serialization.codecs.interface import UnknownFields
from serialization.jsonform.decode import message_of
from serialization.jsonform.encode import tree_of
from serialization.jsonform.schema import REFUSALS, Schemas, build

M = TypeVar("M", bound=Message)

# A memo: what is generated from a descriptor never changes.
_SCHEMAS: Final = Schemas()


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
    try:
        pruned = msgspec.convert(tree, _SCHEMAS.top(message), dec_hook=_SCHEMAS.hook)
        # Held values compare as the JSON that they were made of: equal means nothing pruned.
        if unknown is UnknownFields.IGNORE or pruned == tree:
            return build(message, pruned)
    except REFUSALS:
        pass  # the exact way below says what is wrong, or takes it
    return message_of(message, tree, unknown, warnings)
