"""The API server's process: the ready line, serving, restarting on its data, ending as asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the process; yield it and its URL once it is ready."""
    command = [sys.executable, "-m", "cluster.processes.apiserver", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            line = json.loads(running.stdout.readline())
            assert line["ready"] is True
            assert line["pid"] == running.pid
            yield running, line["url"]
        finally:
            if running.poll() is None:
                running.kill()


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url) as reply:
        answer: dict[str, object] = json.loads(reply.read())
        return answer


def post(url: str, body: object) -> int:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return int(reply.status)


@pytest.mark.slow
def test_process_restarts_on_its_data_and_writes_statistics(tmp_path: Path) -> None:
    arguments = ("--store", "etcd3", "--data-dir", str(tmp_path / "data"))
    stats = tmp_path / "stats.json"
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}

    with process(*arguments) as (first, url):
        assert post(f"{url}/api/v1/namespaces/default/pods", pod) == 201
        before = get(f"{url}/api/v1/namespaces/default/pods/a")
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
    with process(*arguments, "--stats", str(stats)) as (second, url):
        after = get(f"{url}/api/v1/namespaces/default/pods/a")
        second.send_signal(signal.SIGINT)
        assert second.wait(20) == 0

    assert after == before
    told = json.loads(stats.read_text())
    assert told["counters"]["requests_GET_pods"] == 1
    assert set(told) == {"counters", "gc", "loop_lag_ms", "loop_lag_longest"}
    assert set(told["loop_lag_ms"]) == {"p50", "p99", "max"}


@pytest.mark.slow
def test_process_ends_when_its_parent_is_gone() -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    with process("--parent", str(parent.pid)) as (running, _url):
        parent.communicate(b"\n")
        assert running.wait(20) == 0


@pytest.mark.slow
def test_port_in_use_fails_with_a_message() -> None:
    with process() as (_running, url):
        address = url.removeprefix("http://")
        second = subprocess.run(
            [sys.executable, "-m", "cluster.processes.apiserver", "--listen", address],
            cwd=ROOT,
            env={**os.environ},
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 1
    assert "in use" in second.stderr
