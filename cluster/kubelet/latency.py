"""How long a hollow kubelet takes over something: a constant, or a span drawn from evenly."""

from __future__ import annotations

import random
from typing import NamedTuple, Self


class Latency(NamedTuple):
    """A duration between two bounds, in milliseconds, uniformly distributed."""

    low_ms: float
    high_ms: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``250`` (always 250 ms) or ``100:500`` (evenly between). Raises ValueError."""
        low, colon, high = text.partition(":")
        latency = cls(float(low), float(high if colon else low))
        if not 0 <= latency.low_ms <= latency.high_ms < float("inf"):
            raise ValueError(f"not a latency: {text!r} (MS, or LOW:HIGH)")
        return latency

    def draw_ns(self, chance: random.Random) -> int:
        """Draw one duration, in nanoseconds."""
        if self.low_ms == self.high_ms:
            return int(self.low_ms * 1e6)
        return int(chance.uniform(self.low_ms, self.high_ms) * 1e6)


NONE = Latency(0, 0)
