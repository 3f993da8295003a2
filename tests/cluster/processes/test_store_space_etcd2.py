"""What is told of the keys in an etcd 2 that others run, and removing them."""

from __future__ import annotations

import asyncio
import json

import pytest

from cluster.processes import store_space_etcd2
from cluster.processes.store_space import main
from storage.registry import StoreOptions, store_entry
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import StartEtcd, one_member, start_etcd  # noqa: F401  # fixtures

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]


def count(url: str, capsys: Capture) -> int:
    assert main(["count", url]) == 0
    return int(json.loads(capsys.readouterr().out)["keys"])


def write(url: str, *keys: bytes) -> None:
    async def story() -> None:
        async with store_entry(url).make(StoreOptions()) as store:
            for key in keys:
                await store.create(key, b"{}")

    asyncio.run(story())


@pytest.mark.parametrize("prefix", ["", "/within it"])
def test_keys_are_counted_and_removed(
    one_member: EtcdCluster,  # noqa: F811
    capsys: Capture,
    prefix: str,
) -> None:
    url = one_member.v2_url + (f"?prefix={prefix}" if prefix else "")
    write(url, b"/registry/a/b", b"/registry/c", b"/elsewhere")
    write(one_member.v2_url, b"/other/registry/d")

    assert count(url, capsys) == 2
    assert main(["clear", url]) == 0
    assert count(url, capsys) == 0
    assert main(["clear", url]) == 0, "twice is as good as once"


def test_who_does_not_speak_v2_and_who_does_not_answer_is_told_in_a_line(
    start_etcd: StartEtcd,  # noqa: F811
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_space_etcd2, "FIRST_ANSWER_S_MAX", 0.5)
    cluster = start_etcd(EtcdOptions(enable_v2=False))
    url = f"etcd2://{cluster.endpoints[0]}"
    assert main(["count", url]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--enable-v2" in said
    cluster.kill()
    assert main(["count", url]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"nothing answers at {url}: ")
    assert said.count("\n") == 1
