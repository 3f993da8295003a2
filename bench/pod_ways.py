"""The way of every pod through the plane, put together from the histories of all processes.

A pod's way has milestones that cause each other, so that their stamps (one monotonic clock for all
processes of a machine) cannot go backwards::

    created        its create was sent, by a controller or by the measuring process
    create_stored  the API server's store applied it (of several servers: the first one that did)
    scheduler_saw  its first event was read from the socket, where the scheduler runs
    bind_sent      the binding was sent
    bind_stored    and applied
    kubelet_saw    its node's hollow kubelet read the event
    status_sent    the status Running was sent (a GET of the pod lies before it)
    status_stored  and applied
    watch_saw      the measuring process's watch read the event

What lies between two is a stage. The API server's own milestones are left out where it kept no
history (it may be a foreign one): then the stages on both sides of each are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.apiservers import is_server
from bench.history.reader import History, Records, UnreadableHistoryError, read_history
from bench.switches import APISERVER, CONTROL, NODES
from cluster.client.history_format import Flag, Kind, Seen, Verb
from serialization.kinds import PODS

MEASURING: Final = "measuring"

MILESTONES: Final = (
    "created",
    "create_stored",
    "scheduler_saw",
    "bind_sent",
    "bind_stored",
    "kubelet_saw",
    "status_sent",
    "status_stored",
    "watch_saw",
)
STORED: Final = frozenset(("create_stored", "bind_stored", "status_stored"))
"""What only the API server's own history tells."""
STAGES: Final = {
    ("created", "create_stored"): "create",
    ("create_stored", "scheduler_saw"): "to-scheduler",
    ("created", "scheduler_saw"): "create-to-scheduler",
    ("scheduler_saw", "bind_sent"): "schedule",
    ("bind_sent", "bind_stored"): "bind",
    ("bind_stored", "kubelet_saw"): "to-kubelet",
    ("bind_sent", "kubelet_saw"): "bind-to-kubelet",
    ("kubelet_saw", "status_sent"): "start",
    ("status_sent", "status_stored"): "report",
    ("status_stored", "watch_saw"): "to-watch",
    ("status_sent", "watch_saw"): "report-to-watch",
}
"""The name of what lies between two milestones."""
OK_MAX: Final = 299

Stamps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PodWays:
    """The ways of all pods that went theirs to the end, in the order of their keys' numbers."""

    milestones: tuple[str, ...]
    stamps: Stamps
    """(pods, milestones), nanoseconds; no row goes backwards."""
    keys: list[str]
    """``namespace/name``."""
    nodes: list[str]
    incomplete: int
    """Pods that were created, and of which a later milestone is not known."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the names of the stages, one fewer than milestones."""
        return tuple(STAGES[pair] for pair in pairwise(self.milestones))


class _Step(NamedTuple):
    """Where a milestone stands: in records of these processes that pass the test, at a stamp."""

    processes: Sequence[str]
    kind: Kind
    verbs: Sequence[int]
    flags: int
    stamp: str


_WRITERS: Final = (CONTROL, MEASURING)
_STATUSES: Final = (Verb.UPDATE_STATUS, Verb.PATCH_STATUS)
_STEPS: Final = {
    "created": _Step(_WRITERS, Kind.WRITE, (Verb.CREATE,), 0, "begin_ns"),
    "create_stored": _Step((APISERVER,), Kind.CHANGE, (Seen.ADDED,), 0, "end_ns"),
    "scheduler_saw": _Step((CONTROL,), Kind.EVENT, (Seen.ADDED,), 0, "begin_ns"),
    "bind_sent": _Step((CONTROL,), Kind.WRITE, (Verb.BIND,), 0, "begin_ns"),
    "bind_stored": _Step((APISERVER,), Kind.CHANGE, (Seen.MODIFIED,), Flag.BOUND, "end_ns"),
    "kubelet_saw": _Step((NODES,), Kind.EVENT, (Seen.ADDED, Seen.MODIFIED), 0, "begin_ns"),
    "status_sent": _Step((NODES,), Kind.WRITE, _STATUSES, Flag.RUNNING, "begin_ns"),
    "status_stored": _Step((APISERVER,), Kind.CHANGE, (Seen.MODIFIED,), Flag.RUNNING, "end_ns"),
    "watch_saw": _Step((MEASURING,), Kind.EVENT, (), Flag.RUNNING, "begin_ns"),
}


def read_ways(directory: Path | None) -> PodWays | None:
    """Return the ways of the pods of a run; None where it kept no history that can be read."""
    if directory is None:
        return None
    try:
        return pod_ways(read_history(directory))
    except (OSError, UnreadableHistoryError):
        return None


def pod_ways(history: History) -> PodWays | None:
    """Return the ways of all pods that a history tells of; None where it tells of none."""
    prefix = PODS.prefix()
    is_pod = np.fromiter((name.startswith(prefix) for name in history.names), bool)
    is_pod[0] = False
    servers = [found for name, found in history.processes.items() if is_server(name)]
    told = any(len(server.of(Kind.CHANGE)) for server in servers)
    milestones = tuple(name for name in MILESTONES if told or name not in STORED)
    found = np.zeros((len(history.names), len(milestones)), np.int64)
    for place, name in enumerate(milestones):
        _take(history, _STEPS[name], is_pod, found[:, place])
    created = found[:, 0] > 0
    # A pod whose way goes backwards is another of the same name: it is not put together.
    whole = (found > 0).all(axis=1) & (np.diff(found, axis=1) >= 0).all(axis=1)
    if not created.any():
        return None
    numbers = np.flatnonzero(whole)
    nodes = _nodes(history, len(history.names))
    return PodWays(
        milestones=milestones,
        stamps=found[numbers],
        keys=[history.names[n][len(prefix) :].decode() for n in numbers],
        nodes=[history.name(int(nodes[n])) for n in numbers],
        incomplete=int(np.count_nonzero(created & ~whole)),
    )


def _take(history: History, step: _Step, is_pod: NDArray[np.bool_], into: Stamps) -> None:
    """Set the earliest stamp of each pod's records that make the step."""
    for process in step.processes:
        for name, found in history.processes.items():
            if name == process or (process == APISERVER and is_server(name)):
                _earliest(_chosen(found.records, step, is_pod), step.stamp, into)


def _chosen(records: Records, step: _Step, is_pod: NDArray[np.bool_]) -> Records:
    chosen = (records["kind"] == step.kind) & is_pod[records["key"]]
    if step.verbs:
        chosen &= np.isin(records["verb"], [int(verb) for verb in step.verbs])
    if step.flags:
        chosen &= (records["flags"] & step.flags) > 0
    if step.kind is Kind.WRITE:
        chosen &= (records["code"] > 0) & (records["code"] <= OK_MAX)
    found: Records = records[chosen]
    return found


def _earliest(records: Records, stamp: str, into: Stamps) -> None:
    stamps = records[stamp].astype(np.int64)
    # The last assignment to a place stays: backwards in time, so that it is the earliest.
    order = np.argsort(stamps, kind="stable")[::-1]
    keys, stamps = records["key"][order], stamps[order]
    earlier = (into[keys] == 0) | (stamps < into[keys])
    into[keys[earlier]] = stamps[earlier]


def _nodes(history: History, names: int) -> NDArray[np.uint32]:
    """Return the number of the node that each key was bound to; 0 where that is not told."""
    nodes = np.zeros(names, np.uint32)
    if CONTROL in history.processes:
        records = history.processes[CONTROL].of(Kind.WRITE)
        bound = records[(records["verb"] == Verb.BIND) & (records["node"] > 0)]
        nodes[bound["key"]] = bound["node"]
    return nodes
