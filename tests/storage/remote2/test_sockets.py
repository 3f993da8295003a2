"""Our served etcd 2 by Unix socket and by TCP, plain and by TLS, as a remote store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from storage.errors import ConflictError, StoreOpenError, StoreUnavailableError
from storage.remote.etcd2 import link
from storage.remote.etcd2.store import RemoteStore
from storage.remote.url import parse_url
from storage.serve.etcd3.tls import TlsFiles
from tests.storage.recorder import Recorder
from tests.storage.serve.certificates import Certificates, make_certificates
from tests.storage.serve2.served import Served, served
from tests.storage.serve2.wire import Wire, request

TCP: Final = "127.0.0.1:0"
JSON: Final = "Content-Type: application/json"


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """Make certificates of a server and a client."""
    return make_certificates(tmp_path)


def url_of(target: str, login: str = "", *options: str) -> str:
    """Return a store's address at what a server is bound to."""
    path = target.removeprefix("unix:")
    scheme = "etcd2" if path == target else "etcd2+unix"
    return f"{scheme}://{login}{path}" + ("?" + "&".join(options) if options else "")


async def story(url: str) -> None:
    """Write, read, watch, and read again as somebody else."""
    async with RemoteStore(parse_url(url)) as store:
        recorder = Recorder(store.current_revision())
        store.watch(b"/", recorder, after=recorder.revision)
        values = [b"%d" % number for number in range(40)]
        revisions = await asyncio.gather(*[store.create(b"/a/" + v, v) for v in values])
        with pytest.raises(ConflictError):
            await store.update(b"/a/0", b"two", expected=max(revisions))
        await store.delete(b"/a/0", expected=revisions[0])
        assert sorted(change.value or b"" for change in recorder.changes) == sorted([b"", *values])
        async with RemoteStore(parse_url(url)) as other:
            listing = await other.list(b"/a/")
            assert [item.value for item in listing.items] == sorted(values[1:])


@pytest.mark.slow
def test_store_by_unix_socket(tmp_path: Path) -> None:
    with served(f"unix:{tmp_path / 'socket'}") as ours:
        asyncio.run(story(url_of(ours.listener.target)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_store_by_tls_with_a_client_certificate(
    kind: str, tmp_path: Path, made: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"unix:{tmp_path / 'socket'}" if kind == "unix" else TCP
    ca = f"cacert={made.ca.cert}"
    client = f"cert={made.client.cert}", f"key={made.client.key}"
    tls = TlsFiles(made.server.cert, made.server.key, made.ca.cert, client_cert_auth=True)

    async def kept_out(url: str) -> None:
        with pytest.raises(StoreUnavailableError) as caught:
            async with RemoteStore(parse_url(url)):
                pass
        assert "cannot reach" in str(caught.value)
        assert "\n" not in str(caught.value)

    with served(target, tls=tls) as ours:
        where = ours.listener.target
        asyncio.run(story(url_of(where, "", ca, *client)))
        monkeypatch.setattr(link, "CALL_S", 0.5)
        asyncio.run(kept_out(url_of(where, "", ca)))
        asyncio.run(kept_out(url_of(where)))


@pytest.mark.slow
def test_store_by_unix_socket_with_a_login(tmp_path: Path) -> None:
    with served(f"unix:{tmp_path / 'socket'}") as ours:
        wire = Wire(ours.endpoint)
        body = b'{"user":"root","password":"se/cr@et"}'
        assert wire.ask(request("PUT", "/v2/auth/users/root", body, JSON)).code == 201
        assert wire.ask(request("PUT", "/v2/auth/enable", b"")).code == 200
        nothing = b'{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}'
        root = "Authorization: Basic cm9vdDpzZS9jckBldA=="
        assert wire.ask(request("PUT", "/v2/auth/roles/guest", nothing, JSON, root)).code == 200
        wire.close()

        where = ours.listener.target
        asyncio.run(story(url_of(where, "root:se%2Fcr%40et@")))
        for login in ("", "root:guessed@"):
            with pytest.raises(StoreOpenError, match="authentication") as caught:
                asyncio.run(story(url_of(where, login)))
            assert "guessed" not in str(caught.value)


@pytest.mark.slow
def test_store_goes_on_where_the_socket_is_served_again(tmp_path: Path) -> None:
    target, data = f"unix:{tmp_path / 'socket'}", tmp_path / "data"
    recorder = Recorder()

    async def outlive() -> None:
        first = served(target, data_dir=data)
        await asyncio.to_thread(first.__enter__)
        async with RemoteStore(parse_url(url_of(target))) as store:
            recorder.revision = store.current_revision()
            store.watch(b"/", recorder, after=recorder.revision)
            made = await store.create(b"/a", b"one")
            await asyncio.to_thread(first.__exit__, None, None, None)
            writing = asyncio.ensure_future(store.update(b"/a", b"two", expected=made, ttl_s=9))
            again = served(target, data_dir=data)
            ours: Served = await asyncio.to_thread(again.__enter__)
            try:
                await writing
                assert [change.value for change in recorder.changes] == [b"one", b"two"]
                assert ours.listener.connections > 0
            finally:
                await asyncio.to_thread(again.__exit__, None, None, None)

    asyncio.run(outlive())


def test_socket_that_is_not_there_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CALL_S", 0.05)
    url = url_of(f"unix:{tmp_path / 'socket'}")

    async def opened() -> None:
        async with RemoteStore(parse_url(url)):
            pass

    with pytest.raises(StoreUnavailableError, match="cannot reach") as caught:
        asyncio.run(opened())
    assert url in str(caught.value)
