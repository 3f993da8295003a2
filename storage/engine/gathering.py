"""How long a group gathers before it is handed to the committer. Pure."""

from __future__ import annotations

SLOW_COMMIT_NS = 2_000_000
"""Commits slower than this are worth waiting for company. With a sync 5 ms slower, gathering for a
fifth of a commit gave 1,752 writes/s against 1,190 (two cohorts of clients, each waiting for the
other's commit); at 0.4 ms commits the same gathering looked 15-35 % worse."""

SHARE = 0.2
"""The part of an average commit that is spent gathering."""

GATHER_MAX_S = 0.02
SMOOTHING = 0.2
"""The weight of the newest commit in the average."""


class Gathering:
    """Watches how long commits take, and says how long the next group should gather."""

    __slots__ = ("_average_ns",)

    def __init__(self) -> None:
        self._average_ns = 0.0

    def observe(self, commit_ns: int) -> None:
        """Take the duration of one more commit."""
        past = self._average_ns
        self._average_ns = past + SMOOTHING * (commit_ns - past) if past else float(commit_ns)

    @property
    def delay_s(self) -> float:
        """Seconds to gather; 0 (hand over at once) unless commits are slow."""
        average_ns = self._average_ns
        if average_ns <= SLOW_COMMIT_NS:
            return 0.0
        return min(GATHER_MAX_S, SHARE * average_ns / 1e9)
