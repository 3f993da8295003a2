"""``kubedyno etcd``: what it says, what it serves, how it ends, what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

from bench.cli import main
from bench.commands.etcd import endpoint_of
from bench.commands.interface import USAGE

PATIENCE_S = 60


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--api", "2", "--store", "memory"], "--api 2 serves --store etcd2, not memory"),
        (["--api", "4"], "invalid choice: '4'"),
        (["--listen", "nowhere"], "'nowhere' is no HOST:PORT"),
        (["--listen", "unix:"], "'unix:' is no HOST:PORT and no unix:PATH"),
        (["--listen", "127.0.0.1:70000"], "is no HOST:PORT"),
        (["--store", "etcd2"], "--api 3 serves --store etcd3 or memory, not etcd2"),
        (["--max-txn-ops", "0"], "'0' is no number above 0"),
        (["--cert-file", "a"], "--cert-file and --key-file belong together"),
        (["--client-cert-auth"], "only asked for with a --cert-file"),
        (["--cert-file", "/none", "--key-file", "/none"], "there is no file /none"),
        (["--data-dir", "/dev/null"], "--data-dir /dev/null is no directory"),
        (["--listen", "https://127.0.0.1:0"], "needs a --cert-file and a --key-file"),
        (
            ["--listen", "http://127.0.0.1:0", "--cert-file", __file__, "--key-file", __file__],
            "takes no --cert-file",
        ),
        (["--data-dir", ""], "'' is no directory"),
        (["--stats", "/none/stats.json"], "/none is no directory"),
        (["--advertise-client-urls", "http://a:1,foo"], "'foo' is no URL"),
        (["--advertise-client-urls", "10.0.0.1:2379"], "'10.0.0.1:2379' is no URL"),
    ],
)
def test_a_misuse_is_told_in_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["etcd", *words])

    said = capsys.readouterr().err
    assert code == USAGE
    assert complaint in said
    assert said.count("\n") == 1


@contextmanager
def _start(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Start it; what a failed test leaves running is ended, not waited for."""
    command = [sys.executable, "-m", "bench.cli", "etcd", "--listen", "127.0.0.1:0", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # its server ends with it


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_end(number: signal.Signals, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    with _start("--json", "--store", "memory", "--stats", str(stats)) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        with grpc.insecure_channel(urlsplit(facts["url"]).netloc) as channel:
            check: grpc.UnaryUnaryMultiCallable[bytes, bytes]
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            assert check(b"", timeout=PATIENCE_S, wait_for_ready=True) == b"\x08\x01"
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""

    counters = json.loads(stats.read_text(encoding="utf-8"))["counters"]
    assert counters["grpc_calls_Health_Check"] == 1
    assert counters["store_revision"] == 1
    with pytest.raises(ProcessLookupError):
        os.kill(facts["pid"], 0)


@pytest.mark.slow
def test_it_says_how_to_use_it() -> None:
    with _start() as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0

    assert said[0].startswith("etcd3 engine, serving the etcd v3 protocol at http://127.0.0.1:")
    assert "ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:" in said[1]


@pytest.mark.slow
def test_the_second_api_says_how_to_use_it() -> None:
    with _start("--api", "2") as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0

    assert said[0].startswith("etcd2 engine, serving the etcd v2 protocol at http://127.0.0.1:")
    assert "ETCDCTL_API=2 etcdctl --endpoints=http://127.0.0.1:" in said[1]
    assert said[1].endswith(" set key value\n")


@pytest.mark.parametrize(
    ("url", "target", "endpoint"),
    [
        ("https://127.0.0.1:1", "127.0.0.1:1", "https://127.0.0.1:1"),
        ("unix:/a/b.sock", "unix:/a/b.sock", "unix:///a/b.sock"),
        ("unix:///a/b.sock", "unix:///a/b.sock", "unix:///a/b.sock"),
        ("unix:b.sock", "unix:b.sock", f"unix://{Path('b.sock').absolute()}"),
    ],
)
def test_etcdctl_is_told_an_endpoint_that_it_understands(
    url: str, target: str, endpoint: str
) -> None:
    assert endpoint_of(url, target) == endpoint


@pytest.mark.slow
def test_an_address_in_use_is_told_in_one_line() -> None:
    with _start("--json", "--store", "memory") as first:
        assert first.stdout is not None
        target = json.loads(first.stdout.readline())["target"]
        with _start("--listen", target) as second:
            _, said = second.communicate(timeout=PATIENCE_S)
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE_S) == 0

    assert second.returncode == 1
    assert said.count("\n") == 1
    assert said == (
        "kubedyno: etcd ended with exit code 1: "
        f"cannot listen on '{target}': Address already in use\n"
    )


@pytest.mark.slow
def test_the_data_of_a_real_etcd_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "member").mkdir()

    with _start("--data-dir", str(tmp_path)) as process:
        _, said = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 1
    assert said.count("\n") == 1
    assert f"{tmp_path} holds the data of a real etcd" in said
