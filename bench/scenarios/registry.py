"""The scenarios by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from bench.scenarios import density
from bench.scenarios.stage import Stage

Scenario = Callable[[Stage], Awaitable[None]]
"""Plays on a stage; returns early when a phase stalls, since the verdict sees what is missing."""

SCENARIOS: Final[dict[str, Scenario]] = {"density": density.play}
