"""The realism part of ``results.json``: our requests beside a real cluster's."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RealismRow:
    """Requests a second of one sort, from one source."""

    source: str
    what: str
    fill_per_s: float | None = None
    steady_per_s: float | None = None
    real_fill_per_s: float | None = None
    real_steady_per_s: float | None = None
    how: str = ""


@dataclass(frozen=True, slots=True)
class Realism:
    """``measurements.realism``."""

    rows: list[RealismRow] = field(default_factory=list)
    watches: int | None = None
    real_watches: int | None = None
    absent: list[str] = field(default_factory=list)
