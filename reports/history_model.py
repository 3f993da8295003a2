"""The history part of ``results.json``: what was recorded, checked, and found broken."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class History:
    """The ``history`` part of ``results.json``."""

    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    checked: dict[str, int] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    delivery: str = "exactly once"
    """How watches were judged: ``at least once`` where writes may share a revision."""
    error: str = ""
    overhead_s: float = 0.0
    checked_s: float = 0.0
    checked_mib: float = 0.0
