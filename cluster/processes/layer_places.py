"""Which code is which layer of a process's CPU (``storage.attribution``)."""

from __future__ import annotations

from typing import Final

from storage.attribution import Places

_CODECS: Final = (
    "serialization/codecs/protobuf.py",
    "serialization/jsonform/codec.py",
    "serialization/codecs/json_orjson.py",
    "serialization/codecs/json_stdlib.py",
)
_WRITES: Final = (
    "encode",
    "encode_bare",
    "wrap",
    "with_resource_version",
    "join_list",
    "list_head",
    "list_items",
    "list_size",
    "frame",
    "dumps",
)
_READS: Final = ("decode_bare", "unwrap", "split_list", "feed", "read")
_CODEC_PLACES: Final = {
    f"{path}:{function}": layer
    for path in _CODECS
    for functions, layer in ((_WRITES, "encode"), (_READS, "decode"))
    for function in functions
}
_UVICORN: Final = "uvicorn/protocols/http/httptools_impl.py"
_APP: Final = "cluster/apiserver/"

SERVER: Final[Places] = {
    **_CODEC_PLACES,
    # HTTP
    _UVICORN: "parse",
    f"{_UVICORN}:send": "socket",
    f"{_UVICORN}:run_asgi": "",
    f"{_APP}connection.py": "parse",
    f"{_APP}connection.py:answer": "socket",
    f"{_APP}connection.py:of": "socket",
    f"{_APP}traffic.py": "parse",
    f"{_APP}traffic.py:write": "socket",
    f"{_APP}asgi.py": "socket",
    f"{_APP}compression.py": "socket",
    f"{_APP}authentication.py": "authenticate",
    # The way of a request
    f"{_APP}app.py": "route",
    f"{_APP}calls.py": "route",
    f"{_APP}inflight.py": "route",
    f"{_APP}metrics.py": "route",
    f"{_APP}negotiation.py": "route",
    f"{_APP}paths.py": "route",
    f"{_APP}registry.py": "route",
    f"{_APP}verbs/table.py": "route",
    f"{_APP}api.py": "admit",
    f"{_APP}api.py:decode": "decode",
    f"{_APP}api.py:body": "decode",
    f"{_APP}api.py:stored": "decode",
    f"{_APP}api.py:encode": "encode",
    f"{_APP}api.py:answer": "encode",
    f"{_APP}api.py:written": "encode",
    f"{_APP}api.py:cached": "read",
    f"{_APP}api.py:newest": "read",
    f"{_APP}yaml_form.py": "encode",
    f"{_APP}verbs/": "admit",
    f"{_APP}verbs/get.py": "read",
    f"{_APP}verbs/list.py": "read",
    f"{_APP}verbs/log.py": "read",
    f"{_APP}verbs/watch.py": "read",
    f"{_APP}resources/": "admit",
    f"{_APP}allocation/": "admit",
    f"{_APP}objects.py": "admit",
    f"{_APP}identity.py": "admit",
    f"{_APP}namespaces.py": "admit",
    f"{_APP}deletion.py": "admit",
    "serialization/patch/": "admit",
    f"{_APP}reads/": "read",
    f"{_APP}views/": "read",
    f"{_APP}tables/": "read",
    f"{_APP}selections.py": "read",
    f"{_APP}pages.py": "read",
    f"{_APP}cluster_metrics.py": "read",
    f"{_APP}exposition.py": "read",
    # Watches
    f"{_APP}fanout/": "fanout",
    f"{_APP}fanout/transport.py": "socket",
    "storage/watchcache/": "cache",
    "storage/watchcache/dispatch.py": "fanout",
    "storage/watchcache/encoder.py": "encode",
    "storage/watchcache/selection.py": "fanout",
    # The store
    "storage/engine/": "store",
    "storage/etcd2/": "store",
    "storage/etcd3/": "store",
    "storage/memory/": "commit",
    "storage/base64_values.py": "base64",
    "storage/remote/": "store",
    "storage/remote/http1/": "http1",
    "storage/remote/http1/connection.py:_write": "socket",
    "storage/remote/http2/": "grpc",
    "storage/remote/http2/outgoing.py:flush": "socket",
    "storage/http2/": "grpc",
    "grpc/": "grpc",
}
"""Of the API server. Its other threads are ``commit``: the embedded store's. Over an etcd they are
``threads``, gRPC's, and of ``grpc`` only what is Python is told."""

_SERVE: Final = "storage/serve/etcd3/"
_SERVE2: Final = "storage/serve/etcd2/"

ETCD: Final[Places] = {
    "storage/http2/": "grpc",
    "storage/serve/http2/": "grpc",
    "storage/serve/http2/calls.py:_answer": "socket",
    "storage/serve/http2/calls.py:_flush": "socket",
    f"{_SERVE}methods.py": "grpc",
    f"{_SERVE}methods.py:_serialized": "encode",
    f"{_SERVE}requests.py": "decode",
    f"{_SERVE}txn_rules.py": "decode",
    f"{_SERVE}answers.py": "encode",
    f"{_SERVE}serving.py": "encode",
    f"{_SERVE}": "serve",
    f"{_SERVE}watch_streams.py": "fanout",
    f"{_SERVE}watch_pending.py": "fanout",
    f"{_SERVE}watch_events.py": "encode",
    f"{_SERVE2}": "serve",
    f"{_SERVE2}connection.py": "parse",
    f"{_SERVE2}connection.py:_write": "socket",
    f"{_SERVE2}forms.py": "decode",
    f"{_SERVE2}requests.py": "decode",
    f"{_SERVE2}answers.py": "encode",
    f"{_SERVE2}heads.py": "encode",
    f"{_SERVE2}watches.py": "fanout",
    "storage/engine/": "store",
    "storage/etcd2/": "store",
    "storage/etcd3/": "store",
    "storage/memory/": "commit",
}
"""Of a served engine."""

CLIENT: Final[Places] = {
    **_CODEC_PLACES,
    "cluster/client/": "exchange",
    "cluster/client/rest.py:_events": "watch",
    "cluster/client/rest.py:watch_raw": "watch",
    "cluster/client/streams.py": "watch",
    "cluster/client/informer.py": "apply",
    "cluster/client/indexer.py": "apply",
    "cluster/client/reflector.py": "apply",
    "cluster/client/selector_index.py": "apply",
    "cluster/client/sink.py": "apply",
    "cluster/client/workqueue.py": "queue",
    "cluster/client/workers.py": "queue",
    "cluster/client/events.py": "events",
    "cluster/client/event_correlation.py": "events",
    "cluster/client/history.py": "history",
    "cluster/client/history_follower.py": "history",
    "cluster/client/history_format.py": "history",
    "cluster/client/recording_client.py": "history",
    "cluster/client/leader.py": "sync",
    "cluster/controllers/": "sync",
    "cluster/scheduler/": "decide",
    "cluster/kubelet/": "kubelet",
    "bench/": "",
    "bench/recording.py": "record",
    "bench/scenarios/": "drive",
    "bench/workload/": "drive",
    "bench/pacing.py": "drive",
}
"""Of the processes that are clients: control, nodes, measuring. Other threads are ``threads``."""
