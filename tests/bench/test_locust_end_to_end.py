"""``kubedyno locust`` on a real, small plane: headless in both codecs, by its web page, stopped.

The users live in a process of their own here, too: locust changes the process it is imported in.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import ERROR, OK, VOID
from bench.load.users.registry import USERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = ["locust", "--store", "memory", "--nodes", "2", "--spawn-rate", "50", "--heartbeat", "0.5"]

PURPOSES = {
    "kubelet": {"register", "read node", "heartbeat", "run pod", "leave"},
    "kubectl": {"create namespace", "create rc", "get pods", "delete namespace"},
}
"""What users of each class do at least, however short the run."""
BUSY = "the generator kept "
"""What a busy machine alone can make a verdict say."""


@pytest.mark.parametrize("name", USERS)
def test_users_of_each_class_work_alone(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    kind = [*SMALL, "--kinds", f"{name}=2", "--users", "3", "--duration", "2", "--out", str(out)]

    assert main(kind) == OK

    found = json.loads((out / "locust.json").read_bytes())
    assert found["users"] == {name: 3}
    assert {call["user"] for call in found["calls"]} == {name}
    assert [call["failures"] for call in found["calls"]] == [0] * len(found["calls"])


@pytest.mark.parametrize("codec", ["protobuf", "json"])
def test_users_load_an_own_cluster(tmp_path: Path, codec: str) -> None:
    out = tmp_path / "out"

    code = main([*SMALL, "--codec", codec, "--users", "12", "--duration", "5", "--out", str(out)])

    found = json.loads((out / "locust.json").read_bytes())
    reasons = [said for said in found["verdict"]["reasons"] if not said.startswith(BUSY)]
    assert (code, reasons) == (OK, [])
    assert found["users"] == {"kubelet": 6, "kubectl": 6}
    assert found["failure_share"] == 0
    assert (found["pods_run"] > 0, found["watch_events"] > 0) == (True, True)
    done = {(call["user"], call["name"]) for call in found["calls"]}
    assert {(user, name) for user, names in PURPOSES.items() for name in names} <= done
    assert all(call["p50_ms"] > 0 for call in found["calls"])
    histograms = json.loads((out / "samples" / "histograms.json").read_bytes())
    assert len(histograms) == len(found["calls"])
    page = (out / "report.html").read_text()
    assert "heartbeat" in page
    assert "get pods" in page
    assert main(["report", str(out)]) == OK


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave no process that waits for a signal where the test fails before it sends one."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()


def test_a_stop_ends_the_run_in_order_and_keeps_what_was_measured(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "bench.cli", *SMALL, "--kinds", "kubectl=1", "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--web", f"127.0.0.1:{port}", "--users", "3"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, ended(process):
        assert process.stderr is not None
        said = process.stderr.readline()
        address = re.search(r"http://[\d.:]+/", said)
        assert address is not None, said
        form = b"user_count=3&spawn_rate=50"
        with urllib.request.urlopen(f"{address[0]}swarm", form, timeout=30) as answer:
            assert json.load(answer)["success"]
        while True:  # each look is a request to locust's own page
            with urllib.request.urlopen(f"{address[0]}stats/requests", timeout=30) as answer:
                if any(row["name"] == "kubectl: create rc" for row in json.load(answer)["stats"]):
                    break
        process.send_signal(signal.SIGTERM)
        output, _errors = process.communicate(timeout=60)

    assert process.returncode == OK, output
    found = json.loads((out / "locust.json").read_bytes())
    assert found["users"] == {"kubectl": 3}
    assert {call["user"] for call in found["calls"]} == {"kubectl"}


def test_a_server_that_is_not_there_makes_the_run_void(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    load = ["--users", "2", "--duration", "1", "--kinds", "kubectl", "--spawn-rate", "50"]
    token = tmp_path / "token"
    token.write_text("secret-of-mine")
    load += ["--token-file", str(token)]

    code = main(["locust", "--server", url, *load, "--out", str(tmp_path / "out")])

    found = json.loads((tmp_path / "out" / "locust.json").read_bytes())
    assert code == VOID
    assert found["verdict"]["status"] == "void"
    assert "refused" in str(found["calls"][0]["errors"])
    kept = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path for path in kept if b"secret-of-mine" in path.read_bytes()] == []


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = f"127.0.0.1:{taken.getsockname()[1]}"
        code = main([*SMALL, "--web", web, "--out", str(tmp_path / "out")])

    assert code == ERROR
    assert "in use" in capsys.readouterr().err
