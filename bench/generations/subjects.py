"""Who is compared: two generations, each by our own engine and by the real program."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.child import ChildError
from bench.generations.clients.etcd2 import Etcd2Client
from bench.generations.clients.etcd3 import Etcd3Client
from bench.generations.clients.interface import Client
from bench.own_etcd import ENDED_BY_SIGTERM, PROGRAM, Member, etcd_command

SNAPSHOT_ENTRIES: Final = 10_000
"""etcd 2's default, and etcd 3.0's and 3.1's; 3.2 raised it to 100,000."""
HASTY: Final = ("--heartbeat-interval", "10", "--election-timeout", "100")
"""A tenth of etcd's defaults. Also a single member waits to be its own leader, at random: on a key
and no load its start took 1.06 to 2.08 s of the clock and 0.03 s of CPU, in both generations."""
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Subject:
    """A server of one generation."""

    name: str
    generation: int
    real: bool

    @property
    def family(self) -> str:
        """Return with whom it is compared: ``ours`` or ``real``."""
        return "real" if self.real else "ours"

    @property
    def exit_code(self) -> int:
        """Return what it ends with when it is asked to end."""
        return ENDED_BY_SIGTERM if self.real else 0

    def command(self, port: int, peer_port: int, data: Path, *, hasty: bool = False) -> list[str]:
        """Return its command line; ``hasty``: with ``HASTY``. Raises ChildError: no program."""
        if not self.real:
            api = ["--api", "2"] if self.generation == 2 else ["--store", "etcd3"]
            return [
                *(sys.executable, "-m", "cluster.processes.etcd"),
                *("--listen", f"{HOST}:{port}"),
                *("--data-dir", str(data)),
                *("--parent", str(os.getpid())),
                *api,
            ]
        program = shutil.which(PROGRAM)
        if program is None:
            raise ChildError(f"there is no program {PROGRAM!r} on the path")
        member = Member("etcd", port, peer_port)
        return [
            *(sys.executable, "-m", "bench.tied", str(os.getpid())),
            *etcd_command(program, member, [member], data),
            f"--enable-v2={'true' if self.generation == 2 else 'false'}",
            *("--snapshot-count", str(SNAPSHOT_ENTRIES)),
            *(HASTY if hasty else ()),
        ]

    def client(self, address: str, *, connections: int = 1, polling: bool = False) -> Client:
        """Return a client; ``connections`` and ``polling`` are etcd 2's alone."""
        if self.generation == 2:
            return Etcd2Client(address, connections=connections, polling=polling)
        return Etcd3Client(address)


SUBJECTS: Final[dict[str, Subject]] = {
    each.name: each
    for each in (
        Subject("etcd2", 2, real=False),
        Subject("etcd3", 3, real=False),
        Subject("etcd2-real", 2, real=True),
        Subject("etcd3-real", 3, real=True),
    )
}
FAMILIES: Final = {"ours": ("etcd2", "etcd3"), "real": ("etcd2-real", "etcd3-real")}
"""The older generation and the newer one of each."""
