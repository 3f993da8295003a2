"""A journal that keeps nothing: the engine's state ends with it."""

from __future__ import annotations

from storage.engine.committer import Job
from storage.etcd2.journal.member import SOLE
from storage.etcd2.machine import Machine
from storage.etcd2.model import Request
from storage.etcd2.pending import Group


class MemoryJournal:
    """A ``Journal`` of nothing."""

    def encode(self, request: Request) -> bytes:
        return b""

    def open(self, now_ns: int) -> Machine:
        machine = Machine()
        for request in SOLE.requests():
            machine.apply(request, now_ns)
        return machine

    def close(self) -> None:
        """There is nothing to let go of."""

    def applied(self) -> None:
        """There is nothing to note."""

    def disk_bytes(self) -> int:
        return 0

    def commit(self, group: Group) -> Job:
        return _nothing

    def probe(self) -> Job:
        return _nothing

    def recover(self, error: Exception) -> bool:
        return False


def _nothing() -> None:
    """Be durable at once."""
