"""The times inside a message that came as protobuf: only those that JSON can tell.

JSON has times of the years 1 to 9999; protobuf has seconds, and the library takes any. One object
with a time beyond would be stored and then break every list and watch of its kind that is told in
JSON, so a server refuses it. Written for speed: nearly every message is passed by a search of its
bytes (1.2 us for a pod), since such a number is longer than those of real times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from serialization.api.meta.v1_pb2 import MicroTime, Time
from serialization.errors import DecodeError
from serialization.times import TimeFormatError, format_time

# Field 1, the seconds, of six bytes or more: beyond the year 3058, or negative. Field 2, the nanos:
# 805,306,368 or more, or negative. Other fields look like that, too; then the message is walked.
# Two searches, since one for either would look at every byte: 1.2 us for a pod, not 4.1.
_SUSPECT_SECONDS: Final = re.compile(rb"\x08[\x80-\xff]{5}").search
_SUSPECT_NANOS: Final = re.compile(rb"\x10[\x80-\xff]{4}[\x03-\xff]").search
_TIMES: Final = frozenset((Time.DESCRIPTOR.full_name, MicroTime.DESCRIPTOR.full_name))
_NANOS: Final = range(1_000_000_000)


def check_times(message: Message, data: bytes) -> None:
    """Refuse a message decoded from ``data`` for a time that cannot be told.

    Raises DecodeError, with the path.
    """
    if _SUSPECT_SECONDS(data) is not None or _SUSPECT_NANOS(data) is not None:
        _walk(message, "")


def _walk(message: Any, path: str) -> None:
    if message.DESCRIPTOR.full_name in _TIMES:
        try:
            format_time(message.seconds)
        except TimeFormatError as error:
            raise DecodeError(str(error), path) from None
        if message.nanos not in _NANOS:
            raise DecodeError(f"{message.nanos} nanoseconds are not within a second", path)
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for place, each in _values(field, value):
                _walk(each, f"{path}.{place}" if path else place)


def _values(field: FieldDescriptor, value: Any) -> Iterator[tuple[str, Any]]:
    name, message = field.json_name, field.message_type
    if message is not None and message.GetOptions().map_entry:
        if message.fields_by_name["value"].message_type is not None:
            yield from ((f"{name}.{key}", each) for key, each in value.items())
    elif field.is_repeated:
        yield from ((f"{name}[{index}]", each) for index, each in enumerate(value))
    else:
        yield name, value
