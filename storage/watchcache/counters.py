"""Counters of the read path: they prove which switch is on, and feed /metrics and ``--stats``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class CacheCounters:
    """Numbers that only grow; owned by one WatchCache, read by anyone."""

    events_received: int = 0
    """Changes that the store delivered."""
    events_dispatched: int = 0
    """Events handed to subscriptions."""
    filter_calls: int = 0
    """How often an event was put to a subscription: all of them, without the index."""
    recalled: int = 0
    """Events of the store's history that were read at the start."""
    init_events: int = 0
    """Objects sent to new watches before their first change."""
    too_old: int = 0
    """Watches refused because the history does not reach back."""
    retold: int = 0
    """Watches that were told a whole shared revision again, since they may have had a part."""
    resyncs: int = 0
    """How often a resource was listed again because its store watch ended."""
    consistent_reads_asked: int = 0
    """Reads that waited for what others may have written: only on a store that others write to."""
    latest_revision_calls: int = 0
    """Questions to the store that they shared."""
    refused_reinitializing: int = 0
    """Reads refused while their resource was being listed again."""
    expected: int = 0
    """Versions that writers encoded for the store, and announced."""
    undecodable: int = 0
    """Stored values that no codec could read; they are left out."""
    stamped: int = 0
    """Encodings made by putting the revision into stored bytes."""
    evicted: int = 0
    """Encodings that were dropped because there were too many (``CacheConfig.kept_bytes``)."""
    encodes: Counter[str] = field(default_factory=Counter)
    """Encodings made from a message, by codec name."""
    encode_hits: Counter[str] = field(default_factory=Counter)
    """Encodings that were there already, by codec name."""

    def flat(self) -> dict[str, int]:
        """Return all of them under the names that ``--stats`` and /metrics use."""
        numbers = {
            "watchcache_events_received": self.events_received,
            "watchcache_events_dispatched": self.events_dispatched,
            "watchcache_filter_calls": self.filter_calls,
            "watchcache_recalled": self.recalled,
            "watchcache_init_events": self.init_events,
            "watchcache_too_old": self.too_old,
            "watchcache_retold": self.retold,
            "watchcache_resyncs": self.resyncs,
            "consistent_reads_asked": self.consistent_reads_asked,
            "latest_revision_calls": self.latest_revision_calls,
            "watchcache_refused_reinitializing": self.refused_reinitializing,
            "watchcache_expected": self.expected,
            "watchcache_undecodable": self.undecodable,
            "watchcache_stamped": self.stamped,
            "watchcache_evicted": self.evicted,
        }
        numbers.update({f"watchcache_encodes_{name}": n for name, n in self.encodes.items()})
        numbers.update({f"watchcache_encode_hits_{n}": v for n, v in self.encode_hits.items()})
        return numbers
