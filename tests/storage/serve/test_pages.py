"""What a member says over plain HTTP on its client port."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from serialization.api.etcd.rpc_pb2 import NOSPACE, AlarmRequest, AlarmResponse
from storage.serve.etcd3.serving import VERSION
from tests.storage.serve.etcdctl import Etcdctl, served_process
from tests.storage.serve.served import PATIENCE_S, served


async def get(target: str, path: str) -> tuple[str, str]:
    """Return the status line and the body of a page."""
    host, _, port = target.rpartition(":")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        writer.write_eof()
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
    return head.partition("\r\n")[0], body


def test_health_version_and_metrics_are_told() -> None:
    async def session() -> None:
        async with served() as etcd:
            await etcd.put(b"a", b"12345")
            well = await get(etcd.target, "/health")
            assert well == ("HTTP/1.1 200 OK", '{"health":"true","reason":""}')
            version = json.loads((await get(etcd.target, "/version"))[1])
            assert version == {"etcdserver": VERSION, "etcdcluster": "3.6.0"}
            lines = (await get(etcd.target, "/metrics"))[1].splitlines()
            told = dict(line.rsplit(" ", 1) for line in lines)
            assert told["etcd_debugging_mvcc_keys_total"] == "1"
            assert told["etcd_debugging_mvcc_current_revision"] == "2"
            assert told["etcd_mvcc_db_total_size_in_use_in_bytes"] == "6"
            assert int(told["process_resident_memory_bytes"]) > 1 << 20
            assert (await get(etcd.target, "/v2/keys"))[0] == "HTTP/1.1 404 Not Found"

    asyncio.run(session())


def test_an_alarm_is_bad_health() -> None:
    async def session() -> None:
        async with served() as etcd:
            raised = AlarmRequest(action=AlarmRequest.ACTIVATE, alarm=NOSPACE)
            await etcd.call("Maintenance/Alarm", raised, AlarmResponse)
            status, body = await get(etcd.target, "/health")
            assert status == "HTTP/1.1 503 Service Unavailable"
            assert json.loads(body)["health"] == "false"

    asyncio.run(session())


@pytest.mark.slow
def test_etcdctl_measures_how_memory_grows(tmp_path: Path) -> None:
    with served_process(tmp_path) as process:
        done = Etcdctl(process.url.removeprefix("http://"))("check", "datascale", "--load=s")

    assert done.code == 0
    assert "PASS: Approximate system memory used" in done.out
