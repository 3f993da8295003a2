"""What the store of a run declares: told by the API server, for whose checks it is decisive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import msgspec


@dataclass(frozen=True, slots=True)
class Declared:
    """The part of ``storage.interface.Capabilities`` by which a run is judged.

    The defaults are those of a store that declares no limits.
    """

    durable: bool = True
    old_revisions: bool = True
    """Lists as of an old revision, and in pages; without it those are 410."""
    history_events: int | None = None
    """How many changes of all keys together a watch of the store can resume over; null: all since
    the last compaction."""
    binary_values: bool = True
    """Without it protobuf stands as base64 in it."""
    shared_revisions: bool = False
    versions: bool = True
    compaction: bool = True
    dense_revisions: bool = True
    """Without it revisions that no change of ours has are no gaps in a history."""

    @classmethod
    def told(cls, facts: object) -> Self | None:
        """Read what an API server says in its ready line; None where it says nothing."""
        return None if facts is None else msgspec.convert(facts, cls)


USUAL = Declared()
