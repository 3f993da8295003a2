"""The Maintenance service: status, hashes, alarms, defragmentation, snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import grpc

from serialization.api.etcd.rpc_pb2 import (
    AlarmMember,
    AlarmRequest,
    AlarmResponse,
    AlarmType,
    DefragmentRequest,
    DefragmentResponse,
    DowngradeInfo,
    HashKVRequest,
    HashKVResponse,
    HashRequest,
    HashResponse,
    MoveLeaderRequest,
    MoveLeaderResponse,
    ResponseHeader,
    SnapshotRequest,
    SnapshotResponse,
    StatusRequest,
    StatusResponse,
)
from storage.errors import StoreError
from storage.serve.etcd3.errors import Refusal, RefusedError, refusal_of
from storage.serve.etcd3.methods import Context, unary
from storage.serve.etcd3.serving import CLUSTER_VERSION, RAFT_TERM, VERSION, Serving
from storage.serve.etcd3.snapshot import stream

SERVICE: Final = "etcdserverpb.Maintenance"

BAD_LEADER: Final = Refusal(
    grpc.StatusCode.FAILED_PRECONDITION, "etcdserver: bad leader transferee"
)


def service(serving: Serving) -> grpc.GenericRpcHandler:
    """Return the service over an engine."""
    maintenance = Maintenance(serving)
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Status": unary(StatusRequest, maintenance.status),
            "Hash": unary(HashRequest, maintenance.hash),
            "HashKV": unary(HashKVRequest, maintenance.hash_kv),
            "Alarm": unary(AlarmRequest, maintenance.alarm),
            "Defragment": unary(DefragmentRequest, maintenance.defragment),
            "MoveLeader": unary(MoveLeaderRequest, maintenance.move_leader),
            "Snapshot": grpc.unary_stream_rpc_method_handler(
                maintenance.snapshot,
                request_deserializer=SnapshotRequest.FromString,
                response_serializer=SnapshotResponse.SerializeToString,
            ),
        },
    )


class Maintenance:
    """Each method takes a request and returns its answer."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._store = serving.store
        self._alarms = serving.alarms

    async def status(self, _request: StatusRequest) -> StatusResponse:
        """Return what the member is, how large its data are, and its alarms."""
        found = await self._store.status()
        member = self._serving.member_id
        size = found.disk_bytes or found.logical_bytes  # an engine in memory has no file
        return StatusResponse(
            header=self._header(),
            version=VERSION,
            dbSize=size,
            dbSizeInUse=min(size, found.logical_bytes),
            leader=member,
            raftIndex=found.revision,
            raftAppliedIndex=found.revision,
            raftTerm=RAFT_TERM,
            storageVersion=CLUSTER_VERSION,
            downgradeInfo=DowngradeInfo(),
            errors=[_told(alarm) for alarm in self._alarms.shown(member, found.alarm)],
        )

    async def hash(self, _request: HashRequest) -> HashResponse:
        """Return a hash over all that is kept, whatever its revision."""
        found = await self._store.hash_kv()
        return HashResponse(header=self._header(), hash=found.hash)

    async def hash_kv(self, request: HashKVRequest) -> HashKVResponse:
        """Return the hash over what is kept up to a revision."""
        found = await self._store.hash_kv(request.revision)
        return HashKVResponse(
            header=self._header(),
            hash=found.hash,
            compact_revision=found.compact_revision if found.compact_revision > 1 else -1,
            hash_revision=found.revision,
        )

    async def alarm(self, request: AlarmRequest) -> AlarmResponse:
        """Tell of alarms, raise one, or take one back; answers those that it was about.

        Without a header, as a real one answers.
        """
        asked = AlarmMember(memberID=request.memberID, alarm=request.alarm)
        if request.action == AlarmRequest.ACTIVATE:
            self._alarms.activate(request.memberID, request.alarm)
            return AlarmResponse(alarms=[asked])
        if request.action == AlarmRequest.DEACTIVATE:
            was = self._alarms.deactivate(request.memberID, request.alarm)
            return AlarmResponse(alarms=[asked] if was else [])
        found = await self._store.status()
        shown = self._alarms.shown(self._serving.member_id, found.alarm)
        if request.alarm != AlarmType.NONE:
            shown = [alarm for alarm in shown if alarm.alarm == request.alarm]
        return AlarmResponse(alarms=shown)

    async def defragment(self, _request: DefragmentRequest) -> DefragmentResponse:
        """Answer that all is well, without a header, as a real one answers.

        Pages that LMDB has freed are used again before the file grows; it never gives them back.
        """
        return DefragmentResponse()

    async def move_leader(self, _request: MoveLeaderRequest) -> MoveLeaderResponse:
        """Refuse: there is no other member."""
        raise RefusedError(BAD_LEADER)

    async def snapshot(
        self, _request: SnapshotRequest, context: Context
    ) -> AsyncIterator[SnapshotResponse]:
        """Stream the store as a database file of etcd's."""
        refused = None
        try:
            async for response in stream(self._serving):
                yield response
        except StoreError as error:
            refused = refusal_of(error)
        if refused is not None:
            await context.abort(refused.code, refused.message)

    def _header(self) -> ResponseHeader:
        return self._serving.header(self._store.current_revision())


def _told(alarm: AlarmMember) -> str:
    """Return an alarm in the words of a status: protobuf's, on one line."""
    member = f"memberID:{alarm.memberID} " if alarm.memberID else ""
    return f"{member}alarm:{AlarmType.Name(alarm.alarm)} "
