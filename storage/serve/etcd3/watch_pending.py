"""How what is pending of a watch is cut into responses: never within a revision. Pure."""

from __future__ import annotations

from collections import deque

from storage.serve.etcd3.watch_events import NOTHING, Frames


def take(pending: deque[Frames], limit: int) -> Frames:
    """Take whole revisions up to ``limit`` bytes, and at least one, off the front.

    A batch holds all of each of its revisions, so the borders of batches are borders of revisions.
    """
    encoded: list[bytes] = []
    revisions: list[int] = []
    size = upto = 0
    while pending and size < limit:
        frames = pending.popleft()
        cut = size + frames.size > limit
        if cut:
            frames, rest = split(frames, limit - size, least=not encoded)
            if rest.size:
                pending.appendleft(rest)
        encoded += frames.encoded
        revisions += frames.revisions
        size += frames.size
        upto = frames.upto or upto
        if cut:
            break
    return Frames(encoded, revisions, size, upto)


def split(frames: Frames, limit: int, *, least: bool) -> tuple[Frames, Frames]:
    """Return the whole revisions that fit into ``limit`` bytes, and the rest.

    ``least``: the first revision goes with them, however large.
    """
    encoded, revisions, _, _ = frames
    taken = taken_bytes = size = 0
    for at, frame in enumerate(encoded):
        if at and revisions[at] != revisions[at - 1]:
            taken, taken_bytes = at, size
        size += len(frame)
        if size > limit and not (taken or least):
            return NOTHING, frames
        if size > limit and taken:
            return (
                Frames(encoded[:taken], revisions[:taken], taken_bytes, revisions[taken - 1]),
                Frames(encoded[taken:], revisions[taken:], frames.size - taken_bytes, frames.upto),
            )
    return frames, NOTHING


def fragments(encoded: list[bytes], limit: int) -> list[list[bytes]]:
    """Return the events of a response in pieces of up to ``limit`` bytes, or a single event."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for frame in encoded:
        if pieces[-1] and size + len(frame) > limit:
            pieces.append([])
            size = 0
        pieces[-1].append(frame)
        size += len(frame)
    return pieces
