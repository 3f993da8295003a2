"""``python -m bench.micro.store_suite``: the pyperf script of the store suite.

Single operations of the engines, in process and one after the other; each benchmark is named
``engine/operation``. A write to a durable engine includes its sync, so one caller's put is the
disk's figure, and 64 at once show what an operation costs beside it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import pyperf
import uvloop

from bench.micro.store_steps import BENCHES, PAGE, TOGETHER, WATCHES, Bench, Step
from storage.registry import STORES

MODULE: Final = "bench.micro.store_suite"


class Case(NamedTuple):
    """One benchmark."""

    engine: str
    operation: str

    @property
    def name(self) -> str:
        """Return its name in pyperf's files."""
        return "/".join(self)


OPERATIONS: Final[dict[str, Callable[[Bench], Step]]] = {
    "put": lambda bench: bench.put,
    f"put, {TOGETHER} at once": lambda bench: bench.put_together,
    "update": lambda bench: bench.update,
    "get": lambda bench: bench.get,
    f"range of {PAGE}": lambda bench: bench.range,
    f"put with {WATCHES} watches": lambda bench: bench.watched(),
}
IN_A_STEP: Final = {f"put, {TOGETHER} at once": TOGETHER}
"""Operations in one step, where they are more than one: pyperf divides by it what it writes down,
not what it calibrates by."""


def cases() -> list[Case]:
    """Return every benchmark, in the order of the table."""
    return [Case(engine, operation) for operation, engine in product(OPERATIONS, STORES)]


async def repeat(case: Case, loops: int, directory: Path) -> float:
    """Return the seconds that ``loops`` steps take on a store of their own."""
    async with BENCHES[case.engine](case.engine, directory) as bench:
        await bench.fill()
        step = OPERATIONS[case.operation](bench)
        begin = time.perf_counter()
        for _ in range(loops):
            await step()
        return time.perf_counter() - begin


def timed(loops: int, case: Case) -> float:
    """Return the seconds that ``loops`` steps take."""
    with (
        tempfile.TemporaryDirectory(prefix="kubedyno-micro-") as scratch,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(repeat(case, loops, Path(scratch)))


def main() -> None:
    """Run every benchmark under pyperf's own command line."""
    runner = pyperf.Runner(program_args=("-m", MODULE))
    for case in cases():
        inner_loops = IN_A_STEP.get(case.operation, 1)
        runner.bench_time_func(case.name, timed, case, inner_loops=inner_loops)


if __name__ == "__main__":
    main()
