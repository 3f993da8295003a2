"""What stands in the log's entries: requests, and changes of who is a member."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import orjson
from google.protobuf.message import DecodeError

from serialization.api.etcd import log_pb2 as pb
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.journal.member import added, removed, updated
from storage.etcd2.model import Method, Request

_METHODS: Final = {method.value: method for method in Method}
_READS: Final = ("GET", "HEAD")


class EntryKind(IntEnum):
    """What an entry holds."""

    NORMAL = 0
    MEMBERS = 1


class MemberChange(IntEnum):
    """What a change of the members is."""

    ADD = 0
    REMOVE = 1
    UPDATE = 2
    ADD_LEARNER = 3


class ForeignEntryError(Exception):
    """An entry holds what is no business of this store."""


def encode_request(request: Request) -> bytes:
    """Return a request as it stands in the log. Raises Etcd2Error if it cannot stand there."""
    method, path, value, _, _, prev_index, prev_exist, *_ = request
    try:
        # Hot: what most requests have is set at once, the rest where there is any.
        message = pb.Request(Method=method, Path=path, Val=value, PrevExist=prev_exist)
        if prev_index:
            message.PrevIndex = prev_index
        if request[3:5] != _NOTHING or request[7:] != _NO_MORE:
            _set_rest(message, request)
        return message.SerializeToString()
    except (ValueError, TypeError):  # no text, or no number of 64 bits
        shown = path.encode(errors="replace").decode()
        raise Etcd2Error(Code.INVALID_FORM, shown) from None


_NOTHING: Final = Request(Method.PUT, "")[3:5]
_NO_MORE: Final = Request(Method.PUT, "")[7:]


def _set_rest(message: pb.Request, request: Request) -> None:
    """Set the fields that most requests do without."""
    message.ID = request.id
    message.Dir = request.dir
    message.PrevValue = request.prev_value
    message.Expiration = request.expiration_ns
    message.Recursive = request.recursive
    message.Sorted = request.sorted
    if request.refresh is not None:
        message.Refresh = request.refresh
    message.Time = request.time_ns


def decode_request(encoded: bytes) -> Request | None:
    """Return the request of an entry; None: it changes nothing. Raises ForeignEntryError."""
    try:
        message = pb.Request.FromString(encoded)
    except DecodeError:
        raise ForeignEntryError("it is no request of etcd's v2 API") from None
    method = _METHODS.get(message.Method)
    if method is None:
        if message.Method in _READS:
            return None
        raise ForeignEntryError("it is no request of etcd's v2 API")
    return Request(
        method,
        message.Path,
        message.Val,
        dir=message.Dir,
        prev_value=message.PrevValue,
        prev_index=message.PrevIndex,
        prev_exist=message.PrevExist if message.HasField("PrevExist") else None,
        expiration_ns=message.Expiration,
        recursive=message.Recursive,
        sorted=message.Sorted,
        refresh=message.Refresh if message.HasField("Refresh") else None,
        time_ns=message.Time,
        id=message.ID,
    )


def member_requests(encoded: bytes, nodes: dict[int, None]) -> list[Request]:
    """Return what a change of the members does to the store; note in ``nodes`` who is one."""
    change = pb.ConfChange.FromString(encoded)
    if change.Type == MemberChange.REMOVE:
        nodes.pop(change.NodeID, None)
        return removed(change.NodeID)
    nodes[change.NodeID] = None
    if not change.Context:
        return []
    urls = orjson.loads(change.Context).get("peerURLs") or []
    if change.Type == MemberChange.UPDATE:
        return [updated(change.NodeID, urls)]
    return [added(change.NodeID, urls)]
