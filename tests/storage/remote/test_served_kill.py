"""Our served engine is killed under writers over gRPC: nothing lost, no watch with a gap."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.etcd_members import free_ports
from tests.storage.remote.fault_story import assert_nothing_lost, story

KILLS = 3
AWAY_S = 0.3


class Served:
    """``kubedyno etcd`` as a process, always at the same port and on the same data."""

    def __init__(self, directory: Path) -> None:
        self._target = f"127.0.0.1:{next(free_ports())}"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"etcd3://{self._target}"

    def start(self) -> None:
        """Start it, and wait for its ready line."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "cluster.processes.etcd", "--listen", self._target),
                    *("--store", "etcd3", "--data-dir", str(self._directory / "data")),
                    *("--parent", str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        assert b"ready" in self._process.stdout.readline(), (self._directory / "log").read_text()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    async def die_again_and_again(self) -> None:
        """Be killed and come back, under load."""
        for _ in range(KILLS):
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(self.kill)
            await asyncio.sleep(AWAY_S)
            await asyncio.to_thread(self.start)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_served_engine_is_killed(tmp_path: Path) -> None:
    served = Served(tmp_path)
    served.start()
    try:
        told = asyncio.run(story(served.url, served.die_again_and_again))
    finally:
        served.kill()

    assert_nothing_lost(*told)
