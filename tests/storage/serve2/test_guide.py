"""Each example of etcd's guide to its v2 API, by curl, on a real etcd and on ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.real_etcd import require_etcd
from tests.storage.serve2.etcdctl_beside_real import Server, both
from tests.storage.serve2.guide import EXAMPLES, Example
from tests.storage.serve2.wire import without_times

pytestmark = pytest.mark.slow

LOOKS_MAX: Final = 2_000
_OWN: Final = (
    (re.compile(rb"(?m)^(Date|X-Etcd-Cluster-Id|X-Raft-\w+|Content-Length): .*\r\n"), rb"\1\r\n"),
    (re.compile(rb"\b[0-9a-f]{15,16}\b"), b"ID"),
    (re.compile(rb"http://(127\.0\.0\.1|localhost):\d+"), b"ADDRESS"),
    (re.compile(rb'"(name|startTime|uptime)":"[^"]*"'), rb'"\1":"*"'),
    (re.compile(rb'"etcd(server|cluster)":"3\.4\.\d+"'), rb'"\1"'),
)


class Curl:
    """curl towards one server."""

    def __init__(self, server: Server, file: Path) -> None:
        self._server = server
        self._file = file
        self._last = b"1"

    def play(self, example: Example) -> list[bytes]:
        """Run an example; return what both must say."""
        if example.then:
            waiting = self._start(example.commands[0])
            self._server.await_watch(waiting)
            self._start(example.then).communicate()
            return [self._said(waiting)]
        if example.waits_out:
            return [self._until_gone(example.commands[0])]
        return [self._said(self._start(command)) for command in example.commands]

    def _until_gone(self, command: str) -> bytes:
        for _ in range(LOOKS_MAX):
            said = self._said(self._start(command))
            if b"404 Not Found" in said:
                return said
        raise AssertionError("it does not end")

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        filled = command.replace("$URL", f"http://{self._server.endpoint}")
        filled = filled.replace("$FILE", str(self._file)).replace("$LAST", self._last.decode())
        words = [word.replace("+", " ") for word in filled.split(" ")]
        return subprocess.Popen(
            ["curl", "-s", "-i", "-L", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _said(self, process: subprocess.Popen[bytes]) -> bytes:
        said, _ = process.communicate(timeout=30)
        index = re.search(rb"X-Etcd-Index: (\d+)", said)
        self._last = index[1] if index else self._last
        for pattern, word in _OWN:
            said = pattern.sub(word, said)
        head, _, body = without_times(said).partition(b"\r\n\r\n")
        return b"\r\n".join(sorted(head.split(b"\r\n"))) + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def curls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Curl, Curl]]:
    require_etcd()
    if shutil.which("curl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no program 'curl' on PATH")
        pytest.skip("there is no program 'curl' on PATH")
    directory = tmp_path_factory.mktemp("guide")
    file = directory / "afile.txt"
    file.write_text("Hello\nFile & co", encoding="utf-8")
    with both(directory) as (real, ours):
        yield Curl(real, file), Curl(ours, file)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_the_guide_is_answered_as_by_a_real_etcd(
    curls: tuple[Curl, Curl], example: Example
) -> None:
    real, ours = (curl.play(example) for curl in curls)

    assert ours == real
