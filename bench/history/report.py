"""What the history checker says: ``audit/history.json``, and the ``history`` part of results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

REPORT_FILE: Final = "history.json"
"""Below ``audit/``."""
EXACTLY_ONCE: Final = "exactly once"
AT_LEAST_ONCE: Final = "at least once"
"""Where a store declares shared revisions: a watch that goes on may be told the last one again."""


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """A judgement of all that the processes of a run did and saw."""

    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    """Records by process and kind."""
    checked: dict[str, int] = field(default_factory=dict)
    """Assertions that were made, by rule."""
    violations: dict[str, int] = field(default_factory=dict)
    """By rule; a rule that held is not there."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Some violations of each rule, for people."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was let pass, or could not be judged, by its reason."""
    delivery: str = EXACTLY_ONCE
    """How watches, and revisions, were judged."""
    error: str = ""
    """Why nothing was judged; empty where it was."""
    overhead_s: float = 0.0
    """What keeping the history has cost all processes together, about: entries by measured cost."""
    checked_s: float = 0.0
    """What the checking took."""
    checked_mib: float = 0.0
    """The checker's peak of memory."""

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(sum(kinds.values()) for kinds in self.entries.values())

    @property
    def assertions(self) -> int:
        """How many assertions were made."""
        return sum(self.checked.values())

    @property
    def broken(self) -> int:
        """How many of them failed."""
        return sum(self.violations.values())
