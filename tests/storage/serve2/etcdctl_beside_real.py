"""etcdctl 2 towards a real etcd and towards ours: the same commands, and what each said.

``python -m tests.storage.serve2.etcdctl_beside_real`` writes the table as Markdown.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.storage.serve.etcdctl import PROGRAM, Output, served_process
from tests.storage.serve2.etcdctl_commands import STEPS, Step
from tests.storage.serve2.wire import Wire, request

PATIENCE_S: Final = 60
"""No command takes so long; what does is killed, and has failed."""

LOOKS_MAX: Final = 20_000
_OWN: Final = (
    (re.compile(r"\b[0-9a-f]{15,16}\b"), "ID"),
    (re.compile(r"(http://)?(127\.0\.0\.1|localhost):\d+"), "ADDRESS"),
    (re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ][0-9:.]+Z?( m=\S+)?"), "TIME"),
    (re.compile(r'("ttl":|TTL: )\d+'), r"\1N"),
    (re.compile(r"/\S*/(data|etcd-1|new)\b"), "DIRECTORY"),
    (re.compile(r"name=\S+ peerURLs"), "name=NAME peerURLs"),
)
"""What belongs to a server."""


class Told(NamedTuple):
    """A step, and what etcdctl said of each server."""

    step: Step
    real: Output
    ours: Output

    @property
    def same(self) -> bool:
        """Whether both said the same."""
        return comparable(self.real) == comparable(self.ours)


def comparable(output: Output) -> tuple[int, str, str]:
    """Return what both must say."""
    texts = []
    for text in (output.out, output.err):
        for pattern, word in _OWN:
            text = pattern.sub(word, text)  # noqa: PLW2901  one after the other
        texts.append(text)
    return output.code, texts[0], texts[1]


@dataclass(frozen=True)
class Server:
    """One of the two."""

    endpoint: str
    data: Path
    new: Path

    def run(self, step: Step) -> Output:
        """Run a step to its end."""
        words = [self._filled(word) for word in step.words.split(" ")]
        process = self._start(words)
        if step.stdin:
            assert process.stdin is not None
            process.stdin.write(step.stdin)
            process.stdin.flush()
        overdue = threading.Timer(PATIENCE_S, process.kill)
        overdue.start()
        try:
            told = self._lines(process, step)
            out, err = process.communicate()
        finally:
            overdue.cancel()
        if step.lines:
            return Output(0, "".join(sorted(told)), "")
        return Output(process.returncode, out, err)

    def _lines(self, process: subprocess.Popen[str], step: Step) -> list[str]:
        """Do what is to happen meanwhile; of a command that does not end return what it says."""
        if step.meanwhile:
            self.await_watch(process)
            for command in step.meanwhile:
                self._start(command.split(" ")).communicate()
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(step.lines)]
        if step.lines:
            assert all(told), f"{step.words!r} says too little: {told}"
            process.kill()  # exec-watch does not end when it is interrupted
        return told

    def member(self) -> str:
        """Return its id."""
        told = orjson.loads(self._get("/v2/members"))
        return str(told["members"][0]["id"])

    def _filled(self, word: str) -> str:
        if word == "$MEMBER":
            return self.member()
        return {"$DATA": str(self.data), "$NEW": str(self.new)}.get(word, word).replace(".^", " ^")

    def _start(self, words: Iterable[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, "--endpoints", f"http://{self.endpoint}", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ETCDCTL_API": "2"},
        )

    def await_watch(self, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
        """Wait until the store has a watch; each step leaves none behind."""
        while process.poll() is None:
            if orjson.loads(self._get("/v2/stats/store"))["watchers"]:
                return

    def _get(self, path: str) -> bytes:
        wire = Wire(self.endpoint)
        try:
            return wire.ask(request("GET", path)).body
        finally:
            wire.close()

    def settled(self, step: Step) -> Output:
        """Run a step to its end, and wait until no watch is left."""
        output = self.run(step)
        if step.meanwhile:
            self._settle()
        return output

    def _settle(self) -> None:
        for _ in range(LOOKS_MAX):
            if not orjson.loads(self._get("/v2/stats/store"))["watchers"]:
                return
        raise AssertionError("a watch was left behind")


@contextmanager
def both(directory: Path) -> Iterator[tuple[Server, Server]]:
    """Start a real one and ours, both new."""
    cluster = EtcdCluster(directory / "real", EtcdOptions(enable_v2=True))
    asyncio.run(cluster.start())
    try:
        ours = directory / "ours"
        ours.mkdir()
        with served_process(ours, "--api", "2") as served:
            real_data = directory / "real" / "etcd-1"
            yield (
                Server(cluster.endpoints[0], real_data, directory / "real" / "new"),
                Server(served.target, ours / "data", ours / "new"),
            )
    finally:
        cluster.kill()


def play(directory: Path, steps: Iterable[Step] = STEPS) -> list[Told]:
    """Run all steps on both."""
    told = []
    with both(directory) as servers, ThreadPoolExecutor(len(servers)) as at_once:
        for step in steps:
            real, ours = at_once.map(lambda server: server.settled(step), servers)  # noqa: B023
            told.append(Told(step, real, ours))
    return told


def table(told: list[Told]) -> str:
    """Return what came of it, as Markdown."""
    same = sum(each.same for each in told)
    lines = [
        "# etcdctl 3.4.23, `ETCDCTL_API=2`, on `kubedyno etcd --api 2` and on a real etcd 3.4.23",
        "",
        "Each command was run on both servers, started empty (the real one with `--enable-v2`),",
        "in this order; compared were exit code, standard output and standard error, without ids,",
        "times, addresses and directories.",
        "",
        f"{len(told)} commands: {same} answered alike, {len(told) - same} not, as the last column "
        "says.",
        "",
        "| part | command `etcdctl …` | exit code, ours | same as a real etcd |",
        "|---|---|---:|---|",
    ]
    for step, _, ours in told:
        words = step.words.replace("|", "\\|").replace(".^", " ^")
        meanwhile = f"  (meanwhile: {'; '.join(step.meanwhile)})" if step.meanwhile else ""
        code = "(Ctrl-C)" if step.lines else str(ours.code)
        lines.append(f"| {step.part} | `{words}{meanwhile}` | {code} | {step.note or 'yes'} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the table; tell of what differs unexpectedly; 1 if anything does."""
    with tempfile.TemporaryDirectory() as directory:
        told = play(Path(directory))
    sys.stdout.write(table(told))
    unexpected = [each for each in told if each.same == bool(each.step.note)]
    for step, real, ours in unexpected:
        sys.stderr.write(f"{step.words}\n  real: {real}\n  ours: {ours}\n")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
