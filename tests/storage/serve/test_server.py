"""Where a served engine listens, whom it lets in, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

from storage.serve.etcd3.server import Address, ListenError, listening
from storage.serve.etcd3.tls import TlsError, TlsFiles, credentials
from tests.storage.serve.certificates import Certificates, make_certificates
from tests.storage.serve.etcdctl import Etcdctl, served_process

LIMIT = 1 << 20


async def _bind(address: Address) -> str:
    async with listening(address, LIMIT) as listener:
        return listener.url


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_an_address_in_use_is_refused_with_its_reason() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        target = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(ListenError, match=r"cannot listen on .*: Address already in use"):
            asyncio.run(_bind(Address(target)))


def test_a_socket_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        with pytest.raises(ListenError, match="Address already in use"):
            asyncio.run(_bind(Address(f"unix:{path}")))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("unix:{}/none/s", "no such directory"),
        ("unix:{}/" + "x" * 120, "path too long"),
        ("unix:{}/file", "something else than a socket"),
        ("127.0.0.1:99999", "no such port"),
    ],
)
def test_an_address_that_cannot_be_is_refused(target: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ListenError, match=reason):
        asyncio.run(_bind(Address(target.format(tmp_path))))


def test_a_socket_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    assert asyncio.run(_bind(Address(f"unix://{path}"))) == f"unix://{path}"


def test_files_that_are_no_certificates_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")

    for files, reason in (
        (TlsFiles(junk, junk), "is no PEM file"),
        (TlsFiles(junk, tmp_path / "none"), "cannot read"),
        (TlsFiles(junk, junk, client_cert_auth=True), "trusted CA"),
    ):
        with pytest.raises(TlsError, match=reason):
            asyncio.run(_bind(Address("127.0.0.1:0", files)))


@pytest.mark.slow
def test_etcdctl_talks_tls_and_the_url_says_so(certificates: Certificates, tmp_path: Path) -> None:
    server = certificates.server
    flags = (f"--cert-file={server.cert}", f"--key-file={server.key}")
    with served_process(tmp_path, *flags) as served:
        trusting = Etcdctl(served.url, f"--cacert={certificates.ca.cert}")
        distrusting = Etcdctl(served.url, "--dial-timeout=1s", "--command-timeout=1s")

        assert served.url.startswith("https://")
        assert trusting("put", "a", "1").out == "OK\n"
        assert distrusting("get", "a").code != 0


@pytest.mark.slow
def test_a_client_without_a_certificate_is_not_let_in(
    certificates: Certificates, tmp_path: Path
) -> None:
    server, client, ca = certificates.server, certificates.client, certificates.ca.cert
    flags = [f"--cert-file={server.cert}", f"--key-file={server.key}"]
    flags += [f"--trusted-ca-file={ca}", "--client-cert-auth"]
    with served_process(tmp_path, *flags) as served:
        brief = ("--dial-timeout=1s", "--command-timeout=1s", f"--cacert={ca}")
        known = (f"--cacert={ca}", f"--cert={client.cert}", f"--key={client.key}")

        assert Etcdctl(served.url, *known)("put", "a", "1").out == "OK\n"
        assert Etcdctl(served.url, *brief)("get", "a").code != 0


@pytest.mark.slow
def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "etcd.sock"
    with (
        served_process(tmp_path, "--listen", f"unix://{path}") as served,
        grpc.insecure_channel(served.target) as channel,
    ):
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=20) == b"\x08\x01"

    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_in_order_though_somebody_watches(
    number: signal.Signals, tmp_path: Path
) -> None:
    with (
        served_process(tmp_path) as served,
        grpc.insecure_channel(urlsplit(served.url).netloc) as channel,
    ):
        watching: grpc.UnaryStreamMultiCallable[bytes, bytes]
        watching = channel.unary_stream("/grpc.health.v1.Health/Watch")
        watch = watching(b"")
        assert next(watch) == b"\x08\x01"
        os.kill(served.pid, number)
        with pytest.raises(grpc.RpcError):
            next(watch)


@pytest.mark.slow
def test_signals_that_come_while_the_process_ends_change_nothing(tmp_path: Path) -> None:
    with served_process(tmp_path, "--store=memory") as served:  # which expects exit code 0
        os.kill(served.pid, signal.SIGINT)
        while _runs(served.pid):
            os.kill(served.pid, signal.SIGTERM)


def _runs(pid: int) -> bool:
    """Say whether a child runs; one that has ended stays until it is waited for."""
    state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state != "Z"


def test_a_key_of_another_certificate_is_refused_with_the_reason(
    certificates: Certificates,
) -> None:
    made = certificates
    mixed = TlsFiles(made.server.cert, made.client.key)
    no_ca = TlsFiles(made.server.cert, made.server.key, made.client.key)

    with pytest.raises(TlsError, match=r"are no pair of certificate and key: .*mismatch"):
        credentials(mixed)
    with pytest.raises(TlsError, match="holds no certificate"):
        credentials(no_ca)
