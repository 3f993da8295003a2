"""How long a run stays at its full size, what changes meanwhile, and when the store is compacted.

A run at full size, as its published claim goes, is not only filled and emptied: it stays full for
five minutes, while pods come and go and the store forgets what was superseded.
"""

from __future__ import annotations

from typing import Final

FULL_NODES: Final = 1000
FULL_PODS: Final = 30_000
"""From here on a run is of full size and has a steady phase unless told otherwise."""
FULL_STEADY_S: Final = 300.0
CHURN_PER_S: Final = 20.0
READS_PER_S: Final = 5.0
"""Single objects read by the measuring process in the steady phase."""
COMPACT_EVERY_S: Final = 300.0
"""What a Kubernetes API server does to its etcd, and ours to its store, unless told otherwise."""

STEADY_SHARE: Final = 0.45


def usual_steady_s(nodes: int, pods: int) -> float:
    """Return how long the steady phase of a run of this size lasts; 0: probes alone."""
    return FULL_STEADY_S if nodes >= FULL_NODES and pods >= FULL_PODS else 0.0


def usual_compact_every_s(steady_s: float) -> float:
    """Return the interval that puts compactions into the steady phase; 0: the API server's own.

    A little under half of the phase, so that two of them fall into it whenever it begins, drift
    included: what the second one removes was superseded within the phase.
    """
    return min(COMPACT_EVERY_S, STEADY_SHARE * steady_s)
