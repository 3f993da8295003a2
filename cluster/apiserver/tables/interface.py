"""The contract of a kind's table, and what several kinds print alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from serialization.api.meta.v1_pb2 import Time

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)

Cell = str | int
NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY


class Column(NamedTuple):
    """A column; those of a priority above 0 are shown by ``-o wide``."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0


NAME: Final = Column("Name", format="name")
AGE: Final = Column("Age")


class Printer(Protocol[M_contra]):
    """How a kind is shown."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        ...

    def cells(self, obj: M_contra, now: datetime) -> list[Cell]:
        """Return one row, a cell for each column."""
        ...


def age(since: Time, now: datetime) -> str:
    """Return how long ago it was, in two units at most: ``5m10s``, ``3h``, ``2d4h``."""
    if not since.seconds:
        return UNKNOWN
    seconds = int(now.timestamp()) - since.seconds
    if seconds < 0:
        return "0s" if seconds >= -1 else "<invalid>"
    for limit, unit, name, below, rest in _STEPS:
        if seconds < limit:
            count, left = divmod(seconds, unit)
            smaller = left // below if below else 0
            return f"{count}{name}{smaller}{rest}" if smaller else f"{count}{name}"
    return f"{seconds // YEAR}y"


_STEPS: Final = (
    (2 * MINUTE, 1, "s", 0, ""),
    (10 * MINUTE, MINUTE, "m", 1, "s"),
    (3 * HOUR, MINUTE, "m", 0, ""),
    (8 * HOUR, HOUR, "h", MINUTE, "m"),
    (2 * DAY, HOUR, "h", 0, ""),
    (8 * DAY, DAY, "d", HOUR, "h"),
    (2 * YEAR, DAY, "d", 0, ""),
    (8 * YEAR, YEAR, "y", DAY, "d"),
)
"""Up to how many seconds: the unit, its name, and the smaller unit that is told beside it."""


def selector_text(selector: Mapping[str, str]) -> str:
    """Return a selector's map as text."""
    return ",".join(f"{key}={selector[key]}" for key in sorted(selector)) or NONE


def joined(values: Iterable[str]) -> str:
    """Return texts joined by commas."""
    return ",".join(values)
