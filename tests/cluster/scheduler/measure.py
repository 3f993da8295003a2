"""What a scheduling decision costs: ``python -m tests.cluster.scheduler.measure``.

For each case so many pods are read, decided and assumed on hollow nodes, as the scheduler does it
without its queue and its requests; the CPU time of this process a pod is printed, the best of some
repetitions.

==========  =====================================================================================
``rc``      pods of replication controllers of 30: a handful of nodes have any alike
``service`` all pods of one service: soon every node has some
``zones``   as ``rc``, on nodes in three zones
==========  =====================================================================================
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import Final

from bench.workload.pod_template import pod
from cluster.scheduler.decision import Chosen, Decider
from cluster.scheduler.filters.registry import FILTERS
from cluster.scheduler.groups import PodGroups
from cluster.scheduler.needs import FactsReader
from cluster.scheduler.scores.registry import RELATIVE_SCORES, SCORES
from cluster.scheduler.state import ClusterState, NodeFacts
from serialization.selectors import of_map

CASES: Final = ("rc", "service", "zones")
REPLICAS: Final = 30
GIB: Final = 1 << 30


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    for case in CASES:
        best = min(_measure(case, given.nodes, given.pods) for _ in range(given.repetitions))
        sys.stdout.write(f"{case:8} {best:6.1f} us a pod, {given.nodes} nodes, {given.pods} pods\n")
        sys.stdout.flush()


def _measure(case: str, nodes: int, pods: int) -> float:
    """Return the CPU microseconds of one pod."""
    state, groups = ClusterState(), PodGroups()
    for number in range(nodes):
        zone = f"r/{number % 3}" if case == "zones" else ""
        state.set_node(
            NodeFacts(
                f"n{number}",
                16_000,
                64 * GIB,
                pods,
                {},
                ready=True,
                unschedulable=False,
                zone=zone,
            )
        )
    decider = Decider(
        state,
        tuple(FILTERS.values()),
        tuple(SCORES.values()),
        random.Random(0),
        relative=tuple(RELATIVE_SCORES.values()),
    )
    alike = pods if case == "service" else REPLICAS
    for number in range(pods // alike + 1):
        groups.select(f"owner-{number}", "default", of_map({"app": f"app-{number}"}))
    reader = FactsReader()
    template = pod("default", "any")
    begun_ns = time.process_time_ns()
    for number in range(pods):
        labels = {"app": f"app-{number // alike}"}
        needs = reader.needs(template)
        outcome = decider.choose(needs, groups.counts("default", labels))
        assert isinstance(outcome, Chosen)
        state.assume(str(number), outcome.node_name, needs)
        groups.place(str(number), "default", labels, outcome.node_name)
    return (time.process_time_ns() - begun_ns) / pods / 1000


if __name__ == "__main__":
    main()
