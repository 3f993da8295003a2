"""What an entry of the history costs: ``python -m tests.cluster.client.measure_history``.

CPU time of the thread; the minimum of several repeats. Prints microseconds an entry for a write
and a read through ``RecordingClient`` (less the same calls through no recorder), for an event taken
in by a follower, for a change in the API server, and for a bare record.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar, cast

from google.protobuf.message import Message

from cluster.apiserver.store_history import StoreHistory
from cluster.client.history import HistoryWriter
from cluster.client.history_follower import Follower
from cluster.client.history_format import Kind, Verb
from cluster.client.indexer import EntryMaker
from cluster.client.interface import EVERYTHING, ApiClient, ObjectKey
from cluster.client.recording_client import RecordingClient
from serialization.api.core.v1_pb2 import Pod, PodSpec, PodStatus
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import PODS
from serialization.scheme import Resource
from storage.clock import SystemClock
from storage.watchcache.fields import fields_of
from storage.watchcache.objects import CachedObject

ENTRIES: Final = 50_000
REPEATS: Final = 7
KEYS: Final = 1_000

M = TypeVar("M", bound=Message)


class Answering:
    """A client whose calls cost nothing but the calls."""

    def __init__(self, pods: list[Pod]) -> None:
        self._pods = {ObjectKey("default", pod.metadata.name): pod for pod in pods}

    async def get(self, _resource: Resource, _message: type[M], key: ObjectKey) -> M:
        """Return the pod of that name."""
        return cast("M", self._pods[key])

    async def update_status(self, _resource: Resource, obj: M) -> M:
        """Return what was sent."""
        return obj


def pods() -> list[Pod]:
    """Return pods that run."""
    return [
        Pod(
            metadata=ObjectMeta(
                namespace="default", name=f"pod-{number}", resourceVersion=f"{1000 + number}"
            ),
            spec=PodSpec(nodeName=f"node-{number % 100}"),
            status=PodStatus(phase="Running"),
        )
        for number in range(KEYS)
    ]


def cpu_us(work: Callable[[], None]) -> float:
    """Return the least CPU time of a call, in microseconds an entry."""
    best = sys.maxsize
    for _ in range(REPEATS):
        begin_ns = time.thread_time_ns()
        work()
        best = min(best, time.thread_time_ns() - begin_ns)
    return best / ENTRIES / 1000


def drain(calls: Callable[[], Iterable[Awaitable[object]]]) -> Callable[[], None]:
    """Return what awaits all that ``calls`` makes, turn for turn."""

    async def run() -> None:
        for _ in range(ENTRIES // KEYS):
            for call in calls():
                await call

    return lambda: asyncio.run(run())


def requests(history: HistoryWriter) -> dict[str, float]:
    """Return what writes and reads cost more when they are recorded."""
    made = pods()
    keys = [ObjectKey("default", pod.metadata.name) for pod in made]
    plain = cast("ApiClient", Answering(made))
    recording = RecordingClient(plain, history, "work")

    def writes(through: ApiClient) -> float:
        return cpu_us(drain(lambda: (through.update_status(PODS, pod) for pod in made)))

    def reads(through: ApiClient) -> float:
        return cpu_us(drain(lambda: (through.get(PODS, Pod, key) for key in keys)))

    return {
        "write": writes(recording) - writes(plain),
        "read": reads(recording) - reads(plain),
    }


def events(history: HistoryWriter) -> float:
    """Return what an event costs that a follower takes in."""
    follower = Follower(history, PODS, EVERYTHING)
    maker = EntryMaker[Pod](Pod.FromString)
    entries = [maker.entry(pod.SerializeToString(), 1) for pod in pods()]

    def run() -> None:
        for _ in range(ENTRIES // KEYS):
            for entry in entries:
                follower.took("MODIFIED", entry, 1)

    return cpu_us(run)


def changes(history: HistoryWriter) -> float:
    """Return what a change costs in the API server."""
    truth = StoreHistory(history)
    extract = fields_of(PODS).extract
    objects = [
        CachedObject(
            PODS.key("default", pod.metadata.name),
            "default",
            labels={},
            fields=extract(pod),
            revision=7,
            bare=b"",
        )
        for pod in pods()
    ]

    def run() -> None:
        for _ in range(ENTRIES // KEYS):
            for obj in objects:
                truth.observe(PODS, 8, obj, obj)

    return cpu_us(run)


def records(history: HistoryWriter) -> float:
    """Return what a bare record costs."""

    def run() -> None:
        record = (Kind.WRITE, Verb.BIND, 201, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)
        for _ in range(ENTRIES):
            history.put(record)

    return cpu_us(run)


def measure(history: HistoryWriter) -> dict[str, float]:
    """Return microseconds an entry, by its kind."""
    told = {"event": events(history), "change": changes(history), "record": records(history)}
    return requests(history) | told


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        HistoryWriter(Path(directory), "measured", SystemClock()) as history,
    ):
        for name, cost in measure(history).items():
            sys.stdout.write(f"{name:8} {cost:.2f} us an entry\n")


if __name__ == "__main__":
    main()
