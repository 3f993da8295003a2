"""A real etcd 2 behind TLS, client certificates and a password; our engine behind a socket."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import urllib.request
from pathlib import Path

import pytest

from storage.errors import StoreError, StoreOpenError, StoreUnavailableError
from storage.remote.etcd2 import link
from storage.remote.etcd2.store import RemoteStore
from storage.remote.url import parse_url
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.etcd_probe import EtcdTls
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.serve.certificates import make_certificates

PASSWORD = "s3cret/with:@signs"


@pytest.fixture
def tls(tmp_path: Path) -> EtcdTls:
    made = make_certificates(tmp_path)
    return EtcdTls(made.ca.cert, *made.server, *made.client)


@pytest.fixture
def etcd(tls: EtcdTls, start_etcd: StartEtcd) -> EtcdCluster:  # noqa: F811
    """A member that demands certificates, and a password of who writes."""
    cluster = start_etcd(EtcdOptions(tls=tls, enable_v2=True))
    context = ssl.create_default_context(cafile=str(tls.ca_file))
    assert tls.client_cert_file is not None
    context.load_cert_chain(tls.client_cert_file, tls.client_key_file)
    login = base64.b64encode(f"root:{PASSWORD}".encode()).decode()

    def put(path: str, body: dict[str, object]) -> None:
        request = urllib.request.Request(
            f"https://{cluster.endpoints[0]}/v2/auth/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Basic {login}"},
            method="PUT",
        )
        urllib.request.urlopen(request, context=context).close()

    put("users/root", {"user": "root", "password": PASSWORD, "roles": ["root"]})
    put("enable", {})
    guest = {"kv": {"read": ["/*"], "write": ["/*"]}}
    put("roles/guest", {"role": "guest", "revoke": guest})
    return cluster


def address(etcd: EtcdCluster, tls: EtcdTls, password: Path) -> str:
    files = f"cacert={tls.ca_file}&cert={tls.client_cert_file}&key={tls.client_key_file}"
    return f"etcd2://root@{etcd.endpoints[0]}?{files}&password-file={password}"


async def opened(url: str) -> None:
    async with RemoteStore(parse_url(url)):
        pass


@pytest.mark.slow
def test_store_gets_in_with_certificate_and_password_or_is_kept_out_with_a_reason(
    etcd: EtcdCluster, tls: EtcdTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CALL_S", 2.0)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(PASSWORD + "\n", "utf-8")
    wrong.write_text("guessed\n", "utf-8")
    where = etcd.endpoints[0]
    tries: dict[str, tuple[type[StoreError], str]] = {
        address(etcd, tls, wrong): (StoreOpenError, "authentication"),
        f"etcd2://root@{where}?cacert={tls.ca_file}&password-file={right}": (
            StoreUnavailableError,
            "cannot reach",
        ),
        f"etcd2://root@{where}?password-file={right}": (StoreUnavailableError, "cannot reach"),
    }

    async def story() -> list[BaseException | None]:
        async with RemoteStore(parse_url(address(etcd, tls, right))) as store:
            recorder = Recorder(store.current_revision())
            store.watch(b"/", recorder, after=recorder.revision)
            made = await store.create(b"/a", b"one")
            await store.update(b"/a", b"two", expected=made)
            assert [change.value for change in recorder.changes] == [b"one", b"two"]
        return await asyncio.gather(*map(opened, tries), return_exceptions=True)

    refusals = asyncio.run(story())

    for refusal, (kind, words) in zip(refusals, tries.values(), strict=True):
        assert type(refusal) is kind
        assert words in str(refusal)
        assert "guessed" not in str(refusal)
        assert PASSWORD not in str(refusal)
        assert "\n" not in str(refusal)
