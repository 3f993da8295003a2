"""``kubedyno up`` on a store that does not take it: one line that says why, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import ERROR
from tests.etcd_members import EtcdOptions
from tests.etcd_probe import EtcdTls
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.serve.certificates import make_certificates
from tests.storage.serve.etcdctl import Etcdctl

pytestmark = pytest.mark.slow


def refused(tmp_path: Path, store: str, capsys: pytest.CaptureFixture[str]) -> str:
    kubeconfig = str(tmp_path / "kubeconfig")

    code = main(["up", "--nodes", "1", "--kubeconfig", kubeconfig, "--store", store])

    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (ERROR, 1), said
    return said


def test_a_store_that_is_read_only_is_told(
    start_etcd: StartEtcd,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = start_etcd(EtcdOptions(extra=("--quota-backend-bytes", "30000")))
    etcdctl = Etcdctl(cluster.endpoints[0])
    while etcdctl("put", "much", stdin="x" * 10_000).code == 0:
        pass

    said = refused(tmp_path, f"etcd3://{cluster.endpoints[0]}", capsys)

    assert said.endswith(
        "apiserver ended with exit code 1: the store is read-only: etcd: database space exceeded\n"
    )


def test_a_wrong_password_is_told_without_the_file_that_holds_it(
    start_etcd: StartEtcd,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = start_etcd(EtcdOptions())
    etcdctl = Etcdctl(cluster.endpoints[0])
    for words in ("user add root:right", "user grant-role root root", "auth enable"):
        etcdctl(*words.split())

    said = refused(tmp_path, f"etcd3://root:wrong@{cluster.endpoints[0]}", capsys)

    assert f"no good answer from etcd3://root@{cluster.endpoints[0]}: etcdserver: " in said
    assert "wrong" not in said


def test_where_tls_is_spoken_it_is_told_how_to_ask_for_it(
    start_etcd: StartEtcd,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = make_certificates(tmp_path)
    cluster = start_etcd(EtcdOptions(tls=EtcdTls(made.ca.cert, made.server.cert, made.server.key)))

    said = refused(tmp_path, f"etcd3://{cluster.endpoints[0]}", capsys)

    assert said.endswith("(with TLS: ?cacert=FILE)\n")
