"""etcdctl, and a served engine in a process of its own for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

PROGRAM: Final = "etcdctl"
PATIENCE_S: Final = 60


class Output(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What it complained of, without its log."""
        return self.err.strip().rpartition("\n")[2]


def require_etcdctl() -> None:
    """Skip the test where there is no etcdctl; fail it with CI=true."""
    if shutil.which(PROGRAM) is None:
        reason = f"there is no program {PROGRAM!r} on PATH (Debian: etcd-client)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class Etcdctl:
    """etcdctl towards one server; ``flags`` go with every command."""

    def __init__(self, endpoint: str, *flags: str) -> None:
        require_etcdctl()
        self.endpoint = endpoint
        self._flags = flags

    def __call__(self, *words: str, stdin: str = "") -> Output:
        """Run a command to its end."""
        done = subprocess.run(
            [PROGRAM, f"--endpoints={self.endpoint}", *self._flags, *words],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=PATIENCE_S,
            env={**os.environ, "ETCDCTL_API": "3"},
            check=False,
        )
        return Output(done.returncode, done.stdout, done.stderr)


class ServedProcess(NamedTuple):
    """A served engine that is ready."""

    url: str
    target: str
    pid: int


@contextmanager
def served_process(directory: Path, *flags: str) -> Iterator[ServedProcess]:
    """Serve an engine from a process of its own; it must end as asked."""
    command = [
        *(sys.executable, "-m", "cluster.processes.etcd"),
        *("--data-dir", str(directory / "data"), "--parent", str(os.getpid()), *flags),
    ]
    with (directory / "etcd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        with process.stdout as said:
            line = said.readline()
        try:
            assert line, (directory / "etcd.log").read_text(encoding="utf-8")
            facts = json.loads(line)
            yield ServedProcess(facts["url"], facts["target"], process.pid)
        finally:
            process.terminate()
            code = process.wait(PATIENCE_S)
    assert code == 0, (directory / "etcd.log").read_text(encoding="utf-8")
