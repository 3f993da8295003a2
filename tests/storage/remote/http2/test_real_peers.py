"""The client against what it is for: a real etcd and our served engine, by each kind of address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from serialization.api.etcd import rpc_pb2 as rpc
from storage.clock import SystemClock
from storage.registry import STORES, StoreOptions
from storage.remote.etcd3.by_http2 import Http2Connection
from storage.remote.etcd3.failures import CLOSED, CallError
from storage.remote.etcd3.requests import judged, put
from storage.remote.etcd3.rpc import RANGE, STATUS, TXN, TlsFiles
from storage.serve.etcd3.limits import Limits
from storage.serve.etcd3.server import Address, listening
from storage.serve.etcd3.serving import Serving
from storage.serve.etcd3.tls import TlsFiles as ServedTlsFiles
from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.serve.certificates import make_certificates

MIB = 1 << 20
Story = Callable[[Http2Connection], Awaitable[None]]


async def create(connection: Http2Connection, key: bytes, value: bytes) -> rpc.TxnResponse:
    request = judged(key, 0)
    put(request, key, value, 0)
    return await connection.call(TXN, request, 10.0, ())


async def listed(connection: Http2Connection, prefix: bytes) -> list[bytes]:
    request = rpc.RangeRequest(key=prefix, range_end=prefix[:-1] + b"0")
    return [kv.value for kv in (await connection.call(RANGE, request, 10.0, ())).kvs]


async def calls_of_all_sizes(connection: Http2Connection, prefix: bytes) -> None:
    """Requests and answers beyond a frame and beyond a window, many at once, beside a watch."""
    stream = connection.watch((("hasleader", "true"),))
    wanted = rpc.WatchCreateRequest(key=prefix, range_end=prefix[:-1] + b"0", fragment=True)
    await stream.write(rpc.WatchRequest(create_request=wanted))
    assert (await stream.read()).created
    sizes = [0, 1, 16_000, 16_384, 70_000, MIB] + [100] * 100
    values = [bytes([number]) * size for number, size in enumerate(sizes)]

    keys = [prefix + b"%03d" % number for number in range(len(values))]
    made = await asyncio.gather(*map(create, [connection] * len(keys), keys, values))
    assert all(answer.succeeded for answer in made)
    assert await listed(connection, prefix) == values
    told: dict[bytes, bytes] = {}
    while len(told) < len(keys):
        told.update({event.kv.key: event.kv.value for event in (await stream.read()).events})
    assert told == dict(zip(keys, values, strict=True))
    stream.cancel()
    with pytest.raises(CallError, match="etcdserver: mvcc: required revision is a future"):
        await connection.call(RANGE, rpc.RangeRequest(key=b"a", revision=1 << 40), 10.0, ())
    request = judged(prefix + b"x", 0)
    put(request, prefix + b"x", b"", 99)
    with pytest.raises(CallError, match="requested lease not found"):
        await connection.call(TXN, request, 10.0, ())
    assert await connection.keep_alive(99, 5.0, ()) == 0


async def over(target: str, tls: TlsFiles | None, story: Story) -> None:
    connection = Http2Connection(target, tls)
    try:
        async with asyncio.timeout(20.0):
            await story(connection)
    finally:
        await connection.close()
    with pytest.raises(CallError, match=CLOSED):
        await connection.call(STATUS, rpc.StatusRequest(), 1.0, ())


async def over_served(address: Address, tls: TlsFiles | None, story: Story) -> None:
    store = STORES["memory"].make(StoreOptions())
    limits = Limits()
    async with store, listening(address, limits.request_bytes) as listener:
        await listener.serve(Serving(store, SystemClock(), limits=limits))  # type: ignore[arg-type]
        await over(listener.target, tls, story)


@pytest.mark.slow
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_calls_of_all_sizes_to_a_real_etcd(
    run: Callable[[Awaitable[None]], None],
    shared_etcd: EtcdCluster,  # noqa: F811
) -> None:
    prefix = f"/{run.__module__}/".encode()

    run(over(shared_etcd.endpoints[0], None, lambda to: calls_of_all_sizes(to, prefix)))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
@pytest.mark.slow
def test_calls_of_all_sizes_to_our_engine(
    kind: str, run: Callable[[Awaitable[None]], None], tmp_path: Path
) -> None:
    address, tls = Address("127.0.0.1:0"), None
    if kind == "unix":
        address = Address(f"unix:{tmp_path / 'socket'}")
    elif kind == "tls":
        made = make_certificates(tmp_path)
        served = ServedTlsFiles(*made.server, trusted_ca=made.ca.cert, client_cert_auth=True)
        address = Address("127.0.0.1:0", served)
        tls = TlsFiles(
            made.ca.cert.read_bytes(), made.client.cert.read_bytes(), made.client.key.read_bytes()
        )

    run(over_served(address, tls, lambda to: calls_of_all_sizes(to, b"/all/")))


@pytest.mark.slow
def test_server_of_another_name_or_nature_gets_no_call(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other").ca.cert.read_bytes()
    served = ServedTlsFiles(*made.server)
    ca = made.ca.cert.read_bytes()

    async def refused(target: str, tls: TlsFiles | None) -> str:
        connection = Http2Connection(target, tls)
        with pytest.raises(CallError) as raised:
            await connection.call(STATUS, rpc.StatusRequest(), 5.0, ())
        await connection.close()
        assert raised.value.refused
        return raised.value.details

    async def story() -> list[str]:
        async with listening(Address("127.0.0.2:0", served), MIB) as listener:
            store = STORES["memory"].make(StoreOptions())
            async with store:
                await listener.serve(Serving(store, SystemClock()))  # type: ignore[arg-type]
                port = listener.port
                return [
                    await refused(f"127.0.0.2:{port}", TlsFiles(other, None, None)),
                    await refused(f"127.0.0.2:{port}", TlsFiles(ca, None, None)),
                    await refused(f"127.0.0.2:{port}", None),
                    await refused(f"unix:{tmp_path / 'nothing'}", None),
                    await refused(f"{'x' * 64}.invalid:{port}", None),
                ]

    stranger, name, *rest = asyncio.run(story())

    assert "CERTIFICATE_VERIFY_FAILED" in stranger
    assert "mismatch" in name
    assert len(rest) == 3
    assert all("\n" not in each for each in (stranger, name, *rest))


def test_certificates_that_cannot_be_read_are_told_at_once() -> None:
    async def story() -> None:
        for files in (TlsFiles(b"nonsense", None, None), TlsFiles(None, b"no", b"pem")):
            with pytest.raises(ssl.SSLError):
                Http2Connection("127.0.0.1:1", files)

    asyncio.run(story())
