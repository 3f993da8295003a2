"""What a judgement found: how often each rule was applied, and what broke it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

EXAMPLES_MAX: Final = 10
"""Violations of a rule that are named; the rest is counted."""


class Findings:
    """Collects assertions by rule; rules are named as ``<subject>-<promise>``."""

    def __init__(self) -> None:
        self.checked: dict[str, int] = {}
        """Assertions that were made, by rule."""
        self.violations: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}
        self.counts: dict[str, int] = {}
        """What was left unjudged, or let pass, by its reason."""

    def made(self, rule: str, assertions: int) -> None:
        """Count assertions."""
        self.checked[rule] = self.checked.get(rule, 0) + int(assertions)

    def broken(self, rule: str, sentences: Iterable[str], count: int = 0) -> None:
        """Note violations; ``count`` where there are more than sentences are worth making."""
        found = 0
        examples = self.examples.setdefault(rule, [])
        for sentence in sentences:
            found += 1
            if len(examples) < EXAMPLES_MAX:
                examples.append(sentence)
        total = max(found, count)
        if total:
            self.violations[rule] = self.violations.get(rule, 0) + total
        if not examples:
            del self.examples[rule]

    def count(self, what: str, number: int = 1) -> None:
        """Count what is no violation but worth saying."""
        if number:
            self.counts[what] = self.counts.get(what, 0) + int(number)
