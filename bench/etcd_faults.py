"""Faults planted into the members of a run's own etcd, while the load goes on.

``--etcd-fault kill-leader,stop-leader`` has them planted one after the other in the fill: of *n*
faults the *k*-th when ``k/(n+1)`` of its pods were seen running, and not before the one before it
is over. A killed member is started again on its data after five seconds; one that was stopped goes
on after five.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from bench.child import ChildError
from bench.etcd_fault_results import EtcdFault
from storage.clock import Clock

KILL: Final = "kill-leader"
STOP: Final = "stop-leader"
ETCD_FAULTS: Final = (KILL, STOP)
AWAY_S: Final = 5.0
"""Longer than an election and than a client's patience with a connection that hangs."""
GIVEN_UP_S: Final = 10.0
"""How long a call of the store may take: what a fault left hanging is answered by then."""
ASK_EVERY_S: Final = 0.05


class Members(Protocol):
    """The members of a real etcd, as faults need them."""

    async def leader(self) -> str:
        """Return the name of the member that leads; empty where none of those asked does."""
        ...

    async def kill(self, name: str) -> None:
        """SIGKILL a member."""
        ...

    async def restart(self, name: str) -> None:
        """Start a killed member again on its data. Raises ChildError."""
        ...

    def pause(self, name: str) -> None:
        """SIGSTOP a member."""
        ...

    def resume(self, name: str) -> None:
        """SIGCONT a member."""
        ...

    async def healthy(self) -> None:
        """Return when all members are. Raises ChildError."""
        ...


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, and when it was planted on the clock that histories keep."""

    stamp_ns: int
    fault: EtcdFault


class EtcdFaults:
    """Plants faults; ``run`` beside the load, ``planted`` afterwards."""

    def __init__(
        self,
        kinds: Sequence[str],
        members: Members,
        clock: Clock,
        share: Callable[[], float],
        origin_ns: Callable[[], int],
    ) -> None:
        """``share`` tells how much of the fill runs, 0 to 1; ``origin_ns`` when the run began."""
        self._kinds = kinds
        self._members = members
        self._clock = clock
        self._share = share
        self._origin_ns = origin_ns
        self.planted: list[Planted] = []

    async def run(self) -> None:
        """Plant all of them in turn; a failure is kept with its fault and ends it."""
        for number, kind in enumerate(self._kinds, start=1):
            due = number / (len(self._kinds) + 1)
            await self._until(lambda due=due: self._share() >= due)  # type: ignore[misc]  # bound now
            await self._plant(kind, due)

    async def _plant(self, kind: str, share: float) -> None:
        leader = await self._leader_but("")
        stamp_ns = self._clock.stamp_ns()
        at_s = (stamp_ns - self._origin_ns()) / 1e9
        self._keep(stamp_ns, EtcdFault(kind=kind, member=leader, at_s=at_s, share=share))
        if kind == KILL:
            await self._members.kill(leader)
        else:
            self._members.pause(leader)
        try:
            await self._watch_election(stamp_ns, leader)
            await self._return(kind, leader, stamp_ns)
        except ChildError as error:
            self._change(failure=str(error).splitlines()[0])

    async def _watch_election(self, stamp_ns: int, leader: str) -> None:
        """Find who leads next, in the time that the fault lasts."""
        try:
            async with asyncio.timeout(AWAY_S):
                successor = await self._leader_but(leader)
        except TimeoutError:
            return
        self._change(successor=successor, elected_s=self._since(stamp_ns))

    async def _return(self, kind: str, leader: str, stamp_ns: int) -> None:
        await asyncio.sleep(max(0.0, AWAY_S - self._since(stamp_ns)))
        if kind == KILL:
            await self._members.restart(leader)
        else:
            self._members.resume(leader)
        self._change(back_s=self._since(stamp_ns))
        await self._members.healthy()
        self._change(healthy_s=self._since(stamp_ns))

    async def _leader_but(self, former: str) -> str:
        while True:
            leader = await self._members.leader()
            if leader and leader != former:
                return leader
            await asyncio.sleep(ASK_EVERY_S)

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():  # noqa: ASYNC110  the recorder sets no event for each pod
            await asyncio.sleep(ASK_EVERY_S)

    def _since(self, stamp_ns: int) -> float:
        return (self._clock.stamp_ns() - stamp_ns) / 1e9

    def _keep(self, stamp_ns: int, fault: EtcdFault) -> None:
        self.planted.append(Planted(stamp_ns, fault))

    def _change(self, **facts: float | str) -> None:
        last = self.planted[-1]
        changed = replace(last.fault, **facts)  # type: ignore[arg-type]  # names and types of ours
        self.planted[-1] = replace(last, fault=changed)


def fault_at(planted: Sequence[Planted], begin_ns: int, end_ns: int) -> str:
    """Return which fault was planted in a time, or not yet got over; empty where none was."""
    for each in reversed(planted):
        lasted_s = max(GIVEN_UP_S, each.fault.healthy_s or 0.0)
        if begin_ns <= each.stamp_ns + int(lasted_s * 1e9) and end_ns >= each.stamp_ns:
            return f"{each.fault.kind} of {each.fault.member}"
    return ""
