"""What a load did and saw, as entries in one order: all that the oracle judges by.

A load may run in another process: entries go over a pipe, a line of JSON each, by one system call,
so that what was acknowledged before a process was killed is known, and nothing else.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

PREFIX: Final = b"/registry/faults/"
TIMED: Final = PREFIX + b"timed/"
"""Of the keys that end by themselves, each of which is made once."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What a write does to one key."""

    key: bytes
    value: bytes | None
    """None: it deletes."""
    on: int
    """The revision that the key must be at; 0: it must not exist."""


class _Entry(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One line."""


class Begun(_Entry, frozen=True):
    """A write is sent now."""

    at_ns: int
    number: int
    parts: tuple[Part, ...]
    """More than one: a transaction, all of it or nothing, at one revision."""
    ttl_s: int = 0


class Acknowledged(_Entry, frozen=True):
    """Its answer has come: it is done, at this revision."""

    at_ns: int
    number: int
    revision: int


class Refused(_Entry, frozen=True):
    """Its answer has come: nothing was written, and nothing will be."""

    at_ns: int
    number: int
    why: str
    """The error's name."""


class Unknown(_Entry, frozen=True):
    """No answer will come: it may have happened."""

    at_ns: int
    number: int


class Died(_Entry, frozen=True):
    """The process that held the data, and what had been sent to it, is gone."""

    at_ns: int


class Asked(_Entry, frozen=True):
    """A read of a key is sent now."""

    at_ns: int
    number: int
    key: bytes


class Read(_Entry, frozen=True):
    """Its answer has come."""

    at_ns: int
    number: int
    value: bytes | None
    """None: there was no such key."""
    revision: int
    """Of the key's last write; 0 for none."""


class Opened(_Entry, frozen=True):
    """A watch of everything with a prefix begins, or goes on after its process has died."""

    at_ns: int
    story: str
    prefix: bytes
    after: int


class Told(_Entry, frozen=True):
    """A watch tells of a change."""

    at_ns: int
    story: str
    revision: int
    key: bytes
    value: bytes | None


class Reached(_Entry, frozen=True):
    """A watch has told everything up to this revision."""

    at_ns: int
    story: str
    revision: int


class Ended(_Entry, frozen=True):
    """A watch has ended, with an error."""

    at_ns: int
    story: str
    why: str
    """The error's name."""


class Alarm(_Entry, frozen=True):
    """What the store says of itself has changed: why it is read-only, or (empty) that it is not."""

    at_ns: int
    why: str


class Counted(_Entry, frozen=True):
    """What the store says of itself when the load ends well."""

    at_ns: int
    revision: int
    """Up to which the watches were waited for."""
    commits: int
    writes: int


Entry: TypeAlias = (
    Begun
    | Acknowledged
    | Refused
    | Unknown
    | Died
    | Asked
    | Read
    | Opened
    | Told
    | Reached
    | Ended
    | Alarm
    | Counted
)

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(Entry).decode


class Item(msgspec.Struct, frozen=True):
    """A key that is there at the end."""

    value: bytes
    revision: int


class Ending(msgspec.Struct, frozen=True):
    """What somebody who saw nothing of the fault finds at the end."""

    revision: int
    items: dict[bytes, Item]


def value_of(number: int, place: int = 0) -> bytes:
    """Return what the write of this number puts: no two put the same. ASCII, of mixed length.

    Most fit into a page of a store; one in eleven takes pages of its own.
    """
    stem = b"%d.%d " % (number, place)
    mixed = (number * 7919 + place * 104_729) % 1009
    length = 3000 + 5 * mixed if mixed % 11 == 0 else 40 + mixed % 400
    return stem + b"." * (length - len(stem))


def maker_of(value: bytes) -> int:
    """Return the number of the write that put a value; -1 where nobody can have put it."""
    number, _, rest = value.partition(b".")
    place = rest.partition(b" ")[0]
    if not (number.isdigit() and place.isdigit()):
        return -1
    return int(number) if value_of(int(number), int(place)) == value else -1
