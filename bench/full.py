"""The cells of the full-size series, and which of an earlier series' results still stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from bench.matrix import Turn
from bench.results import Config, Results, Status, UnreadableResultsError
from bench.steadiness import usual_compact_every_s
from bench.store_choice import store_word

SHORT_STEADY_S: Final = 60.0
"""Of every cell but the first, which is the one of the published claim."""


class CellName(NamedTuple):
    """A codec over a store."""

    codec: str
    store: str


CELLS: Final = (
    CellName("protobuf", "etcd3"),
    CellName("json", "etcd3"),
    CellName("orjson", "etcd3"),
    CellName("protobuf", "memory"),
)


def turns(configs: Sequence[Config], short_steady_s: float) -> list[Turn]:
    """Return a turn a config, in order, each in a directory by its codec and store.

    All but the first are steady for ``short_steady_s`` at most, and compacted accordingly where
    nothing else was asked.
    """
    found = []
    for number, config in enumerate(configs):
        steady_s = config.steady_s if number == 0 else min(config.steady_s, short_steady_s)
        usual = config.compact_every_s == usual_compact_every_s(config.steady_s)
        every_s = usual_compact_every_s(steady_s) if usual else config.compact_every_s
        changed = replace(config, steady_s=steady_s, compact_every_s=every_s)
        found.append(
            Turn(1, changed, place=f"{config.codec}-{store_word(config.store).replace('/', '_')}")
        )
    return found


@dataclass(slots=True)
class Keeper:
    """Says which results stand, and why the others do not."""

    directory: Path
    revision: str
    """Of the code that would run now."""
    any_revision: bool = False
    again: bool = False
    said: dict[str, str] = field(default_factory=dict, init=False)
    """By directory: what became of what was there; nothing where there was nothing."""

    def kept(self, turn: Turn) -> Results | None:
        """Return a turn's earlier results where they stand."""
        try:
            results = Results.read(self.directory / turn.directory)
        except UnreadableResultsError:
            return None
        why = self._fault(turn, results)
        measured = results.environment.git_revision or "unknown"
        self.said[turn.directory] = (
            f"measured again: {why}" if why else f"kept, measured by revision {measured}"
        )
        return None if why else results

    def _fault(self, turn: Turn, results: Results) -> str:
        if self.again:
            return "asked for"
        if "broken-off" in results.verdict.rules:
            return "it was interrupted"
        if results.verdict.status is Status.VOID:
            return "it is void"
        if results.config != turn.config:
            return "another load"
        measured = results.environment.git_revision
        if measured != self.revision and not self.any_revision:
            return f"by another revision, {measured or 'unknown'} (--any-revision keeps it)"
        return ""
