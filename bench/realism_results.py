"""The part ``measurements.realism`` of the results: our requests beside a real cluster's."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RealismRow:
    """Requests a second of one sort, from one source. Null: the phase was not played."""

    source: str
    """kubelets, scheduler, controllers, measuring process."""
    what: str
    """In the API's words: ``PUT leases``."""
    fill_per_s: float | None
    steady_per_s: float | None
    real_fill_per_s: float | None
    """Estimated for as many nodes, and for pods that come as fast. Null: there is no such source in
    a real cluster."""
    real_steady_per_s: float | None
    how: str
    """Where the estimate comes from."""


@dataclass(frozen=True, slots=True)
class Realism:
    """``measurements.realism``."""

    rows: list[RealismRow] = field(default_factory=list)
    watches: int | None = None
    """That were open at the end of the fill; null where it was not counted."""
    real_watches: int | None = None
    absent: list[str] = field(default_factory=list)
    """What hollow parts do not do at all; a sentence each."""
