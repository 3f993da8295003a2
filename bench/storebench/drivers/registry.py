"""The ways to a store by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.storebench.drivers.engines import engine
from bench.storebench.drivers.etcd2_wire import Etcd2WireDriver
from bench.storebench.drivers.etcd3_raw import Etcd3RawDriver
from bench.storebench.drivers.etcd3_wire import Etcd3WireDriver
from bench.storebench.drivers.interface import Driver, Spot
from bench.storebench.drivers.remote_store import remote

IN_PROCESS: Final = "in process"
OVER_THE_PROTOCOL: Final = "over the protocol"


@dataclass(frozen=True, slots=True)
class Entry:
    """A way to a store, and what it can do."""

    name: str
    make: Callable[[Spot], Driver]
    place: str
    """Where the load runs; results of different places are never in one table."""
    scheme: str = ""
    """Of the URLs that it speaks to; empty: it opens an engine."""
    client: str = ""
    """How ``--protocol-client`` names it."""
    puts: bool = True
    """It has a write that is not judged."""
    polls: bool = False
    """Its watches may be long polls."""
    quorums: tuple[str, ...] = ()
    """Stores, by name or scheme, whose reads may be ordered with the writes, or not."""
    shares: bool = True
    """Calls and watches share connections."""

    @property
    def table(self) -> str:
        """Return the title of the table in which its results stand."""
        return f"{self.place}, {self.client} client" if self.client else self.place


DRIVERS: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        Entry("engine", engine, IN_PROCESS, quorums=("etcd2",)),
        Entry("etcd3-raw", Etcd3RawDriver, OVER_THE_PROTOCOL, scheme="etcd3", client="raw"),
        Entry("etcd3-wire", Etcd3WireDriver, OVER_THE_PROTOCOL, scheme="etcd3", client="wire"),
        Entry(
            "etcd2-wire",
            Etcd2WireDriver,
            OVER_THE_PROTOCOL,
            scheme="etcd2",
            client="wire",
            polls=True,
            quorums=("etcd2",),
            shares=False,
        ),
        Entry("etcd3-store", remote, OVER_THE_PROTOCOL, scheme="etcd3", client="store", puts=False),
        Entry("etcd2-store", remote, OVER_THE_PROTOCOL, scheme="etcd2", client="store", puts=False),
    )
}
