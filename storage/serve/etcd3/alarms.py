"""Alarms: what clients have raised, and the one that the engine raises of itself.

An engine that cannot write is read-only until a probe of its own succeeds; it shows as NOSPACE, and
no client can take it away. What a client activates holds until a client deactivates it, or until
the server ends (a real one keeps it). NOSPACE forbids what takes space: puts, transactions with a
put, leases; CORRUPT forbids every write.
"""

from __future__ import annotations

from typing import Final

from grpc import StatusCode

from serialization.api.etcd.rpc_pb2 import AlarmMember, AlarmType
from storage.serve.etcd3.errors import NO_SPACE, Refusal, RefusedError

CORRUPT: Final = Refusal(StatusCode.DATA_LOSS, "etcdserver: corrupt cluster")


class Alarms:
    """The alarms of a server, each of a kind and of the member that a client names."""

    def __init__(self) -> None:
        self._raised: dict[tuple[int, AlarmType.ValueType], None] = {}

    def activate(self, member: int, alarm: AlarmType.ValueType) -> None:
        """Raise an alarm. Idempotent."""
        self._raised[member, alarm] = None

    def deactivate(self, member: int, alarm: AlarmType.ValueType) -> bool:
        """Take an alarm back; return whether a client had raised it."""
        there = (member, alarm) in self._raised
        if there:
            del self._raised[member, alarm]
        return there

    def shown(self, own_member: int, engine_alarm: str) -> list[AlarmMember]:
        """Return the alarms that there are, those of clients first."""
        raised = dict(self._raised)
        if engine_alarm:
            raised[own_member, AlarmType.NOSPACE] = None
        return [AlarmMember(memberID=member, alarm=alarm) for member, alarm in raised]

    def check_write(self, *, takes_space: bool) -> None:
        """Raise RefusedError where an alarm forbids a write."""
        if not self._raised:
            return
        kinds = [alarm for _, alarm in self._raised]
        if AlarmType.CORRUPT in kinds:
            raise RefusedError(CORRUPT)
        if takes_space and AlarmType.NOSPACE in kinds:
            raise RefusedError(NO_SPACE)
