"""Leader election on a Lease: of several candidates at most one works at a time.

Who holds the lease must renew it; who wants it waits until it was not renewed for its duration. A
candidate never compares its clock with another's: it notes by its own monotonic stamps *when it
saw* the lease change, and lets the duration run from there. So clocks may be skewed at will; what
must hold is only that they run at about the same speed. Example, with the times of ``LeaseTimes``::

    A renews at 0 s            B sees that at 1 s: not before 16 s may it take over
    A gets no answer any more  at 2 s it tries again, until 12 s: then it stops its work
    16 s                       B takes the lease, leaseTransitions + 1: A has stopped for 4 s

Semantics and numbers are client-go's (tools/leaderelection), with two differences, both on the safe
side: a leader that sees another in its place stops at once, not at its deadline; and it gives the
lease back only when its work has ended.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from cluster.client.events import Recorder
from cluster.client.interface import ApiClient, ApiError, ObjectKey, TransportError
from serialization.api.coordination.v1_pb2 import Lease, LeaseSpec
from serialization.api.core.v1_pb2 import ObjectReference
from serialization.api.meta.v1_pb2 import MicroTime, ObjectMeta
from serialization.errors import DecodeError
from serialization.kinds import LEASES
from storage.clock import Clock

logger = logging.getLogger(__name__)

RELEASED_S: Final = 1
"""The duration of a lease that was given back: whoever sees it may take it at once anyway."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease holds, and how often it is renewed. ``renew_deadline_s`` must be shorter."""

    duration_s: int = 15
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0
    jitter: float = 1.2
    """Candidates wait ``retry_s`` and up to this many times that more: not all at once."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """For what, and as who."""

    lock: ObjectKey
    """The Lease."""
    identity: str
    """Different for every candidate, and for every start of the same one."""
    times: LeaseTimes = field(default_factory=LeaseTimes)

    def __post_init__(self) -> None:
        times = self.times
        if not times.duration_s > times.renew_deadline_s > times.retry_s > 0:
            raise ValueError(f"a lease's duration, deadline and retry must descend: {times}")


class LeaderElector:
    """One candidate. ``run`` is to be called again for another term."""

    def __init__(
        self,
        client: ApiClient,
        recorder: Recorder,
        clock: Clock,
        chance: random.Random,
        candidacy: Candidacy,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._chance = chance
        self._lock = candidacy.lock
        self._identity = candidacy.identity
        self._times = candidacy.times
        self._seen: Lease | None = None
        """The lease as this candidate last saw or wrote it."""
        self._seen_ns = 0
        """When it last saw it change."""
        self.leading = 0
        """1 from taking the lease until the work that it stands for has ended."""
        self.terms = 0
        self.renewals = 0
        self.failures = 0
        """Attempts that ended without a word of who leads."""

    @property
    def leader(self) -> str:
        """Who holds the lease, as far as is known; empty: nobody."""
        return self._seen.spec.holderIdentity if self._seen is not None else ""

    async def run(
        self, lead: Callable[[], Awaitable[None]], stand_by: Callable[[], None] | None = None
    ) -> None:
        """Wait for the lease, then run ``lead`` for as long as it is held.

        Returns when ``lead`` has returned, or was cancelled because the lease is lost. Cancelled,
        it cancels ``lead``, waits for it and gives the lease back. ``stand_by`` is called when the
        lease could not be had at once.
        """
        if not await self._attempt():
            if stand_by is not None:
                stand_by()
            await self._acquire()
        self.leading = 1
        self.terms += 1
        self._say("became leader")
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(_wait_for(lead))
                renewal = group.create_task(self._renew())
                work.add_done_callback(lambda _work: renewal.cancel())
                await asyncio.wait((renewal,))
                work.cancel()
        finally:
            self.leading = 0
            self._say("stopped leading")
            await self._release()

    async def _acquire(self) -> None:
        times = self._times
        while True:
            await asyncio.sleep(times.retry_s * (1.0 + self._chance.random() * times.jitter))
            if await self._attempt():
                return

    async def _renew(self) -> None:
        """Renew the lease until that has not worked for ``renew_deadline_s``, or another has it.

        That runs from the renewal that is due ``retry_s`` after the last was *asked for*: others
        may have seen that one long before its answer came.
        """
        times = self._times
        while True:
            age_s = (self._clock.stamp_ns() - self._seen_ns) / 1e9
            try:
                async with asyncio.timeout(times.retry_s + times.renew_deadline_s - age_s):
                    while not await self._attempt():
                        if self.leader != self._identity:
                            logger.warning("%s is led by %s now", self._lock, self.leader)
                            return
                        await asyncio.sleep(times.retry_s)
            except TimeoutError:
                logger.warning("the lease %s could not be renewed in time", self._lock)
                return
            self.renewals += 1
            await asyncio.sleep(times.retry_s)

    async def _attempt(self) -> bool:
        """Take or renew the lease; return whether it is held now. No answer means no."""
        try:
            async with asyncio.timeout(self._times.renew_deadline_s / 2):
                return await self._take_or_renew()
        except (ApiError, TransportError, DecodeError, TimeoutError) as error:
            self.failures += 1
            logger.debug("%s: %s", self._lock, error)
            return False

    async def _take_or_renew(self) -> bool:
        now_ns = self._clock.stamp_ns()
        if self._seen is not None and self.leader == self._identity and self._is_valid(now_ns):
            try:  # the usual case: nobody else has touched it since
                return await self._write(self._seen, now_ns)
            except ApiError as error:
                logger.debug("%s has changed: %s", self._lock, error)
        try:
            found = await self._client.get(LEASES, Lease, self._lock)
        except ApiError as error:
            if error.code != 404:
                raise
            return await self._create(now_ns)
        if self._seen is None or found.spec != self._seen.spec:
            self._seen_ns = self._clock.stamp_ns()
        self._seen = found
        if self.leader not in ("", self._identity) and self._is_valid(self._clock.stamp_ns()):
            return False
        return await self._write(found, self._clock.stamp_ns())

    def _is_valid(self, now_ns: int) -> bool:
        """Return whether the lease that was seen still holds."""
        seen = self._seen
        if seen is None:
            return False
        return self._seen_ns + seen.spec.leaseDurationSeconds * 10**9 > now_ns

    async def _create(self, now_ns: int) -> bool:
        metadata = ObjectMeta(namespace=self._lock.namespace, name=self._lock.name)
        lease = Lease(metadata=metadata, spec=LeaseSpec(leaseTransitions=0))
        self._put_name(lease)
        self._note(await self._client.create(LEASES, self._lock.namespace, lease), now_ns)
        return True

    async def _write(self, before: Lease, now_ns: int) -> bool:
        """Write the lease as ours, on top of the version that was seen (409 when it is not)."""
        lease = Lease()
        lease.CopyFrom(before)
        if before.spec.holderIdentity == self._identity:
            lease.spec.renewTime.CopyFrom(self._now())
        else:
            lease.spec.leaseTransitions += 1
            self._put_name(lease)
        self._note(await self._client.update(LEASES, lease), now_ns)
        return True

    def _put_name(self, lease: Lease) -> None:
        now = self._now()
        lease.spec.holderIdentity = self._identity
        lease.spec.leaseDurationSeconds = self._times.duration_s
        lease.spec.acquireTime.CopyFrom(now)
        lease.spec.renewTime.CopyFrom(now)

    def _note(self, written: Lease, asked_ns: int) -> None:
        """Keep what our write answered; it holds from when it was asked for, which is earlier."""
        self._seen, self._seen_ns = written, asked_ns

    async def _release(self) -> None:
        """Give the lease back, if it is still ours; without an answer it simply runs out."""
        if self._seen is None or self.leader != self._identity:
            return
        lease = Lease()
        lease.CopyFrom(self._seen)
        now = self._now()
        lease.spec.ClearField("holderIdentity")
        lease.spec.leaseDurationSeconds = RELEASED_S
        lease.spec.acquireTime.CopyFrom(now)
        lease.spec.renewTime.CopyFrom(now)
        try:
            async with asyncio.timeout(self._times.renew_deadline_s / 2):
                self._note(await self._client.update(LEASES, lease), self._clock.stamp_ns())
        except (ApiError, TransportError, DecodeError, TimeoutError) as error:
            self._seen = None  # whether it is ours is for the next look to find out
            logger.debug("%s could not be given back: %s", self._lock, error)

    def _say(self, what: str) -> None:
        metadata = self._seen.metadata if self._seen is not None else ObjectMeta()
        about = ObjectReference(
            apiVersion=LEASES.api_version,
            kind=LEASES.kind,
            namespace=self._lock.namespace,
            name=self._lock.name,
            uid=metadata.uid,
            resourceVersion=metadata.resourceVersion,
        )
        self._recorder.record(about, "LeaderElection", f"{self._identity} {what}")

    def _now(self) -> MicroTime:
        now = self._clock.now()
        return MicroTime(seconds=int(now.timestamp()), nanos=now.microsecond * 1000)


async def _wait_for(lead: Callable[[], Awaitable[None]]) -> None:
    await lead()
