"""Two control processes with leader election on: one works, and hands over when it is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.processes.test_apiserver_process import ROOT, get, process

LEASE = "apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kubedyno-control"


@contextmanager
def control(url: str, stats: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a control process; yield it once it works or stands by."""
    command = [sys.executable, "-m", "cluster.processes.control", "--server", url]
    options = ["--leader-elect", "on", "--seed", "7", "--stats", str(stats)]
    with subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["ready"] is True
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def end(running: subprocess.Popen[str], stats: Path) -> dict[str, float]:
    """End a process as it likes to be, return its counters."""
    running.send_signal(signal.SIGTERM)
    _out, errors = running.communicate(timeout=90)
    assert running.returncode == 0, errors
    counters: dict[str, float] = json.loads(stats.read_text())["counters"]
    return counters


def holder(url: str) -> dict[str, object]:
    spec = get(f"{url}/{LEASE}")["spec"]
    assert isinstance(spec, dict)
    return spec


def wait_for(url: str, transitions: int) -> None:
    """Wait on a watch until the lease has changed hands so often and is held."""
    watch = f"{url}/apis/coordination.k8s.io/v1/namespaces/kube-system/leases?watch=true"
    with subprocess.Popen(
        [sys.executable, "-c", _WATCH, watch, str(transitions)], cwd=ROOT
    ) as waiting:
        assert waiting.wait(timeout=90) == 0


_WATCH = """
import json, sys, urllib.request
for line in urllib.request.urlopen(sys.argv[1], timeout=90):
    spec = json.loads(line)["object"].get("spec", {})
    if spec.get("holderIdentity") and spec.get("leaseTransitions") == int(sys.argv[2]):
        sys.exit(0)
sys.exit(1)
"""


@pytest.mark.slow
def test_of_two_control_processes_one_works_and_the_other_takes_over(tmp_path: Path) -> None:
    with process("--store", "memory") as (_server, url):
        first_stats, second_stats = tmp_path / "first.json", tmp_path / "second.json"
        with control(url, first_stats) as first, control(url, second_stats) as second:
            before = holder(url)
            left = end(first, first_stats)
            wait_for(url, 1)
            after = holder(url)
            right = end(second, second_stats)

    assert before["leaseTransitions"] == 0
    assert before["holderIdentity"] != after["holderIdentity"]
    assert (left["leader_terms"], right["leader_terms"]) == (1, 1)
    assert (left["leader_leading"], right["leader_leading"]) == (0, 0)
