from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from random import Random
from types import FrameType

import pytest

from storage.attribution import OFF, TICK_S, Clocks, Layers

HERE = "storage/test_attribution.py"
PLACES = {
    f"{HERE}:decode": "decode",
    f"{HERE}:admit": "admit",
    f"{HERE}:passed_on": "",
}


class Machine:
    """A thread whose CPU the test spends; ticks come every so many ns of it, as from a kernel."""

    def __init__(self, tick_ns: int = 0) -> None:
        self.thread_ns = 0
        self.others_ns = 0
        self.tick_ns = tick_ns
        self.layers = Layers(
            PLACES,
            threads="commit",
            clocks=Clocks(lambda: self.thread_ns, lambda: self.thread_ns + self.others_ns),
        )

    def work(self, ns: int) -> None:
        """Spend CPU; a tick that falls into it sees the caller's frame."""
        before, self.thread_ns = self.thread_ns, self.thread_ns + ns
        if self.tick_ns and before // self.tick_ns != self.thread_ns // self.tick_ns:
            self.tick()

    def tick(self) -> None:
        self.layers.tick(signal.SIGPROF, caller(2))


def caller(depth: int) -> FrameType:
    return sys._getframe(depth + 1)


def decode(machine: Machine, ns: int) -> None:
    machine.work(ns)


def admit(machine: Machine, ns: int) -> None:
    passed_on(machine, ns)


def passed_on(machine: Machine, ns: int) -> None:
    machine.work(ns)


def test_requests_that_all_cost_the_same_come_out_as_they_cost_and_never_above_the_whole() -> None:
    machine, chance = Machine(tick_ns=4_000_000), Random(3)
    requests = 200_000

    for _ in range(requests):
        decode(machine, 30_000)
        admit(machine, 50_000)
        machine.work(20_000)  # the loop's
        if not chance.randrange(1_000):
            found = machine.layers.seconds()
            assert sum(found.values()) <= machine.thread_ns / 1e9

    told = machine.layers.flat()
    assert machine.layers.ticks == requests * 100_000 // 4_000_000
    # The ticks of this clock keep step with the requests, but for rounding: see the next test.
    assert sum(s for name, s in told.items() if "_layer_" in name) <= told["cpu_process_s"]


def of_no_layer(machine: Machine, ns: int) -> None:
    machine.work(ns)


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_told_within_the_sampling_error(seed: int) -> None:
    machine, chance = Machine(), Random(seed)
    costs_ns = {"decode": 30_000, "admit": 50_000, "": 20_000}
    ticks = 2_500
    work = {"decode": decode, "admit": admit, "": of_no_layer}

    for _ in range(ticks):
        # A tick falls into one part of a request, by what the parts cost.
        machine.thread_ns += 4_000_000
        (hit,) = chance.choices(list(costs_ns), list(costs_ns.values()))
        machine.tick_ns = 1
        work[hit](machine, 1)

    found = machine.layers.seconds()
    whole_s = machine.thread_ns / 1e9
    for layer in ("decode", "admit"):
        share = costs_ns[layer] / 100_000
        error = (share * (1 - share) / ticks) ** 0.5
        assert abs(found[layer] / whole_s - share) < 4 * error
    assert sum(found.values()) <= whole_s


def test_a_late_tick_charges_all_that_was_used_since_the_last_one() -> None:
    machine = Machine(tick_ns=4_000_000)

    decode(machine, 100_000_000)  # one call of C code: ticks wait until it returns

    assert machine.layers.ticks == 1
    assert machine.layers.seconds()["decode"] == 0.1


def test_the_collector_is_timed_and_charged_to_itself() -> None:
    machine = Machine()
    machine.thread_ns += 1_000_000
    machine.layers.collecting(begins=True)
    machine.thread_ns += 5_000_000
    machine.tick()  # into a callback of the collector's
    machine.thread_ns += 2_000_000
    machine.layers.collecting(begins=False)
    machine.tick_ns = 1
    decode(machine, 3_000_000)

    assert machine.layers.seconds() == {"collector": 0.007, "decode": 0.004, "commit": 0.0}


def test_other_threads_are_what_the_process_used_and_the_loop_did_not() -> None:
    machine = Machine()
    machine.thread_ns, machine.others_ns = 10_000_000, 3_000_000

    assert machine.layers.seconds() == {"commit": 0.003}


def test_the_most_exact_place_holds_and_an_empty_one_asks_the_caller() -> None:
    layers = Layers({"storage/": "wide", HERE: "file", f"{HERE}:decode": "", "age/": "no folder"})

    def decode() -> str:
        return layers.layer_of(caller(0))

    assert decode() == "file"
    assert Layers({"nowhere/": "x"}).layer_of(caller(0)) == ""


def test_what_has_only_just_been_entered_is_the_loop_s_if_the_loop_or_a_coroutine_called() -> None:
    layers = Layers({HERE: "file"})
    seen: list[str] = []

    def entered() -> None: seen.append(layers.layer_of(caller(0)))  # fmt: skip

    async def coroutine() -> None:
        entered()

    asyncio.run(coroutine())
    entered()
    assert seen == ["", "file"]


def test_a_meter_without_places_is_off_and_tells_nothing() -> None:
    with OFF.running():
        assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert OFF.flat() == {}


def test_layers_of_a_real_thread_do_not_exceed_its_cpu_and_nothing_stays_behind() -> None:
    layers = Layers({f"{HERE}:burn": "decode"})
    callbacks = list(gc.callbacks)
    began_ns = time.thread_time_ns()

    with layers.running():
        burn()

    used_s = (time.thread_time_ns() - began_ns) / 1e9
    assert layers.ticks > 0
    assert 0 < layers.seconds()["decode"] <= used_s
    assert gc.callbacks == callbacks
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def burn() -> None:
    end_ns = time.thread_time_ns() + int(25 * TICK_S * 1e9)
    while time.thread_time_ns() < end_ns:
        pass
