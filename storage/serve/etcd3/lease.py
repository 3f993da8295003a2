"""The Lease service: granted, kept alive, told of, revoked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Final, Never, Protocol

import grpc

from serialization.api.etcd.rpc_pb2 import (
    LeaseGrantRequest,
    LeaseGrantResponse,
    LeaseKeepAliveRequest,
    LeaseKeepAliveResponse,
    LeaseLeasesRequest,
    LeaseLeasesResponse,
    LeaseRevokeRequest,
    LeaseRevokeResponse,
    LeaseStatus,
    LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
    ResponseHeader,
)
from storage.errors import LeaseExistsError, LeaseNotFoundError, StoreError
from storage.serve.etcd3.errors import LEASE_TTL_TOO_LARGE, Refusal, RefusedError, refusal_of
from storage.serve.etcd3.methods import unary
from storage.serve.etcd3.serving import Serving

SERVICE: Final = "etcdserverpb.Lease"

TTL_MIN_S: Final = 2
"""What a shorter TTL is raised to: etcd's, with its default timeout of elections."""
TTL_MAX_S: Final = 9_000_000_000

NEGATIVE_ID: Final = Refusal(
    grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: a lease id must be above zero here"
)
"""A real one takes negative ids, too; no client that we know sends them."""

_ID_BITS: Final = 63


class StreamContext(Protocol):
    """What a stream needs to know of its call."""

    async def write(self, message: LeaseKeepAliveResponse) -> None:
        """Send a message."""
        ...

    async def abort(self, code: grpc.StatusCode, details: str = "") -> Never:
        """End the call."""
        ...


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""
    leases = Leasing(serving, Random(serving.clock.stamp_ns()))
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "LeaseGrant": unary(LeaseGrantRequest, leases.grant),
            "LeaseRevoke": unary(LeaseRevokeRequest, leases.revoke),
            "LeaseTimeToLive": unary(LeaseTimeToLiveRequest, leases.time_to_live),
            "LeaseLeases": unary(LeaseLeasesRequest, leases.list),
            "LeaseKeepAlive": grpc.stream_stream_rpc_method_handler(
                leases.keep_alive,
                request_deserializer=LeaseKeepAliveRequest.FromString,
                response_serializer=LeaseKeepAliveResponse.SerializeToString,
            ),
        },
    )


class Leasing:
    """Each method takes a request and returns its answer."""

    def __init__(self, serving: Serving, chance: Random) -> None:
        self._store = serving.store
        self._header_at = serving.header
        self._alarms = serving.alarms
        self._chance = chance

    async def grant(self, request: LeaseGrantRequest) -> LeaseGrantResponse:
        """Let a lease begin, under the id asked for or one that nobody had."""
        self._alarms.check_write(takes_space=True)
        if request.TTL > TTL_MAX_S:
            raise RefusedError(LEASE_TTL_TOO_LARGE)
        if request.ID < 0:
            raise RefusedError(NEGATIVE_ID)
        ttl_s = max(TTL_MIN_S, request.TTL)
        if request.ID:
            lease_id = await self._store.leases.grant(ttl_s, lease_id=request.ID)
        else:
            lease_id = await self._grant_any(ttl_s)
        return LeaseGrantResponse(header=self._header(), ID=lease_id, TTL=ttl_s)

    async def revoke(self, request: LeaseRevokeRequest) -> LeaseRevokeResponse:
        """End a lease and delete its keys."""
        await self._store.leases.revoke(request.ID)
        return LeaseRevokeResponse(header=self._header())

    async def keep_alive(
        self, requests: AsyncIterator[LeaseKeepAliveRequest], context: StreamContext
    ) -> None:
        """Let each lease that is named begin anew; one that there is not has a TTL of 0."""
        refused = None
        try:
            async for request in requests:
                try:
                    ttl_s = await self._store.leases.keep_alive(request.ID)
                except LeaseNotFoundError:
                    ttl_s = 0
                answer = LeaseKeepAliveResponse(header=self._header(), ID=request.ID, TTL=ttl_s)
                await context.write(answer)
        except StoreError as error:
            refused = refusal_of(error)
        if refused is not None:
            await context.abort(refused.code, refused.message)

    async def time_to_live(self, request: LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse:
        """Return what is left of a lease; a TTL of -1 says that there is none."""
        try:
            found = await self._store.leases.time_to_live(request.ID)
        except LeaseNotFoundError:
            return LeaseTimeToLiveResponse(header=self._header(), ID=request.ID, TTL=-1)
        return LeaseTimeToLiveResponse(
            header=self._header(),
            ID=request.ID,
            TTL=found.remaining_ms // 1000,
            grantedTTL=found.ttl_s,
            keys=found.keys if request.keys else (),
        )

    async def list(self, _request: LeaseLeasesRequest) -> LeaseLeasesResponse:
        """Return the ids of all leases."""
        ids = await self._store.leases.lease_ids()
        return LeaseLeasesResponse(
            header=self._header(), leases=[LeaseStatus(ID=lease_id) for lease_id in ids]
        )

    async def _grant_any(self, ttl_s: int) -> int:
        """Grant under an id by chance: one that was somebody's must not become another's."""
        while True:
            try:
                return await self._store.leases.grant(
                    ttl_s, lease_id=self._chance.getrandbits(_ID_BITS) or 1
                )
            except LeaseExistsError:
                continue

    def _header(self) -> ResponseHeader:
        return self._header_at(self._store.current_revision())
