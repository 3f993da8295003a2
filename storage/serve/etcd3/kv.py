"""The KV service: ranges, writes, transactions, compaction."""

from __future__ import annotations

from typing import Final

import grpc

from serialization.api.etcd.rpc_pb2 import CompactionRequest, CompactionResponse
from storage.serve.etcd3.methods import unary
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "etcdserverpb.KV"


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""
    kv = KV(serving)
    return grpc.method_handlers_generic_handler(
        SERVICE, {"Compact": unary(CompactionRequest, kv.compact)}
    )


class KV:
    """Each method takes a request and returns its answer."""

    def __init__(self, serving: Serving) -> None:
        self._store = serving.store
        self._header = serving.header

    async def compact(self, request: CompactionRequest) -> CompactionResponse:
        """Forget what was superseded at or before a revision."""
        await self._store.compact(request.revision)
        return CompactionResponse(header=self._header(self._store.current_revision()))
