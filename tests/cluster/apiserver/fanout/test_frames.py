"""Frames, byte for byte as a real Kubernetes API server sent them."""

from __future__ import annotations

from cluster.apiserver.errors import expired
from cluster.apiserver.fanout.chunk import Chunk
from cluster.apiserver.views.frames import bookmark_frame, error_frame
from serialization.api.core.v1_pb2 import ConfigMap
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS

TOO_OLD = (
    "000000650a054552524f52125c0a5a6b3873000a0c0a027631120653746174757312420a060a0012001a0012074661"
    "696c7572651a23746f6f206f6c64207265736f757263652076657273696f6e3a203335392028333731292207457870"
    "69726564309a031a002200"
)


def test_bookmark_in_json_is_kubernetes_own() -> None:
    kind = TypeMeta("v1", "ConfigMap")
    plain = bookmark_frame(CODECS["orjson"], kind, ConfigMap(), 316)
    end = bookmark_frame(CODECS["orjson"], kind, ConfigMap(), 313, initial_end=True)

    head = b'{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":'
    assert plain == head + b'{"resourceVersion":"316"}}}\n'
    assert end == head + (
        b'{"resourceVersion":"313","annotations":{"k8s.io/initial-events-end":"true"}}}}\n'
    )


def test_error_event_in_json_is_kubernetes_own() -> None:
    status = expired("too old resource version: 359 (371)").status()

    assert error_frame(CODECS["orjson"], status) == (
        b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},'
        b'"status":"Failure","message":"too old resource version: 359 (371)",'
        b'"reason":"Expired","code":410}}\n'
    )


def test_error_event_in_protobuf_reads_as_kubernetes_own() -> None:
    status = expired("too old resource version: 359 (371)").status()
    codec = CODECS["protobuf"]

    (ours,) = codec.frame_reader().feed(error_frame(codec, status))
    (theirs,) = codec.frame_reader().feed(bytes.fromhex(TOO_OLD))

    assert ours.type == theirs.type
    kind, bare = codec.unwrap(ours.document)
    assert kind == codec.unwrap(theirs.document)[0]
    assert codec.decode_bare(type(status), bare).message == status.message


def test_chunk_is_framed_for_http_once() -> None:
    chunk = Chunk(b"x" * 26)

    assert chunk.http == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunk.http is chunk.http
