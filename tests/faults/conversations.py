"""What a client of each protocol sends, whole: writes, a transaction, reads, a watch at the end."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from google.protobuf.message import Message

from serialization.api.etcd import rpc_pb2 as rpc
from storage.http2 import frames
from storage.http2.hpack import literal
from tests.faults.records import PREFIX, Begun, Part, value_of

TORN: Final = PREFIX + b"torn/"


class Conversation:
    """One client's bytes, and the writes in them. ``number`` is free, and so is the one after."""

    def __init__(self, api: int, number: int, at_ns: int) -> None:
        self.api = api
        single = Part(TORN + b"%d" % number, value_of(number), 0)
        self.writes = [Begun(at_ns, number, (single,))]
        if api == 2:
            another = Part(TORN + b"%d" % (number + 1), value_of(number + 1), 0)
            self.writes.append(Begun(at_ns, number + 1, (another,)))
            self.sent = _http(single, another)
            return
        pair = tuple(
            Part(TORN + b"%d/%d" % (number + 1, place), value_of(number + 1, place), 0)
            for place in range(2)
        )
        self.writes.append(Begun(at_ns, number + 1, pair))
        self.sent = _grpc(single, pair)


def _grpc(single: Part, pair: tuple[Part, ...]) -> bytes:
    everything = rpc.WatchCreateRequest(key=PREFIX, range_end=PREFIX[:-1] + b"0")
    puts = [
        rpc.RequestOp(request_put=rpc.PutRequest(key=part.key, value=part.value or b""))
        for part in pair
    ]
    calls: list[tuple[str, Message, bool]] = [
        ("KV/Put", rpc.PutRequest(key=single.key, value=single.value or b""), True),
        ("Watch/Watch", rpc.WatchRequest(create_request=everything), False),
        ("KV/Range", rpc.RangeRequest(key=PREFIX, range_end=PREFIX[:-1] + b"0", limit=3), True),
        ("Lease/LeaseKeepAlive", rpc.LeaseKeepAliveRequest(ID=12345), False),
        ("KV/Txn", rpc.TxnRequest(success=puts), True),
    ]
    sent = frames.PREFACE + frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 20})
    for place, (path, message, ended) in enumerate(calls):
        sent += _call(2 * place + 1, path, message, ended=ended)
    return sent


def _call(stream: int, path: str, message: Message, *, ended: bool) -> bytes:
    head = (
        literal(b":method", b"POST")
        + literal(b":scheme", b"http")
        + literal(b":path", b"/etcdserverpb." + path.encode())
        + literal(b":authority", b"etcd")
        + literal(b"content-type", b"application/grpc")
        + literal(b"te", b"trailers")
    )
    body = message.SerializeToString()
    flags = frames.END_STREAM if ended else 0
    return frames.frame(frames.HEADERS, frames.END_HEADERS, stream, head) + frames.frame(
        frames.DATA, flags, stream, b"\0" + len(body).to_bytes(4, "big") + body
    )


def _http(single: Part, another: Part) -> bytes:
    return (
        _request("PUT", single.key, f"value={_quoted(single)}")
        + _request("GET", PREFIX + b"?recursive=true&quorum=true")
        + _request("PUT", another.key + b"?prevExist=false", f"value={_quoted(another)}")
        + _request("GET", PREFIX + b"?wait=true&recursive=true&stream=true")
    )


def _quoted(part: Part) -> str:
    return quote(part.value or b"", safe="")


def _request(method: str, path: bytes, body: str = "") -> bytes:
    lines = [f"{method} /v2/keys{path.decode()} HTTP/1.1", "Host: etcd"]
    if body:
        lines.append("Content-Type: application/x-www-form-urlencoded")
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
