"""Alarms: what an operator has raised, and the one that the engine raises of itself.

An engine that cannot write is read-only until a probe of its own succeeds; it shows as NOSPACE, and
no client can take it away. What a client activates holds until a client deactivates it, or until
the server ends (a real one keeps it).
"""

from __future__ import annotations

from serialization.api.etcd.rpc_pb2 import AlarmType


class Alarms:
    """The alarms of one member."""

    def __init__(self) -> None:
        self._raised: dict[AlarmType.ValueType, None] = {}

    def activate(self, alarm: AlarmType.ValueType) -> None:
        """Raise an alarm. Idempotent."""
        self._raised[alarm] = None

    def deactivate(self, alarm: AlarmType.ValueType) -> bool:
        """Take an alarm back; return whether it had been raised by a client."""
        if alarm not in self._raised:
            return False
        del self._raised[alarm]
        return True

    @property
    def no_space(self) -> bool:
        """Whether a client has forbidden writes that take space."""
        return AlarmType.NOSPACE in self._raised

    def shown(self, engine_alarm: str) -> list[AlarmType.ValueType]:
        """Return the alarms that there are, in the order of their numbers."""
        raised = dict(self._raised)
        if engine_alarm:
            raised[AlarmType.NOSPACE] = None
        return sorted(raised)
