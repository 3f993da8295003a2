"""A real etcd behind TLS, with client certificates and a user's password: the store gets in."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from storage.clock import SystemClock
from storage.errors import StoreError, StoreOpenError, StoreUnavailableError
from storage.remote.etcd3 import link
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, parse_url
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.etcd_probe import EtcdTls
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # fixture
from tests.storage.recorder import Recorder
from tests.storage.serve.certificates import make_certificates

PASSWORD = "s3cret/with:@signs"
KEY = b"/registry/pods/default/web-1"


def require(program: str) -> str:
    """Return a program's path; skip the test where it is missing, fail it with CI=true."""
    path = shutil.which(program)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no program {program!r}")
        pytest.skip(f"there is no program {program!r}")
    return path


@pytest.fixture
def tls(tmp_path: Path) -> EtcdTls:
    made = make_certificates(tmp_path)
    return EtcdTls(made.ca.cert, *made.server, *made.client)


@pytest.fixture
def etcd(tls: EtcdTls, start_etcd: StartEtcd) -> EtcdCluster:  # noqa: F811
    """A member that demands certificates and passwords."""
    cluster = start_etcd(EtcdOptions(tls=tls))

    def etcdctl(*arguments: str) -> None:
        files = ("--cacert", str(tls.ca_file), "--cert", str(tls.client_cert_file))
        command = [require("etcdctl"), *files, "--key", str(tls.client_key_file)]
        command += ["--endpoints", f"https://{cluster.endpoints[0]}", *arguments]
        environment = {**os.environ, "ETCDCTL_API": "3"}
        subprocess.run(command, check=True, capture_output=True, env=environment)

    etcdctl("user", "add", f"root:{PASSWORD}")
    etcdctl("user", "grant-role", "root", "root")
    etcdctl("role", "add", "registry")
    etcdctl("role", "grant-permission", "--prefix=true", "registry", "readwrite", "/registry/")
    etcdctl("user", "add", f"reader:{PASSWORD}")
    etcdctl("auth", "enable")
    return cluster


def address(
    etcd: EtcdCluster,
    tls: EtcdTls,
    tmp_path: Path,
    *,
    user: str = "root",
    client: str = CLIENTS[0],
) -> str:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n", "utf-8")
    files = f"cacert={tls.ca_file}&cert={tls.client_cert_file}&key={tls.client_key_file}"
    return f"etcd3://{user}@{etcd.endpoints[0]}?{files}&client={client}&password-file={password}"


@pytest.mark.slow
def test_store_gets_in_with_certificate_and_password(
    etcd: EtcdCluster, tls: EtcdTls, tmp_path: Path
) -> None:
    async def story(client: str) -> tuple[bytes, list[bytes | None]]:
        url = parse_url(address(etcd, tls, tmp_path, client=client))
        key = KEY + client.encode()
        async with RemoteStore(url, SystemClock()) as store:
            recorder = Recorder(store.current_revision())
            store.watch(b"/registry/", recorder, after=recorder.revision)
            made = await store.create(key, b"one")
            await store.update(key, b"two", expected=made)
            found = await store.get(key)
            assert found is not None
            await recorder.reach(found.revision)
            return found.value, [change.value for change in recorder.changes]

    for client in CLIENTS:
        assert asyncio.run(story(client)) == (b"two", [b"one", b"two"])


async def opened(url: str) -> None:
    async with RemoteStore(parse_url(url), SystemClock()) as store:
        await store.get(KEY)


async def all_opened(urls: list[str]) -> list[BaseException | None]:
    """Try all at once: those that cannot connect try until their time is over."""
    return await asyncio.gather(*map(opened, urls), return_exceptions=True)


@pytest.mark.slow
def test_store_is_kept_out_with_a_reason(
    etcd: EtcdCluster, tls: EtcdTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = address(etcd, tls, tmp_path)
    where = etcd.endpoints[0]
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed\n", "utf-8")
    (tmp_path / "stranger").mkdir()
    stranger = make_certificates(tmp_path / "stranger").ca.cert
    tries: dict[str, tuple[type[StoreError], str]] = {
        good.replace(str(tmp_path / "password"), str(wrong)): (
            StoreOpenError,
            "authentication failed",
        ),
        address(etcd, tls, tmp_path, user="reader"): (StoreOpenError, "permission denied"),
        address(etcd, tls, tmp_path, user="nobody"): (StoreOpenError, "authentication failed"),
        good.replace(f"cacert={tls.ca_file}", f"cacert={stranger}"): (
            StoreUnavailableError,
            "CERTIFICATE_VERIFY_FAILED",
        ),
        f"etcd3://root@{where}?cacert={tls.ca_file}&password-file={wrong}": (
            StoreUnavailableError,
            "cannot reach",
        ),
        f"etcd3://root@{where}?password-file={wrong}": (StoreUnavailableError, "cannot reach"),
    }

    judged = [url for url, (kind, _) in tries.items() if kind is StoreOpenError]
    hopeless = [url for url in tries if url not in judged]
    refusals = asyncio.run(all_opened(judged))  # a busy etcd takes its time over a password
    monkeypatch.setattr(link, "CALL_S", 2.0)
    refusals += asyncio.run(all_opened(hopeless))

    for url, refusal in zip(judged + hopeless, refusals, strict=True):
        kind, words = tries[url]
        assert type(refusal) is kind
        assert words in str(refusal)
        assert "guessed" not in str(refusal)
        assert PASSWORD not in str(refusal)
        assert "\n" not in str(refusal)
