"""What a station is given, and what it gives back."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.generations.servers import Look, Server
from bench.generations.settings import Sizes
from storage.clock import Clock


@dataclass(slots=True)
class Ground:
    """A station's surroundings: a server that has just been started, and nothing in it."""

    server: Server
    sizes: Sizes
    rows: str
    clock: Clock
    chance: random.Random
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def generation(self) -> int:
        """Return 2 or 3."""
        return self.server.subject.generation

    def used(self, before: Look) -> Look:
        """Return what the server has used since ``before``; memory is what it is now."""
        now = self.server.look()
        return Look(
            now.stamp_ns - before.stamp_ns,
            now.cpu_s - before.cpu_s,
            now.anon_mib,
            now.disk_bytes - before.disk_bytes,
        )


Station = Callable[[Ground], Awaitable[None]]
"""Measures into ``values`` and ``notes``. Raises ClientError, ChildError, TimeoutError."""
