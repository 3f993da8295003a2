"""Disks that fill up, fail and turn read-only, for real: each story in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.errors import StoreOpenError
from storage.etcd3.backend import Etcd3Backend
from tests.storage.durability.recording import REPOSITORY
from tests.storage.tracing import need_strace

STORY = [sys.executable, "-m", "tests.storage.etcd3.failing_disk"]
MOUNT = "mount -t tmpfs -o size=2m none"


def run(command: Sequence[str]) -> str:
    """Run a story; return what it said."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("ok\n")
    return done.stdout


def in_namespace(script: str) -> list[str]:
    """Return a command that may mount; skips where users may not."""
    tried = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no user namespaces: {tried.stderr.decode().strip()}")
    return ["unshare", "-Urm", "sh", "-ec", script]


@pytest.mark.slow
def test_file_at_its_size_limit_raises_the_alarm_and_recovers(tmp_path: Path) -> None:
    said = run([*STORY, str(tmp_path / "data"), "--limit", str(1 << 20)])

    assert re.search(
        "File too large|Input/output error", said
    )  # LMDB calls a short write the latter


@pytest.mark.slow
def test_full_disk_raises_the_alarm_and_recovers(tmp_path: Path) -> None:
    ballast = tmp_path / "ballast"
    story = " ".join([*STORY, str(tmp_path / "data"), "--ballast", str(ballast)])

    said = run(
        in_namespace(f"{MOUNT} {tmp_path}; head -c 900000 /dev/zero > {ballast}; exec {story}")
    )

    assert re.search("No space left on device|Input/output error", said)
    assert re.search(r"\(\d{1,6} bytes are free on its disk\)", said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "error", "words"),
    [
        ("fdatasync", "EIO", "Input/output error"),
        ("fdatasync", "ENOSPC", "No space left on device"),
        ("pwrite64,writev", "EROFS", "Read-only file system"),
        ("pwrite64", "EIO", "Input/output error"),
    ],
)
def test_failing_call_raises_the_alarm_and_the_store_recovers(
    tmp_path: Path, calls: str, error: str, words: str
) -> None:
    need_strace()
    options = ["-P", str(tmp_path / "data" / "db.lmdb"), "-e", f"trace={calls}"]
    fault = ["-e", f"inject={calls}:error={error}:when=9..11"]

    said = run(
        ["strace", "-f", "-o", "/dev/null", *options, *fault, *STORY, str(tmp_path / "data")]
    )

    assert words in said


@pytest.mark.slow
def test_read_only_file_system_is_refused_in_a_line(tmp_path: Path) -> None:
    script = f"{MOUNT} {tmp_path}; mkdir {tmp_path}/data; mount -o remount,ro {tmp_path}; exec "
    program = f"{sys.executable} -m cluster.processes.apiserver --store etcd3 --data-dir "

    for folder in (tmp_path / "data", tmp_path / "new"):
        command = in_namespace(script + program + str(folder))
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)

        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "Read-only file system" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [("held", "in use by process"), ("file/below", "Not a directory"), ("foreign", "LMDB")],
)
def test_directory_that_will_not_do_ends_the_api_server_with_a_line(
    tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "db.lmdb").write_bytes(b"something else" * 1000)
    holder = Etcd3Backend(tmp_path / "held")
    holder.open()
    program = [sys.executable, "-m", "cluster.processes.apiserver", "--store", "etcd3"]

    done = subprocess.run(
        [*program, "--data-dir", str(tmp_path / name)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    holder.close()

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_file_of_another_lmdb_program_is_refused(tmp_path: Path) -> None:
    backend = Etcd3Backend(tmp_path, sync=False)
    backend.open()
    backend._file.change([], [b"\0"])
    backend.close()

    with pytest.raises(StoreOpenError, match="another format"):
        backend.open()
