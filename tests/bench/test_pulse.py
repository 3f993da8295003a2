from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bench.pulse import INTERVAL_S, TICK_NS_MAX, TICK_S, Beat, Pulse
from cluster.client.exchange import BodyStream, Request, Response
from cluster.client.interface import TransportError
from storage.virtual_time import VirtualClock, run_virtual

S = 1_000_000_000


class Server:
    """Answers each question as its number says: after so many seconds, or never."""

    def __init__(self, answer_s: Callable[[int], float]) -> None:
        self._answer_s = answer_s
        self.asked: list[str] = []

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        number = len(self.asked)
        self.asked.append(request.target)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(self._answer_s(number))
        except TimeoutError:
            raise TransportError("no answer") from None
        return Response(200, "text/plain", b"ok", 0, 0, 0)

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class FreezingClock(VirtualClock):
    """A clock of a process that stood still for a time, so that its stamps jump."""

    def __init__(self, at_s: float, for_s: float) -> None:
        super().__init__()
        self._at_ns, self._for_ns = int(at_s * S), int(for_s * S)

    def stamp_ns(self) -> int:
        stamp_ns = super().stamp_ns()
        return stamp_ns + (self._for_ns if stamp_ns >= self._at_ns else 0)


def beaten(server: Server, clock: VirtualClock, for_s: float) -> Pulse:
    pulse = Pulse(server, clock)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(pulse.run())
            await asyncio.sleep(for_s)
            beating.cancel()

    run_virtual(main())
    return pulse


def test_pulse_asks_at_intervals_and_tells_how_long_it_waited() -> None:
    server = Server(lambda _: 0.01)

    pulse = beaten(server, VirtualClock(), 10 * INTERVAL_S - 0.01)

    assert server.asked == ["/livez"] * 10
    assert {beat.waited_ns for beat in pulse.beats} == {S // 100}
    assert all(beat.answered for beat in pulse.beats)
    assert pulse.freezes == []


def test_pulse_that_is_not_answered_waits_and_asks_nothing_meanwhile() -> None:
    server = Server(lambda number: 2.0 if number == 1 else 0.0)

    pulse = beaten(server, VirtualClock(), 2.5)

    waited_s = [beat.waited_ns / S for beat in pulse.beats]
    assert waited_s[:3] == pytest.approx([0.0, 2.0, 0.0], abs=1e-6)
    assert len(server.asked) == 2 + 2


def test_pulse_that_was_never_answered_is_kept() -> None:
    pulse = beaten(Server(lambda _: 100.0), VirtualClock(), 3.0)

    (beat,) = pulse.beats
    assert beat == Beat(beat.sent_ns, beat.waited_ns, answered=False)
    assert beat.waited_ns == pytest.approx(3 * S, abs=TICK_S * S)


def test_a_process_that_slept_between_two_questions_keeps_that() -> None:
    pulse = beaten(Server(lambda _: 0.01), FreezingClock(at_s=0.1, for_s=5.0), 0.5)

    ((begin_ns, end_ns),) = pulse.freezes
    assert end_ns - begin_ns == pytest.approx(5 * S, rel=0.05)
    assert {beat.waited_ns for beat in pulse.beats} == {S // 100}


def test_a_process_that_stood_still_itself_does_not_blame_the_server() -> None:
    clock = FreezingClock(at_s=0.05, for_s=5.0)

    pulse = beaten(Server(lambda _: 0.09), clock, 0.2)

    assert pulse.beats[0].waited_ns <= S // 10 + TICK_NS_MAX
    ((begin_ns, end_ns),) = pulse.freezes
    assert end_ns - begin_ns == pytest.approx(5 * S, rel=0.02)
