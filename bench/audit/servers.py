"""Several API servers of one store tell the same: what one lists, each other one lists, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bench.audit.comparison import NAMED_MAX
from bench.audit.listing import Stream

KINDS: Final = ("namespaces", "nodes", "controllers", "pods")
ATTEMPTS: Final = 4
"""Statuses may still be written between two lists; what differs for good differs each time."""


def compare_servers(
    first: str, others: Sequence[str], attempts: int = ATTEMPTS, *, old_revisions: bool = True
) -> Iterator[str]:
    """Yield a sentence for every kind that another server lists otherwise than the first one.

    The other one answers from its watch cache; the first one as of the revision of that answer, or
    as of now where there are no old revisions: then what differs is what did so in every attempt.
    Raises ListingError.
    """
    for number, other in enumerate(others, 2):
        for kind in KINDS:
            differing: list[str] = []
            for _ in range(attempts):
                found = _differing(first, other, kind, exact=old_revisions)
                again = not old_revisions and differing
                differing = [name for name in differing if name in found] if again else found
                if not differing:
                    break
            if differing:
                shown = ", ".join(differing[:NAMED_MAX])
                yield (
                    f"{len(differing)} {kind} are listed otherwise by API server {number} than by "
                    f"the first ({shown}{', ...' if len(differing) > NAMED_MAX else ''})"
                )


def _differing(first: str, other: str, kind: str, *, exact: bool) -> list[str]:
    theirs = Stream(other, kind)
    listed = _versions(theirs)
    revision = str(theirs.revision) if exact else ""
    return _unlike(_versions(Stream(first, kind, exact=revision)), listed)


def _versions(stream: Stream) -> dict[str, str]:
    return {item.name: f"{item.uid} at {item.version}" for item in stream.items()}


def _unlike(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    return sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )
