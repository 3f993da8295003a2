"""``kubedyno etcd`` as a process that belongs to no event loop: started, killed, started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.etcd_members import free_ports


class Served:
    """Our engine behind its protocol, always at the same port and on the same data."""

    def __init__(self, directory: Path, api: int = 3) -> None:
        self._target = f"127.0.0.1:{next(free_ports())}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._kind = ["--api", "2"] if api == 2 else ["--store", "etcd3"]
        self.url = f"etcd{api}://{self._target}"

    def start(self) -> None:
        """Start it, and wait for its ready line."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "cluster.processes.etcd", "--listen", self._target),
                    *(*self._kind, "--data-dir", str(self._directory / "data")),
                    *("--parent", str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        assert b"ready" in self._process.stdout.readline(), (self._directory / "log").read_text()

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
