"""The scores by name, each with weight 1."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.plugins import RelativeScore, Score
from cluster.scheduler.scores.balanced import Balanced
from cluster.scheduler.scores.least_requested import LeastRequested
from cluster.scheduler.scores.node_affinity import PreferredAffinity
from cluster.scheduler.scores.spreading import Spreading
from cluster.scheduler.scores.taint_toleration import TaintToleration

SCORES: Final[dict[str, Score]] = {
    "least-requested": LeastRequested(),
    "balanced": Balanced(),
}
RELATIVE_SCORES: Final[dict[str, RelativeScore]] = {
    "spreading": Spreading(),
    "preferred-affinity": PreferredAffinity(),
    "taint-toleration": TaintToleration(),
}
