"""The nodes' process: command line, listener, and its end by force, from which another takes up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.kubelet.behaviour import Behaviour
from cluster.kubelet.latency import Latency
from cluster.kubelet.node_object import Endpoint
from cluster.kubelet.status_writer import Writes
from cluster.processes.nodes import Share, fleet_options, parser
from tests.cluster.processes.test_apiserver_process import ROOT, get, post
from tests.cluster.processes.test_apiserver_process import process as api_process

WAIT_S = 90


def options_of(line: str) -> list[str]:
    return ["--server", "http://127.0.0.1:1", "--nodes", "2", *line.split()]


def test_command_line_says_what_containers_do() -> None:
    line = (
        "--crash-probability 0.25 --crash-after 1s:9s --run-for 1m --ready-after 2s "
        "--unready-every 30s --unready-for 500ms --init-run-for 3s --seed 7 "
        "--kubelet-writes patch --register-again on --heartbeat lease"
    )

    options = fleet_options(parser().parse_args(options_of(line)), Endpoint("10.0.0.1", 4))

    assert options.behaviour == Behaviour(
        crash_probability=0.25,
        crash_after=Latency(1000, 9000),
        run_for=Latency(60_000, 60_000),
        ready_after=Latency(2000, 2000),
        unready_every=Latency(30_000, 30_000),
        unready_for=Latency(500, 500),
        init_for=Latency(3000, 3000),
    )
    assert (options.writes, options.seed, options.register_again) == (Writes.PATCH, 7, True)
    assert (options.endpoint, options.status_beats) == (Endpoint("10.0.0.1", 4), 30)


def test_by_default_containers_only_run_and_statuses_are_put() -> None:
    options = fleet_options(parser().parse_args(options_of("")))

    assert options.behaviour.quiet
    assert options.writes is Writes.PUT
    assert not options.register_again


@pytest.mark.parametrize(
    "line", ["--crash-probability 2", "--crash-probability x", "--crash-after 5", "--run-for 9s:1s"]
)
def test_what_makes_no_sense_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(options_of(line))

    assert ended.value.code == 2
    assert line.split(maxsplit=1)[0] in capsys.readouterr().err


@contextmanager
def nodes(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one hollow node; yield its process once it is ready."""
    command = [sys.executable, "-m", "cluster.processes.nodes", "--nodes", "1", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["ready"] is True
            yield running
        finally:
            if running.poll() is None:
                running.kill()


POD = {
    "metadata": {"name": "a", "annotations": {"kubedyno.dev/run-for": "1h"}},
    "spec": {"nodeName": "hollow-node-0", "containers": [{"name": "c", "image": "i"}]},
}


def wait_until_running(url: str) -> dict[str, object]:
    """Return the pod as the watch tells it once it runs."""
    query = f"watch=true&timeoutSeconds={WAIT_S}&fieldSelector=metadata.name%3Da"
    with urllib.request.urlopen(f"{url}/api/v1/namespaces/default/pods?{query}") as events:
        for line in events:
            found: dict[str, object] = json.loads(line)["object"]
            status = found["status"]
            assert isinstance(status, dict)
            if status.get("phase") == "Running":
                return found
    raise AssertionError("it does not run")


def log_of(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/v1/namespaces/default/pods/a/log") as reply:
        text: str = reply.read().decode()
        return text


@pytest.mark.slow
def test_pods_survive_the_end_of_their_process(tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    with api_process() as (_api, url):
        arguments = ("--server", url, "--kubelet-writes", "patch")
        with nodes(*arguments) as first:
            assert post(f"{url}/api/v1/namespaces/default/pods", POD) == 201
            before = wait_until_running(url)
            told = log_of(url)
            first.kill()
            first.wait(WAIT_S)
        with nodes(*arguments, "--stats", str(stats)) as second:
            after = get(f"{url}/api/v1/namespaces/default/pods/a")
            told_again = log_of(url)
            second.send_signal(signal.SIGTERM)
            assert second.wait(WAIT_S) == 0

    assert after == before
    assert told_again == told
    assert "c of default/a started on hollow-node-0, run 1" in told
    counters = json.loads(stats.read_text())["counters"]
    assert (counters["pod_gets"], counters["pod_status_patches"]) == (0, 0)
    assert (counters["log_requests"], counters["pod_restarts"]) == (1, 0)


@pytest.mark.parametrize(("nodes", "shares"), [(5, [[0, 2, 4], [1, 3]]), (1, [[0], []])])
def test_nodes_take_turns_with_the_servers(nodes: int, shares: list[list[int]]) -> None:
    line = parser().parse_args(["--server", "http://a,http://b", "--nodes", str(nodes)])

    for place, numbers in enumerate(shares):
        options = fleet_options(line, share=Share(place, len(shares)))
        last = options.first_node + options.nodes * options.stride
        assert list(range(options.first_node, last, options.stride)) == numbers
