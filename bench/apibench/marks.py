"""The mark that each write leaves in its pod: when it was sent, of which pod, the how-manieth.

``kdyn=0001234567890123456-00042-00000007``: always equally long, so prebuilt requests keep their
length, and a watcher finds it without decoding anything.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PREFIX: Final = b"kdyn="
STAMP_DIGITS: Final = 19
BODY_BYTES: Final = STAMP_DIGITS + 1 + 5 + 1 + 8
MARK_BYTES: Final = len(PREFIX) + BODY_BYTES
NO_MARK: Final = PREFIX + b"x" * BODY_BYTES
"""What stands in a template where marks go."""


class Mark(NamedTuple):
    """A mark, read."""

    stamp_ns: int
    pod: int
    sequence: int


def mark(stamp_ns: int, pod: int, sequence: int) -> bytes:
    """Return a mark (hot path)."""
    return b"kdyn=%019d-%05d-%08d" % (stamp_ns, pod, sequence)


def read_mark(body: bytes) -> Mark:
    """Read what follows the prefix. Raises ValueError for anything else."""
    stamp, pod, sequence = body.split(b"-")
    return Mark(int(stamp), int(pod), int(sequence))
