"""The ways of pods are put together from histories that the real writer wrote."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.latency import Latency
from bench.measurements.waterfall import distribution, waterfall
from bench.pod_ways import MILESTONES, STAGES, STORED, PodWays, read_ways
from bench.waterfall_results import Waterfall
from cluster.client.history import HistoryWriter
from cluster.client.history_format import Flag, Kind, Seen, Verb
from serialization.kinds import PODS, SERVICES
from storage.clock import SystemClock
from tests.bench.run_results import MS, ORIGIN, S, observed
from tests.bench.test_load_measurement import steady

WAY: Final = (0, 3, 5, 9, 12, 14, 20, 22, 25)
"""A pod's milestones, in ms."""


class Plane:
    """Histories of four processes, a pod at a time."""

    def __init__(self, directory: Path) -> None:
        names = ("apiserver", "control", "nodes", "measuring")
        self.of = {name: HistoryWriter(directory, name, SystemClock()) for name in names}

    def close(self) -> None:
        for writer in self.of.values():
            writer.close()

    def put(
        self, process: str, what: tuple[int, int, int], name: str, at_ns: int, node: str = ""
    ) -> None:
        """Write (kind, verb, flags) of a pod, ``at_ns`` its begin; it takes a millisecond."""
        writer, (kind, verb, flags) = self.of[process], what
        begin_ns, end_ns = (at_ns - MS, at_ns) if kind == Kind.CHANGE else (at_ns, at_ns + MS)
        code = 201 if kind == Kind.WRITE else 0
        key = writer.key(PODS, "load-1", name)
        ours = (0, key, writer.name(node), 0, 0, 0)
        writer.put((kind, verb, code, flags, 0, *ours, begin_ns, end_ns))

    def live(self, name: str, stamps_ns: list[int], creator: str = "control") -> None:
        """Write all records of a pod's start, and some beside that make no milestone."""
        running = Flag.RUNNING | Flag.BOUND
        steps = [
            (creator, (Kind.WRITE, Verb.CREATE, 0)),
            ("apiserver", (Kind.CHANGE, Seen.ADDED, 0)),
            ("control", (Kind.EVENT, Seen.ADDED, 0)),
            ("control", (Kind.WRITE, Verb.BIND, 0)),
            ("apiserver", (Kind.CHANGE, Seen.MODIFIED, Flag.BOUND)),
            ("nodes", (Kind.EVENT, Seen.ADDED, Flag.BOUND)),
            ("nodes", (Kind.WRITE, Verb.UPDATE_STATUS, running)),
            ("apiserver", (Kind.CHANGE, Seen.MODIFIED, running)),
            ("measuring", (Kind.EVENT, Seen.MODIFIED, running)),
        ]
        for (process, what), at_ns in zip(steps, stamps_ns, strict=True):
            self.put(process, what, name, at_ns, "n1" if what[1] == Verb.BIND else "")
        late_ns = stamps_ns[-1] + S
        for process, what in steps[2:]:
            if what[0] != Kind.WRITE or what[1] == Verb.UPDATE_STATUS:
                self.put(process, what, name, late_ns)
        self.put("measuring", (Kind.EVENT, Seen.ADDED, 0), name, stamps_ns[2])
        self.put("nodes", (Kind.READ, Verb.GET, running), name, stamps_ns[5])


def at(*stamps_ms: int) -> list[int]:
    return [ORIGIN + ms * MS for ms in stamps_ms]


def test_a_pods_milestones_come_from_all_processes(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.live("a", at(*WAY))
    plane.live("p", at(*(ms + 100 for ms in WAY)), creator="measuring")
    plane.close()

    ways = read_ways(tmp_path)

    assert ways is not None
    assert ways.milestones == MILESTONES
    assert (ways.keys, ways.nodes, ways.incomplete) == (["load-1/a", "load-1/p"], ["n1", "n1"], 0)
    assert ((ways.stamps - ORIGIN) // MS).tolist() == [list(WAY), [ms + 100 for ms in WAY]]


def test_a_pod_that_did_not_come_to_the_end_is_counted_and_left_out(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.live("a", at(*WAY))
    plane.put("control", (Kind.WRITE, Verb.CREATE, 0), "b", ORIGIN)
    plane.put("nodes", (Kind.EVENT, Seen.ADDED, 0), "never-created-here", ORIGIN)
    plane.close()

    ways = read_ways(tmp_path)

    assert ways is not None
    assert (ways.keys, ways.incomplete) == (["load-1/a"], 1)


def test_a_way_that_goes_backwards_is_no_way(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.live("a", at(0, 3, 2, 9, 12, 14, 20, 22, 25))
    plane.close()

    ways = read_ways(tmp_path)

    assert ways is not None
    assert (ways.keys, ways.incomplete) == ([], 1)


def test_a_refused_write_and_other_kinds_make_no_milestone(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.live("a", at(*WAY))
    nodes, control = plane.of["nodes"], plane.of["control"]
    refused = (Kind.WRITE, Verb.UPDATE_STATUS, 409, Flag.RUNNING, 0, 0)
    nodes.put((*refused, nodes.key(PODS, "load-1", "a"), 0, 0, 0, 0, ORIGIN + 1, ORIGIN + 2))
    service = control.key(SERVICES, "load-1", "a")
    control.put((Kind.WRITE, Verb.CREATE, 201, 0, 0, 0, service, 0, 0, 0, 1, ORIGIN, ORIGIN))
    plane.close()

    ways = read_ways(tmp_path)

    assert ways is not None
    assert ((ways.stamps - ORIGIN) // MS).tolist() == [list(WAY)]


def test_without_the_server_s_own_history_stages_are_longer(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.live("a", at(*WAY))
    plane.close()
    for path in tmp_path.glob("apiserver.*"):
        path.unlink()

    ways = read_ways(tmp_path)

    assert ways is not None
    assert set(ways.milestones) == set(MILESTONES) - STORED
    assert ways.stages == (
        *("create-to-scheduler", "schedule", "bind-to-kubelet", "start", "report-to-watch"),
    )
    assert ((ways.stamps - ORIGIN) // MS).tolist() == [[0, 5, 9, 14, 20, 25]]


@pytest.mark.parametrize("content", [b"", b"nothing of ours"])
def test_a_directory_without_a_history_has_no_ways(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control.hist").write_bytes(content)

    assert read_ways(tmp_path) is None
    assert read_ways(tmp_path / "none") is None
    assert read_ways(None) is None


def ways_of(rows: list[list[int]]) -> PodWays:
    stamps = ORIGIN + np.cumsum(np.array(rows, np.int64), axis=1)
    keys = [f"load-1/p{number}" for number in range(len(rows))]
    return PodWays(MILESTONES, stamps, keys, ["n"] * len(rows), incomplete=3)


lengths = st.lists(st.integers(0, 10**9), min_size=len(MILESTONES), max_size=len(MILESTONES))


@given(st.lists(lengths, min_size=1, max_size=30))
def test_stages_add_up_to_the_total_of_every_pod_and_of_the_means(rows: list[list[int]]) -> None:
    ways = ways_of(rows)

    (phase,) = waterfall(steady(ways=ways)).phases

    totals = ways.stamps[:, -1] - ways.stamps[:, 0]
    assert (np.diff(ways.stamps, axis=1).sum(axis=1) == totals).all()
    assert [stage.name for stage in phase.stages] == list(ways.stages)
    assert sum(stage.mean_ms for stage in phase.stages) == pytest.approx(phase.total_mean_ms)
    for sample in phase.samples:
        row = ways.keys.index(f"{sample.namespace}/{sample.name}")
        assert sum(sample.stages_ms) == pytest.approx(float(totals[row]) / 1e6)
    lengths_ms = [sum(sample.stages_ms) for sample in phase.samples]
    assert lengths_ms == pytest.approx(sorted(lengths_ms))
    assert phase.total.max_ms == pytest.approx(float(totals.max()) / 1e6)
    assert (phase.samples[0].rank, phase.pods) == (0.0, len(rows))


def test_pods_count_in_the_phase_in_which_their_create_was_sent() -> None:
    early, late = [0] + [MS] * 8, [11 * S] + [MS] * 8

    found = waterfall(steady(ways=ways_of([early, early, late])))

    assert [(phase.phase, phase.pods) for phase in found.phases] == [("steady", 2)]
    assert found.incomplete == 3


def test_without_a_history_there_is_no_waterfall() -> None:
    assert waterfall(observed()) == Waterfall()


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    found = distribution(np.arange(1, 201, dtype=np.int64) * MS)

    assert found == Latency(200, 100.0, 180.0, 198.0, 200.0)


def test_every_pair_of_neighbours_is_a_stage() -> None:
    short = [name for name in MILESTONES if name not in STORED]
    neighbours = {*pairwise(MILESTONES)} | {*pairwise(short)}

    assert set(STAGES) == neighbours
