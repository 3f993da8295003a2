"""What a member of an etcd cluster says of itself, over gRPC: is it healthy, who leads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from serialization.api.etcd import rpc_pb2

ASK_S_MAX: Final = 1.0
"""How long a member may take for one answer."""

ANSWERS_OF_THE_HEALTHY: Final = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
"""A member asks its quorum first, and for the user's name after it: a refusal shows health, too."""


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """The files of TLS between clients and members (members talk plainly among themselves)."""

    ca_file: Path
    """Who signed the members' certificate, and the clients'."""
    cert_file: Path
    """The members' certificate, for 127.0.0.1."""
    key_file: Path
    client_cert_file: Path | None = None
    """If given, members demand certificates of clients; this one is shown to them."""
    client_key_file: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a client's channel needs. Raises OSError for files that cannot be read."""
        key, cert = self.client_key_file, self.client_cert_file
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca_file.read_bytes(),
            private_key=None if key is None else key.read_bytes(),
            certificate_chain=None if cert is None else cert.read_bytes(),
        )


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What Maintenance.Status says."""

    member_id: int
    leader_id: int
    """0 while it knows of no leader."""
    raft_term: int
    """It grows by each election."""
    revision: int
    """The last that this member has applied."""
    version: str
    db_bytes: int

    @property
    def leads(self) -> bool:
        """Return whether it takes itself for the leader."""
        return self.leader_id != 0 and self.leader_id == self.member_id


class Probe:
    """Asks one member; ``async with`` opens and closes its channel."""

    def __init__(self, endpoint: str, tls: EtcdTls | None = None) -> None:
        # A channel of its own: one that shares its subchannel would share its backoff, too.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if tls is None:
            self._channel = grpc.aio.insecure_channel(endpoint, options)
        else:
            self._channel = grpc.aio.secure_channel(endpoint, tls.credentials(), options)
        self._status = self._channel.unary_unary(
            "/etcdserverpb.Maintenance/Status",
            request_serializer=rpc_pb2.StatusRequest.SerializeToString,
            response_deserializer=rpc_pb2.StatusResponse.FromString,
        )
        self._range = self._channel.unary_unary(
            "/etcdserverpb.KV/Range",
            request_serializer=rpc_pb2.RangeRequest.SerializeToString,
            response_deserializer=rpc_pb2.RangeResponse.FromString,
        )

    async def __aenter__(self) -> Probe:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._channel.close()

    async def status(self) -> MemberStatus | None:
        """Return what the member says of itself; None where it does not answer within a second."""
        try:
            answer = await self._status(rpc_pb2.StatusRequest(), timeout=ASK_S_MAX)
        except grpc.aio.AioRpcError:
            return None
        return MemberStatus(
            member_id=answer.header.member_id,
            leader_id=answer.leader,
            raft_term=answer.raftTerm,
            revision=answer.header.revision,
            version=answer.version,
            db_bytes=answer.dbSize,
        )

    async def healthy(self) -> bool:
        """Return whether it answers a linearizable read within a second: it has a quorum."""
        code = grpc.StatusCode.OK
        try:
            await self._range(rpc_pb2.RangeRequest(key=b"health", limit=1), timeout=ASK_S_MAX)
        except grpc.aio.AioRpcError as error:
            code = error.code()
        return code in ANSWERS_OF_THE_HEALTHY
