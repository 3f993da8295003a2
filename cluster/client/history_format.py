"""The history's files: what the processes of a run write down, and a checker reads.

Every process writes two files below ``<results>/history``. ``<process>.hist`` is a header of
``HEADER_BYTES`` and then records of ``RECORD.size`` bytes each, appended. ``<process>.names`` is
text, a name a line; records mention names by the number of their line, from 1 (0: none). A name may
stand there more than once. Lines that a record mentions are written before the record.

Names are of three sorts: storage keys (``/registry/pods/default/web-1``, ``Resource.key``), names
of nodes, and *sources*, JSON objects that say who speaks: ``{"client": "work"}`` for requests, and
``{"watch": "/registry/pods/", "namespace": "", "labels": "", "fields": "spec.nodeName=n1"}`` for
all that one follower of a resource listed and watched, its successive watches included.

All stamps are ``Clock.stamp_ns``: one monotonic clock for all processes of a machine. A record,
field by field (little-endian, no padding):

==== ======== ====================================================================================
type field    meaning
==== ======== ====================================================================================
u8   kind     ``Kind``
u8   verb     ``Verb`` of a request, ``Seen`` of an event or a change
u16  code     HTTP code of the answer; 0: there was none, so the outcome is unknown
u16  flags    ``Flag``
u16  spare    0
u32  source   who speaks: the line of a source
u32  key      the line of a storage key (of a LIST, WATCH or DELETE_COLLECTION: its prefix)
u32  node     the line of the node that a pod is bound to, where that is known
u32  extra    how many objects a LIST or a DIGEST is of
u64  asked    the resourceVersion of a precondition, of a list or of a watch's start; 0: none.
              Of a change: the revision that the key had before. Of a DIGEST: the hash
u64  revision of the object (or list) as it was answered, told or applied; 0: none was told
u64  begin_ns before the call; of an event: when its bytes were read from the socket
u64  end_ns   after the answer; of an event: when it was taken in; of a change: when applied
==== ======== ====================================================================================

Worked example, the life of one pod: control writes WRITE/CREATE (revision 7); the API server
CHANGE/ADDED (7); control's follower of pods EVENT/ADDED (7); control WRITE/BIND (node n1),
CHANGE/MODIFIED with BOUND (8); nodes' follower of n1 EVENT/ADDED (8, BOUND), READ/GET (8),
WRITE/UPDATE_STATUS (asked 8, revision 9, RUNNING); measuring's follower EVENT/MODIFIED (9,
RUNNING).
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

DIRECTORY: Final = "history"
"""Below the results."""
RECORDS_SUFFIX: Final = ".hist"
NAMES_SUFFIX: Final = ".names"

MAGIC: Final = b"KDHIST01"
HEADER: Final = struct.Struct("<8sIIQ40x")
"""Magic, size of a record, process id, stamp of the opening; to 64 bytes."""
HEADER_BYTES: Final = HEADER.size

RECORD: Final = struct.Struct("<BBHHHIIIIQQQQ")
FIELDS: Final = (
    "kind",
    "verb",
    "code",
    "flags",
    "spare",
    "source",
    "key",
    "node",
    "extra",
    "asked",
    "revision",
    "begin_ns",
    "end_ns",
)
Fields = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]
"""A record, in the order of ``FIELDS``. A plain tuple: a named one takes 0.3 us to make."""


class Kind(IntEnum):
    """What a record is about."""

    WRITE = 1
    """A request that changes something, and its answer."""
    READ = 2
    """GET of one object, and its answer (404: there was none)."""
    LIST = 3
    """A list. As part of a follower (its source is a watch) its state is this list's from here."""
    WATCH_OPEN = 4
    """A follower asks for all that happened after ``asked``."""
    EVENT = 5
    """A follower took an event in."""
    WATCH_CLOSE = 6
    """A follower's watch has ended; ``revision`` is how far it came."""
    DIGEST = 7
    """A cache as it stands: objects in ``extra``, their hash in ``asked`` (``entry_hash``), and the
    revision up to which its owner has been told everything."""
    CHANGE = 8
    """The API server's store applied a change."""
    INITIAL = 9
    """An object that was in the store when the API server began to record."""
    ENTRY = 10
    """An object of the cache that the next DIGEST is of; only where that was asked for."""
    LOST = 11
    """The API server has lost its store's thread: changes after ``revision`` may be missing."""
    END = 12
    """The last record of a process that ended in order; ``extra``: records before it (mod 2^32)."""
    OTHER = 13
    """The store applied a change of a key that is no resource's: what its servers keep there."""


class Verb(IntEnum):
    """Requests, as they change and read objects."""

    NONE = 0
    CREATE = 1
    UPDATE = 2
    UPDATE_STATUS = 3
    UPDATE_OTHER = 4
    """A PUT to another subresource."""
    PATCH = 5
    PATCH_STATUS = 6
    PATCH_OTHER = 7
    DELETE = 8
    DELETE_COLLECTION = 9
    BIND = 10
    GET = 11
    LIST = 12


class Seen(IntEnum):
    """What became of an object, as a watch tells it."""

    NONE = 0
    ADDED = 1
    MODIFIED = 2
    DELETED = 3
    BOOKMARK = 4


class Flag(IntFlag):
    """What a record says beside its fields."""

    NONE = 0
    RUNNING = 1
    """The pod's phase is Running: in what was sent, where that is known, else in what came."""
    BOUND = 2
    """The pod has a node."""
    DELETING = 4
    """The object has a deletionTimestamp (told of events only)."""
    STREAMED = 8
    """A LIST that came as the initial events of a watch."""
    STORE = 16
    """A DIGEST or ENTRY of the store itself."""
    CACHE = 32
    """A DIGEST or ENTRY of the API server's watch cache."""
    FOLLOWER = 64
    """A DIGEST or ENTRY of a follower's cache, at the end."""
    ANY = 128
    """A LIST or READ that asked for any state that a cache has (resourceVersion "0")."""


SEEN_BY_TYPE: Final = {
    "ADDED": Seen.ADDED,
    "MODIFIED": Seen.MODIFIED,
    "DELETED": Seen.DELETED,
    "BOOKMARK": Seen.BOOKMARK,
}

MASK: Final = (1 << 64) - 1
GOLDEN: Final = 0x9E3779B97F4A7C15


def key_hash(key: bytes) -> int:
    """Return 64 bits of a storage key: FNV-1a over its 8-byte words, length first.

    The same in every process, unlike ``hash``.
    """
    found = 0xCBF29CE484222325 ^ len(key)
    padded = key + b"\0" * (-len(key) % 8)
    for (word,) in struct.iter_unpack("<Q", padded):
        found = ((found ^ word) * 0x100000001B3) & MASK
        found ^= found >> 29
    return found


def entry_hash(key: int, revision: int) -> int:
    """Return 64 bits of a key's hash at a revision (splitmix64); a digest is their sum mod 2^64."""
    mixed = (key + revision * GOLDEN) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return mixed ^ (mixed >> 31)


def records_path(directory: Path, process: str) -> Path:
    """Return the file of a process's records."""
    return directory / f"{process}{RECORDS_SUFFIX}"


def names_path(directory: Path, process: str) -> Path:
    """Return the file of a process's names."""
    return directory / f"{process}{NAMES_SUFFIX}"
