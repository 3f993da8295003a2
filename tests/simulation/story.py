"""Twelve virtual minutes of a cluster's life; what must hold on the way is asserted on the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from serialization.kinds import PODS, REPLICATION_CONTROLLERS
from storage.virtual_time import run_virtual
from tests.simulation.plane import Plane, Watched, Written, plane

END_S: Final = 720
STORED: Final = {
    ("minions", "ADDED"): 10,
    ("controllers", "ADDED"): 3,
    ("controllers", "DELETED"): 1,
    ("pods", "ADDED"): 7 + 20 + 15 + 23 + 3 + 12,
    ("pods", "DELETED"): 23 + 3 + 4 + 30,
}
"""Changes that every telling brings about, whatever the seed."""

HEARTBEATS: Final = 10 * END_S // 10
"""How often nodes say that they are alive; within the second of its creation a node says nothing
new, which writes nothing."""


REFUSAL: Final = "0/10 nodes are available: 10 Insufficient cpu."


class Told(NamedTuple):
    """What is left of a story."""

    history: list[Written]
    """The store's changes."""
    watched: list[Watched]
    """The pods' watch."""
    counts: Counter[tuple[str, str]]

    def record(self) -> bytes:
        """Return everything as one string of bytes."""
        lines = [change.line() for change in self.history]
        return b"\n".join(lines + [event.line() for event in self.watched])


async def _settled(plane: Plane, expected: dict[str, int]) -> None:
    """All pods are there, run on some node, and their controllers know it."""
    pods = await plane.pods()
    assert Counter(pod.metadata.labels["app"] for pod in pods) == expected
    for pod in pods:
        assert pod.status.phase == "Running"
        assert pod.spec.nodeName
        assert not pod.metadata.HasField("deletionTimestamp")
    assert len({pod.status.podIP for pod in pods}) == len(pods)
    for name, replicas in expected.items():
        status = (await plane.controller(name)).status
        assert (status.replicas, status.readyReplicas, status.availableReplicas) == (replicas,) * 3


async def _replicas(plane: Plane) -> None:
    """Create, scale up and down, delete by hand."""
    await plane.run_controller("web", 20)
    await plane.run_controller("db", 7)
    await plane.until(60)
    await _settled(plane, {"web": 20, "db": 7})

    await plane.scale("web", 35)
    await plane.until(120)
    await _settled(plane, {"web": 35, "db": 7})

    await plane.scale("web", 12)
    await plane.scale("db", 30)
    await plane.until(180)
    await _settled(plane, {"web": 12, "db": 30})

    for pod in (await plane.pods("web"))[:3]:
        await plane.delete(PODS, pod.metadata.name)
    await plane.until(240)
    await _settled(plane, {"web": 12, "db": 30})


async def _shortage(plane: Plane) -> None:
    """Ask for more than there is, then for less: a node has room for one that is big."""
    await plane.run_controller("big", 12, cpu="5")
    await plane.until(300)
    big = await plane.pods("big")
    placed = [pod.spec.nodeName for pod in big if pod.spec.nodeName]
    assert len(placed) == len(set(placed)) == 10
    refusals = [
        (condition.type, condition.reason, condition.message)
        for pod in big
        for condition in pod.status.conditions
        if not pod.spec.nodeName
    ]
    assert set(refusals) <= {("PodScheduled", "Unschedulable", REFUSAL)}
    assert len(refusals) == 2 or plane.lossy

    await plane.scale("big", 8)
    await plane.until(360)
    await _settled(plane, {"web": 12, "db": 30, "big": 8})


async def tell(plane: Plane) -> Told:
    """Live through it."""
    await _replicas(plane)
    await _shortage(plane)

    await plane.scale("db", 0)
    await plane.until(420)
    await plane.delete(REPLICATION_CONTROLLERS, "db")
    await plane.until(END_S)
    await _settled(plane, {"web": 12, "big": 8})
    history = plane.history
    return Told(history.changes, plane.watched, history.counts())


async def told_by(
    seed: int, codec: str = "protobuf", store: str = "memory", data_dir: Path | None = None
) -> Told:
    """Return the story as a plane of this seed tells it."""
    async with plane(seed, codec, store, data_dir) as made:
        return await tell(made)


def tell_alone(
    seed: int, codec: str = "protobuf", store: str = "memory", data_dir: Path | None = None
) -> Told:
    """Return the story as a plane tells it that has a loop to itself."""
    return run_virtual(told_by(seed, codec, store, data_dir))
