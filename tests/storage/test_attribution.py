from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

from storage.attribution import OFF, Clocks, Gate, Layers


class Machine:
    """A thread whose two clocks the test moves: both by work, the first alone by others."""

    def __init__(self) -> None:
        self.stamp_ns = 0
        self.cpu_ns = 0

    def work(self, ns: int) -> None:
        self.stamp_ns += ns
        self.cpu_ns += ns

    def others(self, ns: int) -> None:
        self.stamp_ns += ns

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.stamp_ns, lambda: self.cpu_ns)


def meter(machine: Machine) -> Layers:
    """Return a meter that picks everything; its own cost is 1 ns a border on these clocks."""
    return Layers(Random(1), clocks=machine.clocks(), gaps=(1, 1))


def charged(layers: Layers) -> dict[str, int]:
    layers.seconds()
    return {name: round(ns, -3) for name, ns in layers.sums_ns.items()}


def test_what_is_used_between_borders_goes_to_the_layer_before() -> None:
    machine = Machine()
    layers = meter(machine)

    outer = layers.begin("decode", 1)
    machine.work(30_000)
    layers.enter("admit")
    machine.work(50_000)
    layers.end(outer)

    assert charged(layers) == {"decode": 30_000, "admit": 50_000}
    assert not layers.on


def test_weights_multiply_and_a_section_within_is_charged_to_itself() -> None:
    machine = Machine()
    layers = meter(machine)

    outer = layers.begin("store", 16)
    machine.work(10_000)
    inner = layers.begin("collector", 1)
    machine.work(500_000)
    layers.end(inner)
    machine.work(20_000)
    layers.end(outer)

    assert charged(layers) == {"store": 480_000, "collector": 500_000}


def test_what_others_ran_meanwhile_is_nobody_s() -> None:
    machine = Machine()
    layers = meter(machine)

    outer = layers.begin("decode", 1)
    machine.work(30_000)
    layers.enter("admit")
    machine.work(50_000)
    machine.others(4_000_000)
    layers.end(outer)

    assert charged(layers) == {"decode": 30_000, "admit": 50_000}


def test_followed_work_is_not_charged_for_what_runs_while_it_waits() -> None:
    machine = Machine()
    layers = meter(machine)

    async def request() -> str:
        machine.work(10_000)
        layers.enter("store")
        machine.work(20_000)
        await asyncio.sleep(0)
        assert layers.on
        machine.work(40_000)
        return "done"

    async def together() -> str:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(wrapped())
            group.create_task(other())
        return task.result()

    async def wrapped() -> str:
        return await layers.follow(request(), "decode", 2)

    async def other() -> None:
        assert not layers.on
        machine.work(900_000)

    assert asyncio.run(together()) == "done"
    assert charged(layers) == {"decode": 20_000, "store": 120_000}


def test_followed_work_can_be_cancelled_and_cleans_up() -> None:
    machine = Machine()
    layers = meter(machine)
    seen: list[str] = []

    async def request() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    async def cancel() -> None:
        async def wrapped() -> None:
            await layers.follow(request(), "read", 1)

        task = asyncio.create_task(wrapped())  # noqa: TID251  it is cancelled here
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    asyncio.run(cancel())
    assert seen == ["cleaned up"]
    assert not layers.on


def test_an_error_of_followed_work_is_its_own() -> None:
    layers = meter(Machine())

    async def request() -> None:
        raise LookupError("gone")

    async def ask() -> str:
        try:
            await layers.follow(request(), "read", 1)
        except LookupError as error:
            return str(error)
        return ""

    assert asyncio.run(ask()) == "gone"
    assert not layers.on


def test_a_gate_picks_its_share_in_bursts() -> None:
    gate = Gate(32, Random(5), 16)

    picked = [gate.due() for _ in range(400_000)]

    assert abs(sum(picked) * 32 / len(picked) - 1) < 0.1
    runs = sum(1 for before, now in pairwise(picked) if now and not before)
    assert sum(picked) / runs > 15


def test_a_meter_without_chance_is_off_and_tells_nothing() -> None:
    assert not OFF.requests.due()
    assert OFF.batch("store", lambda: 7) == 7
    assert OFF.flat() == {}


def test_layers_of_a_real_thread_do_not_exceed_its_cpu() -> None:
    layers = Layers(Random(1), gaps=(1, 1))
    before = layers.flat()["cpu_process_s"]

    for _ in range(300):
        outer = layers.begin("decode", 1)
        sum(range(2_000))
        layers.enter("admit")
        sum(range(4_000))
        layers.end(outer)

    told = layers.flat()
    used_s = told["cpu_process_s"] - before
    assert 0 < told["cpu_layer_decode_s"] < told["cpu_layer_admit_s"]
    assert told["cpu_layer_decode_s"] + told["cpu_layer_admit_s"] <= used_s
