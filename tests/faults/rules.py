"""What must be true of every story, and how it is said where it is not."""

from __future__ import annotations

from typing import Final, NamedTuple

RULES: Final = {
    "lost": "an acknowledged write is there, at its revision, until another replaces it",
    "refused": "a refused write is nowhere, at no time",
    "phantom": "what is there, told or read was written by somebody, whole",
    "twice": "a write happens once, at one revision",
    "reused": "a revision that anybody was told is never another write's",
    "back": "revisions grow: an answer's is above all that were told before its write was sent",
    "chain": "of two writes of one state of a key one is refused",
    "half": "a transaction happens as a whole, at one revision",
    "stale": "a read shows no older state than its reader knew before it asked",
    "order": "a watch tells revisions in their order, each change once, none before its start",
    "gap": "a watch leaves out nothing between its start and what it has reached",
    "stuck": "a watch reaches the end, or is ended with an error that the store declares",
    "alarm": "a store that refuses writes says so, reads on, and recovers by itself",
    "stalls": "reads do not wait for syncs",
    "groups": "writes that wait for a sync share the next one",
    "lives": "a key with a TTL lives as long, not less, and not for ever",
    "disturbed": "no client's write is lost by what another's connection does",
    "leak": "a server holds nothing of connections that are gone",
    "early": "no answer comes before the sync that covers it",
}


class Violation(NamedTuple):
    """A promise that was broken."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"
