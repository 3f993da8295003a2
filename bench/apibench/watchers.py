"""The watchers' process: ``python -m bench.apibench.watchers TASK.json``.

It opens its watches, says that it is ready, and counts. On SIGUSR1 it reads in ``finish.json`` what
was written, waits until every watcher has seen it, and writes ``watched.json``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from bench.apibench.endpoint import Endpoint, UnreachableError
from bench.apibench.filling import node_name
from bench.apibench.generator import YOUNG_ONLY, histogram_of, raise_file_limit
from bench.apibench.orphans import end_with_parent
from bench.apibench.watching import Deliveries, Selection, Watcher, Witness, check_order
from bench.load.settings import Server
from bench.results import read_json, write_json
from serialization.codecs.registry import CODECS
from storage.clock import Clock, SystemClock

FINISH_FILE: Final = "finish.json"
WATCHED_FILE: Final = "watched.json"
OPEN_S_MAX: Final = 60.0
LOOK_S: Final = 0.05
LOOKS_MAX: Final = 300
AFTER_S: Final = 0.3
"""How long a watcher that has everything is listened to for what comes twice."""
AT_ONCE: Final = 64
FAULTS_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class WatchTask:
    """What the watchers are told."""

    server: Server
    namespace: str
    codec: str
    watchers: int
    by_node: bool
    """Each watches the pods of a node of its own; else all watch the namespace's pods."""
    directory: str


@dataclass(frozen=True, slots=True)
class Finish:
    """What the writers did."""

    begin_ns: int
    end_ns: int
    sequences: dict[str, int]
    """By pod: how often it was written. A pod is on the node of its number, where there are any."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watchers saw."""

    events: int
    """In the window."""
    events_total: int
    expected_total: int
    histogram: str
    """HDR, base64, in microseconds: from sending the write to receiving its event."""
    received_bytes: int
    faults: dict[str, int]


class Watchers:
    """All watches of the process."""

    def __init__(self, task: WatchTask, clock: Clock) -> None:
        self.deliveries = Deliveries(clock)
        self._task = task
        codec = CODECS[task.codec]
        self._endpoint = Endpoint(task.server)
        self._selections = [Selection() for _ in range(task.watchers if task.by_node else 1)]
        witness = Witness(codec, self.deliveries)
        self.watchers = [
            Watcher(
                self._request(number, codec.stream_media_type),
                self._selections[number if task.by_node else 0],
                self.deliveries,
                None if number else witness,
            )
            for number in range(task.watchers)
        ]

    def _request(self, number: int, accept: str) -> bytes:
        path = f"/api/v1/namespaces/{self._task.namespace}/pods?watch=true&timeoutSeconds=3600"
        if self._task.by_node:
            path += f"&fieldSelector=spec.nodeName%3D{node_name(number)}"
        return self._endpoint.head("GET", path, accept=accept)

    async def open(self) -> None:
        """Open them all. Raises UnreachableError."""
        loop, endpoint = asyncio.get_running_loop(), self._endpoint
        try:
            async with asyncio.timeout(OPEN_S_MAX):
                for first in range(0, len(self.watchers), AT_ONCE):
                    group = self.watchers[first : first + AT_ONCE]
                    for each in group:
                        await loop.create_connection(
                            lambda each=each: each, endpoint.host, endpoint.port, ssl=endpoint.tls
                        )
                    for each in group:
                        await each.open.wait()
        except TimeoutError:
            raise UnreachableError(f"{endpoint.url}: a watch is not answered") from None
        except OSError as error:
            raise UnreachableError(f"{endpoint.url}: {error.strerror or error}") from error
        if self.deliveries.faults:
            raise UnreachableError(f"{endpoint.url}: {next(iter(self.deliveries.faults))}")

    async def complete(self, finish: Finish) -> Watched:
        """Wait until all has been seen, and a little longer; return what was."""
        expected = self._expected(finish)
        lacking = [(at, watcher) for at, watcher in self._by_selection()]
        for _ in range(LOOKS_MAX):  # what is missing after them is told below
            lacking = [
                (at, each) for at, each in lacking if each.scanner.seen < sum(expected[at].values())
            ]
            if not lacking:
                break
            await asyncio.sleep(LOOK_S)
        await asyncio.sleep(AFTER_S)
        self._judge(expected)
        for watcher in self.watchers:
            watcher.close()
        latencies = self.deliveries.between(finish.begin_ns, finish.end_ns)
        return Watched(
            events=len(latencies),
            events_total=sum(watcher.scanner.seen for watcher in self.watchers),
            expected_total=sum(sum(expected[at].values()) for at, _ in self._by_selection()),
            histogram=histogram_of(latencies).encode(),
            received_bytes=self.deliveries.received_bytes,
            faults=dict(self.deliveries.faults),
        )

    def _by_selection(self) -> list[tuple[int, Watcher]]:
        return [(at if self._task.by_node else 0, each) for at, each in enumerate(self.watchers)]

    def _expected(self, finish: Finish) -> list[dict[int, int]]:
        """Return by selection what each of its pods was written."""
        found: list[dict[int, int]] = [{} for _ in self._selections]
        for pod, times in finish.sequences.items():
            found[int(pod) % len(found)][int(pod)] = times
        return found

    def _judge(self, expected: list[dict[int, int]]) -> None:
        faults = self.deliveries.faults
        told = 0
        for selection, pods in zip(self._selections, expected, strict=True):
            for fault in check_order(selection, pods):
                told += 1
                faults[fault if told <= FAULTS_TOLD else "more of these"] += 1
        for at, watcher in self._by_selection():
            lacking = sum(expected[at].values()) - watcher.scanner.seen
            if lacking:
                what = "missing events" if lacking > 0 else "doubled events"
                faults[what] += abs(lacking)
            if watcher.witness is not None and watcher.witness.seen != watcher.scanner.seen:
                faults["events that the witness counts otherwise"] += 1


async def watch(task: WatchTask, clock: Clock) -> Watched:
    """Watch until told to finish. Raises UnreachableError."""
    watchers = Watchers(task, clock)
    finishing = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, finishing.set)
    end_with_parent(loop)
    await watchers.open()
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    await finishing.wait()
    return await watchers.complete(read_json(Path(task.directory) / FINISH_FILE, Finish))


def main(task_file: Path) -> int:
    """Watch; return the exit code (1: the server refused it, or is not there)."""
    raise_file_limit()
    task = read_json(task_file, WatchTask)
    gc.freeze()
    gc.set_threshold(*YOUNG_ONLY)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            watched = runner.run(watch(task, SystemClock()))
    except UnreachableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_json(Path(task.directory) / WATCHED_FILE, watched)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
