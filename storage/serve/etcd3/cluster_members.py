"""The Cluster service: one member, which never changes.

Changes of membership are answered Unimplemented, by name, as any method that nobody has.
"""

from __future__ import annotations

from typing import Final

import grpc

from serialization.api.etcd.rpc_pb2 import Member, MemberListRequest, MemberListResponse
from storage.serve.etcd3.methods import unary
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "etcdserverpb.Cluster"


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""

    async def member_list(_request: MemberListRequest) -> MemberListResponse:
        member = Member(
            ID=serving.member_id, name=serving.name, clientURLs=list(serving.client_urls)
        )
        return MemberListResponse(header=serving.header(0), members=[member])  # as a real one

    return grpc.method_handlers_generic_handler(
        SERVICE, {"MemberList": unary(MemberListRequest, member_list)}
    )
