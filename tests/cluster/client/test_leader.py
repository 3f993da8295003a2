"""Leader election in virtual time: who leads when, through faults, stalls and skewed clocks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.interface import ApiClient, ObjectKey, TransportError
from cluster.client.leader import Candidacy, LeaderElector, LeaseTimes
from serialization.api.coordination.v1_pb2 import Lease
from serialization.api.core.v1_pb2 import ObjectReference
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import LEASES
from serialization.scheme import Resource
from storage.virtual_time import VirtualClock, run_virtual

LOCK = ObjectKey("kube-system", "control")
DURATION_S, DEADLINE_S, RETRY_S = 15, 10.0, 2.0


class Wire:
    """One candidate's way to the API, which can be cut or stall."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api
        self.error: Exception | None = None
        self.stalled = False
        self.answers_after_s = 0.0
        self.written_s = 0.0
        """When the last write took effect."""

    async def _pass(self) -> None:
        if self.stalled:
            await asyncio.get_running_loop().create_future()
        if self.error is not None:
            raise self.error

    async def get(self, resource: Resource, message: type[Lease], key: ObjectKey) -> Lease:
        await self._pass()
        return await self._api.get(resource, message, key)

    async def create(self, resource: Resource, namespace: str, obj: Lease) -> Lease:
        await self._pass()
        return await self._api.create(resource, namespace, obj)

    async def update(self, resource: Resource, obj: Lease) -> Lease:
        await self._pass()
        written = await self._api.update(resource, obj)
        self.written_s = now_s()
        if self.answers_after_s:
            await asyncio.sleep(self.answers_after_s)
        return written


@dataclass
class Candidate:
    """A candidate whose work is to note when it worked."""

    elector: LeaderElector
    wire: Wire
    said: list[str]
    terms: list[tuple[float, float]] = field(default_factory=list)
    working: bool = False
    stood_by: int = 0

    def record(
        self, about: ObjectReference, reason: str, message: str, *, warning: bool = False
    ) -> None:
        assert (about.kind, about.name, reason) == ("Lease", LOCK.name, "LeaderElection")
        self.said.append(message)

    async def work(self) -> None:
        started, self.working = now_s(), True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.working = False
            self.terms.append((started, now_s()))

    def stand_by(self) -> None:
        self.stood_by += 1

    async def contend(self) -> None:
        while True:
            await self.elector.run(self.work, self.stand_by)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def candidate(api: FakeApi, name: str, clock: VirtualClock | None = None) -> Candidate:
    wire, said = Wire(api), list[str]()
    made = Candidate.__new__(Candidate)
    elector = LeaderElector(
        cast("ApiClient", wire),
        made,
        clock or VirtualClock(),
        random.Random(name),
        Candidacy(LOCK, name, LeaseTimes(DURATION_S, DEADLINE_S, RETRY_S)),
    )
    Candidate.__init__(made, elector, wire, said)
    return made


def lease(api: FakeApi) -> Lease:
    (found,) = api.objects(Lease)
    return found


def two(scenario: Callable[[FakeApi, Candidate, Candidate], Awaitable[None]]) -> None:
    """Run a scenario in which ``a`` leads and ``b`` contends."""

    async def main() -> None:
        api = FakeApi(VirtualClock())
        a, b = candidate(api, "a"), candidate(api, "b")
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(a.contend())]
            await asyncio.sleep(1)
            running.append(group.create_task(b.contend()))
            running.append(group.create_task(never_both(a, b)))
            await asyncio.sleep(30)
            assert (a.working, b.working, b.stood_by) == (True, False, 1)
            await scenario(api, a, b)
            for task in running:
                task.cancel()

    run_virtual(main())


async def never_both(*candidates: Candidate) -> None:
    while True:
        assert sum(each.working for each in candidates) <= 1
        await asyncio.sleep(0.05)


def test_first_candidate_leads_and_renews_and_the_second_stands_by() -> None:
    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        held = lease(api).spec

        assert held.holderIdentity == "a"
        assert held.leaseDurationSeconds == DURATION_S
        assert held.leaseTransitions == 0
        assert held.acquireTime.seconds + 30 <= held.renewTime.seconds
        assert a.elector.renewals == 16  # at once, then every two seconds
        assert (a.elector.leading, b.elector.leading, b.elector.leader) == (1, 0, "a")
        assert a.said == ["a became leader"]

    two(scenario)


def test_stalled_leader_stops_before_another_may_take_over() -> None:
    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        a.wire.stalled = True
        renewed_s = lease(api).spec.renewTime.seconds
        stalled = now_s()

        await asyncio.sleep(60)

        (_started, stopped) = a.terms[0]
        assert b.working
        held = lease(api).spec
        took_over = held.acquireTime.seconds - renewed_s
        assert stopped - stalled <= RETRY_S + DEADLINE_S
        assert DURATION_S <= took_over <= DURATION_S + RETRY_S * 2.2 + 1
        assert (held.holderIdentity, held.leaseTransitions) == ("b", 1)
        assert a.said == ["a became leader", "a stopped leading"]

    two(scenario)


def test_leader_whose_answers_come_late_stops_as_early() -> None:
    """The others see a renewal when it takes effect, not when it is answered."""

    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        a.wire.answers_after_s = DEADLINE_S / 2 - 0.1
        await asyncio.sleep(60)
        a.wire.stalled = True  # one that has taken effect is still answered
        await asyncio.sleep(60)

        (_started, stopped) = a.terms[0]
        assert b.working
        assert stopped - a.wire.written_s <= RETRY_S + DEADLINE_S

    two(scenario)


@pytest.mark.parametrize(
    "error", [failure(500, message="no"), failure(429), TransportError("torn")], ids=str
)
def test_renewals_that_fail_for_less_than_the_deadline_cost_nothing(error: Exception) -> None:
    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        a.wire.error = error
        await asyncio.sleep(DEADLINE_S - RETRY_S)
        a.wire.error = None
        await asyncio.sleep(60)

        assert (a.working, b.working, a.terms) == (True, False, [])
        assert a.elector.failures > 2
        assert lease(api).spec.leaseTransitions == 0

    two(scenario)


def test_leader_that_lost_the_lease_contends_again_and_leads_after_the_other() -> None:
    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        a.wire.error = TransportError("refused")
        await asyncio.sleep(30)
        a.wire.error = None
        await asyncio.sleep(30)
        first = (a.working, b.working)
        b.wire.error = TransportError("refused")
        await asyncio.sleep(40)

        assert (first, (a.working, b.working)) == ((False, True), (True, False))
        assert lease(api).spec.leaseTransitions == 2
        assert a.elector.terms == 2

    two(scenario)


def test_leader_that_sees_another_in_its_place_stops_at_once() -> None:
    async def scenario(api: FakeApi, a: Candidate, b: Candidate) -> None:
        stolen = lease(api)
        stolen.spec.holderIdentity = "c"
        api.put(stolen)
        await asyncio.sleep(RETRY_S + 0.1)

        assert not a.working
        await asyncio.sleep(40)  # c never renews
        assert any((a.working, b.working))

    two(scenario)


def test_lease_is_given_back_when_the_leader_is_stopped() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        a, b = candidate(api, "a"), candidate(api, "b")
        async with asyncio.TaskGroup() as group:
            first = group.create_task(a.contend())
            await asyncio.sleep(5)
            second = group.create_task(b.contend())
            await asyncio.sleep(5)
            first.cancel()
            await asyncio.sleep(0.1)
            released = lease(api).spec
            await asyncio.sleep(RETRY_S * 2.2)

            assert not released.HasField("holderIdentity")
            assert (released.leaseDurationSeconds, released.leaseTransitions) == (1, 0)
            assert (a.working, b.working) == (False, True)
            assert lease(api).spec.leaseTransitions == 1
            second.cancel()

    run_virtual(main())


@pytest.mark.parametrize("skew_s", [-3600, 3600])
def test_clocks_may_be_skewed(skew_s: int) -> None:
    async def main() -> None:
        api, skewed = FakeApi(VirtualClock()), VirtualClock()
        skewed.offset_s = skew_s
        a, b = candidate(api, "a"), candidate(api, "b", skewed)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(each.contend()) for each in (a, b)]
            running.append(group.create_task(never_both(a, b)))
            await asyncio.sleep(300)
            before = (a.working, b.working)
            a.wire.stalled = True
            await asyncio.sleep(60)

            assert (before, (a.working, b.working)) == ((True, False), (False, True))
            renewed = lease(api).spec.renewTime.seconds
            assert abs(renewed - skewed.now().timestamp()) < 3
            for task in running:
                task.cancel()

    run_virtual(main())


def test_lease_that_nobody_renews_is_taken_only_after_it_was_watched_for_its_duration() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        old = Lease(metadata=ObjectMeta(namespace=LOCK.namespace, name=LOCK.name))
        old.spec.holderIdentity, old.spec.leaseDurationSeconds = "gone", DURATION_S
        old.spec.renewTime.seconds = 1  # long past by any clock: that says nothing
        api.add(old)
        a = candidate(api, "a")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(a.contend())
            await asyncio.sleep(DURATION_S - 0.1)
            too_early = a.working
            await asyncio.sleep(RETRY_S * 2.2 + 0.2)

            assert (too_early, a.working) == (False, True)
            running.cancel()

    run_virtual(main())


def test_work_that_ends_by_itself_ends_the_term_and_gives_the_lease_back() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        a = candidate(api, "a")

        async def short() -> None:
            await asyncio.sleep(3)

        await a.elector.run(short)

        assert now_s() == 3
        assert lease(api).spec.holderIdentity == ""

    run_virtual(main())


def test_error_of_the_work_comes_out_and_the_lease_is_given_back() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())

        async def broken() -> None:
            raise KeyError("defect")

        with pytest.raises(ExceptionGroup) as caught:
            await candidate(api, "a").elector.run(broken)

        assert caught.group_contains(KeyError)
        assert lease(api).spec.holderIdentity == ""

    run_virtual(main())


def test_write_whose_answer_was_lost_is_not_taken_for_another_leader() -> None:
    async def main() -> None:
        api = FakeApi(VirtualClock())
        a = candidate(api, "a")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(a.contend())
            await asyncio.sleep(1)
            unseen = lease(api)  # the renewal that arrived, and was not answered
            unseen.spec.renewTime.seconds += 1
            await api.update(LEASES, unseen)
            await asyncio.sleep(60)

            assert a.working
            assert a.terms == []
            assert lease(api).spec.leaseTransitions == 0
            running.cancel()

    run_virtual(main())


def test_times_that_do_not_descend_are_refused() -> None:
    with pytest.raises(ValueError, match="must descend"):
        Candidacy(LOCK, "a", LeaseTimes(10, 10.0, 2.0))
