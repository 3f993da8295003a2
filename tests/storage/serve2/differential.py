"""The same random requests to a real etcd 2 and to ours, their answers held side by side.

``python -m tests.storage.serve2.differential --operations N --seed S`` prints what was played, and
what differed. Statuses, headers and bodies are compared; of times, ids and places in the log only
that they are told. Watches, streams among them, are left open over many writes, and then compared.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from storage.etcd2.errors import Etcd2Error
from storage.etcd2.machine import Machine
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.storage.etcd2.random_operations import Operation, pad, random_key, random_operation
from tests.storage.serve.etcdctl import served_process
from tests.storage.serve2.wild_requests import refused, spelled
from tests.storage.serve2.wire import Wire, gather, request, without_times

REFUSED: Final = 0.15
WATCH: Final = 0.05
WATCHES_MAX: Final = 24
"""Left open at once; then they are compared and closed."""
QUIET_S: Final = 0.15
LOOKS_MAX: Final = 100
"""A busy server may be quiet for longer than that, and tell the rest: watches that differ are
listened to again, so often."""

SHOWN_MAX: Final = 20
SHOWN_CHARACTERS: Final = 4000


class Pair(NamedTuple):
    """A watch on both."""

    target: str
    real: Wire
    ours: Wire

    @property
    def same(self) -> bool:
        """Whether both have told the same so far."""
        return comparable_stream(self.real.buffer) == comparable_stream(self.ours.buffer)


class Played(NamedTuple):
    """What came of it."""

    operations: int
    watches: int
    differences: list[str]


class Differential:
    """Plays to two servers that are new."""

    def __init__(self, real: str, ours: str, seed: int) -> None:
        self._endpoints = real, ours
        self._real, self._ours = Wire(real), Wire(ours)
        self._chance = Random(seed)
        self._machine = Machine()
        self._watches: list[Pair] = []
        self._watched = 0
        self._differences: list[str] = []
        self._clock_ns = 1_800_000_000 * 10**9
        self._align()

    def play(self, operations: int) -> Played:
        """Play; return how much, and what differed."""
        for step in range(operations):
            draw = self._chance.random()
            if draw < WATCH:
                self._watch()
            elif draw < WATCH + REFUSED:
                operation = random_operation(self._chance, self._machine)
                self._ask(step, refused(self._chance, operation))
            else:
                operation = random_operation(self._chance, self._machine)
                self._ask(step, spelled(self._chance, operation))
                self._mirror(operation)
            if len(self._watches) >= WATCHES_MAX:
                self._compare_watches(step)
        self._compare_watches(operations)
        self._ask(operations, request("GET", "/v2/keys?recursive=true&sorted=true"))
        self._real.close()
        self._ours.close()
        return Played(operations, self._watched, self._differences)

    def _align(self) -> None:
        """Bring both to the same index."""
        indexes = [self._index(wire) for wire in (self._real, self._ours)]
        if self._machine.index and indexes[0] == indexes[1]:
            return
        top = max(*indexes, self._machine.index) + 1
        for wire, index in zip((self._real, self._ours), indexes, strict=True):
            for _ in range(top - index):
                wire.ask(request("PUT", "/v2/keys/_pad", b"value="))
        pad(self._machine, top)

    def _index(self, wire: Wire) -> int:
        return int(wire.ask(request("GET", "/v2/keys")).header(b"x-etcd-index"))

    def _ask(self, step: int, data: bytes) -> None:
        want, got = self._real.ask(data), self._ours.ask(data)
        ordered = b"sorted" in data
        if want.comparable(ordered=ordered) != got.comparable(ordered=ordered):
            self._align()  # or all that follows would differ
            self._differences.append(
                f"step {step}: {data.decode(errors='replace')}\nreal: {want}\nours: {got}"
            )
        for wire, endpoint in zip((self._real, self._ours), self._endpoints, strict=True):
            if wire.ended:
                wire.__init__(endpoint)  # type: ignore[misc]  # the same wire, connected anew

    def _mirror(self, operation: Operation) -> None:
        """Let the generator's machine follow."""
        if operation.method == "GET":
            return
        try:
            self._machine.apply(operation.request(self._clock_ns), self._clock_ns)
        except Etcd2Error:
            return

    def _watch(self) -> None:
        chance = self._chance
        options = ["wait=true"]
        if chance.random() < 0.5:
            options.append("recursive=true")
        if chance.random() < 0.5:
            options.append("stream=true")
        if chance.random() < 0.4:
            # Now and then from before the history.
            back = chance.choice((0, 1, 3, 10, 100, 1100)) - chance.choice((0, 0, 2))
            options.append(f"waitIndex={max(1, self._machine.index - back)}")
        key = random_key(chance)
        target = f"/v2/keys{'' if key == '/' else key}?{'&'.join(options)}"
        real, ours = (Wire(endpoint) for endpoint in self._endpoints)
        for wire in (real, ours):
            wire.send(request("GET", target))
            wire.await_head()  # it stands before anything else is written
        self._watches.append(Pair(target, real, ours))
        self._watched += 1

    def _compare_watches(self, step: int) -> None:
        for _ in range(LOOKS_MAX):
            gather([wire for pair in self._watches for wire in (pair.real, pair.ours)], QUIET_S)
            if all(pair.same for pair in self._watches):
                break
        for target, real, ours in self._watches:
            want, got = comparable_stream(real.buffer), comparable_stream(ours.buffer)
            if want != got:
                self._differences.append(
                    f"until step {step}: {target}\nreal: {want!r}\nours: {got!r}"
                )
            real.close()
            ours.close()
        self._watches = []


def comparable_stream(received: bytes) -> tuple[list[bytes], bytes]:
    """Return head and body of an answer in pieces, without what belongs to a server."""
    head, _, body = received.partition(b"\r\n\r\n")
    own = (b"Date:", b"X-Etcd-Cluster-Id:", b"X-Raft-")
    lines = sorted(line for line in head.split(b"\r\n") if not line.startswith(own))
    return lines, without_times(without_sizes(body))


def without_sizes(body: bytes) -> bytes:
    """Return chunks' contents and their end; sizes vary with the digits of a time."""
    kept: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            count = int(size, 16)
        except ValueError:
            return b"".join([*kept, body])
        kept.append(rest[:count] or b"<end>")
        body = rest[count + 2 :]
    return b"".join(kept)


def play_beside_real(directory: Path, *, operations: int, seed: int) -> Played:
    """Start both servers, play, end them. Blocks."""
    cluster = EtcdCluster(directory / "real", EtcdOptions(enable_v2=True))
    asyncio.run(cluster.start())
    try:
        with served_process(directory, "--api", "2") as ours:
            return Differential(cluster.endpoints[0], ours.target, seed).play(operations)
    finally:
        cluster.kill()


def main() -> int:
    """Play as the command line says; 1 if anything differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        played = play_beside_real(
            Path(directory), operations=arguments.operations, seed=arguments.seed
        )
    for difference in played.differences[:SHOWN_MAX]:
        sys.stdout.write(difference[:SHOWN_CHARACTERS] + "\n\n")
    sys.stdout.write(
        f"operations {played.operations}, watches {played.watches}, "
        f"differences {len(played.differences)} (seed {arguments.seed})\n"
    )
    return 1 if played.differences else 0


if __name__ == "__main__":
    sys.exit(main())
