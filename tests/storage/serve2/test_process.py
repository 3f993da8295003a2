"""The process of ``kubedyno etcd --api 2``: TLS, sockets, its data, its figures, its end."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.storage.serve.certificates import Certificates, make_certificates
from tests.storage.serve.etcdctl import PROGRAM, require_etcdctl, served_process
from tests.storage.serve2.wire import Wire, gather, request

pytestmark = pytest.mark.slow

API: tuple[str, ...] = ("--api", "2")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def etcdctl(url: str, *words: str) -> str:
    """Return what etcdctl says; empty if it fails."""
    require_etcdctl()
    done = subprocess.run(
        [PROGRAM, "--endpoints", url, "--no-sync", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "ETCDCTL_API": "2"},
        check=False,
    )
    return "" if done.returncode else done.stdout


def test_tls_is_spoken_and_the_url_says_so(certificates: Certificates, tmp_path: Path) -> None:
    server = certificates.server
    files = (f"--cert-file={server.cert}", f"--key-file={server.key}")
    with served_process(tmp_path, *API, *files) as served:
        assert served.url.startswith("https://")
        assert etcdctl(served.url, "--ca-file", str(certificates.ca.cert), "set", "a", "1") == "1\n"
        assert etcdctl(served.url, "get", "a") == ""
        wire = Wire(served.target)
        assert wire.ask(request("GET", "/version")).code == 0  # this is not TLS
        wire.close()


def test_a_client_without_a_certificate_is_not_let_in(
    certificates: Certificates, tmp_path: Path
) -> None:
    server, client, ca = certificates.server, certificates.client, str(certificates.ca.cert)
    flags = [f"--cert-file={server.cert}", f"--key-file={server.key}"]
    flags += [f"--trusted-ca-file={ca}", "--client-cert-auth"]
    own = ("--cert-file", str(client.cert), "--key-file", str(client.key))
    with served_process(tmp_path, *API, *flags) as served:
        assert etcdctl(served.url, "--ca-file", ca, *own, "set", "a", "1") == "1\n"
        assert etcdctl(served.url, "--ca-file", ca, "get", "a") == ""


def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "etcd.sock"
    with served_process(tmp_path, *API, "--listen", f"unix://{path}"):
        wire = Wire(str(path))
        assert wire.ask(request("PUT", "/v2/keys/a", b"value=1")).code == 201
        wire.close()

    assert not path.exists()


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    replies, raft = [], 0
    for turn in range(2):
        with served_process(tmp_path, *API) as served:
            wire = Wire(served.target)
            if turn == 0:
                for number in range(50):
                    put = request("PUT", f"/v2/keys/d/{number}?ttl=1000", b"value=%d" % number)
                    assert wire.ask(put).code == 201
            reply = wire.ask(request("GET", "/v2/keys?recursive=true&sorted=true"))
            replies.append((reply.header(b"x-etcd-index"), reply.comparable()[2]))
            raft = int(reply.header(b"x-raft-index"))
            wire.close()

    assert raft >= 53
    assert replies[0] == replies[1]
    assert replies[0][1].count(b'"value"') == 50


def test_access_is_still_checked_after_a_restart(tmp_path: Path) -> None:
    root = "Authorization: Basic " + base64.b64encode(b"root:secret").decode()
    users = "/v2/auth/users"
    codes = []
    for turn in range(2):
        with served_process(tmp_path, *API) as served:
            wire = Wire(served.target)
            if turn == 0:
                body = b'{"user":"root","password":"secret"}'
                assert wire.ask(request("PUT", f"{users}/root", body)).code == 201
                assert wire.ask(request("PUT", "/v2/auth/enable")).code == 200
            asked = request("GET", users), request("GET", users, None, root)
            codes.append([wire.ask(each).code for each in asked])
            wire.close()

    assert codes == [[401, 200], [401, 200]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_though_somebody_watches_and_writes_its_figures(
    number: signal.Signals, tmp_path: Path
) -> None:
    stats = tmp_path / "stats.json"
    with served_process(tmp_path, *API, "--stats", str(stats)) as served:
        watch, wire = Wire(served.target), Wire(served.target)
        watch.send(request("GET", "/v2/keys/a?wait=true&stream=true"))
        watch.await_head()
        for _ in range(3):
            wire.ask(request("PUT", "/v2/keys/a", b"value=1"))
        wire.ask(request("GET", "/v2/keys/none"))
        os.kill(served.pid, number)
        while not watch.ended:
            gather([watch], 5.0)
        watch.close()
        wire.close()

    counters = json.loads(stats.read_text(encoding="utf-8"))["counters"]
    assert counters["http_requests_PUT"] == 3
    assert counters["http_requests_GET"] == 2
    assert counters["store_setsSuccess"] >= 3
    assert counters["store_getsFail"] >= 1
    assert counters["store_writes"] >= 3
    assert counters["store_commits"] >= 1
    assert counters["store_snapshots"] == 0
