"""The scores by name, each with weight 1."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.plugins import Score
from cluster.scheduler.scores.least_requested import LeastRequested

SCORES: Final[dict[str, Score]] = {
    "least-requested": LeastRequested(),
}
