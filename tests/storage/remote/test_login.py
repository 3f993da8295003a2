"""Tokens that etcd has forgotten, and passwords that are wrong, under a store that runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from storage.clock import SystemClock
from storage.errors import StoreError, StoreOpenError, UnknownOutcomeError
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import CLIENTS, parse_url
from tests.etcd_members import EtcdCluster, EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.recorder import Recorder
from tests.storage.remote.test_tls_and_login import require

PASSWORD: Final = "s3cret/with:@signs"
KEY: Final = b"/registry/pods/default/web-1"
WRITERS: Final = 40


@dataclass(frozen=True)
class Guarded:
    """A member that demands a password."""

    cluster: EtcdCluster
    url: str

    def etcdctl(self, *arguments: str, login: bool = True, typed: str = "") -> None:
        """Ask it as root."""
        command = [require("etcdctl"), "--endpoints", self.cluster.endpoints[0], *arguments]
        if login:
            command += ["--user", f"root:{PASSWORD}"]
        environment = {**os.environ, "ETCDCTL_API": "3"}
        subprocess.run(
            command, check=True, capture_output=True, env=environment, input=typed.encode()
        )

    async def forget_tokens(self) -> None:
        """Let no token be valid any more."""
        await asyncio.to_thread(self.etcdctl, "auth", "disable")
        await asyncio.to_thread(self.etcdctl, "auth", "enable", login=False)

    async def restart(self) -> None:
        """End all connections."""
        member = self.cluster.members[0]
        await asyncio.to_thread(member.kill)
        await self.cluster.restart(member)


@pytest.fixture(params=CLIENTS)
def guarded(
    start_etcd: StartEtcd,  # noqa: F811
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Guarded:
    cluster = start_etcd(EtcdOptions())
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n", "utf-8")
    options = f"password-file={password}&client={request.param}"
    made = Guarded(cluster, f"etcd3://root@{cluster.endpoints[0]}?{options}")
    made.etcdctl("user", "add", f"root:{PASSWORD}", login=False)
    made.etcdctl("user", "grant-role", "root", "root", login=False)
    made.etcdctl("auth", "enable", login=False)
    return made


@pytest.fixture
def sign_ins(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each time that a link asks for a token."""
    asked: list[str] = []
    whole = Link._authenticate

    async def counted(link: Link) -> None:
        asked.append(link.endpoint)
        await whole(link)

    monkeypatch.setattr(Link, "_authenticate", counted)
    return asked


def open_store(url: str) -> RemoteStore:
    return RemoteStore(parse_url(url), SystemClock())


@pytest.mark.slow
def test_one_of_many_writers_signs_in_again(guarded: Guarded, sign_ins: list[str]) -> None:
    async def story() -> None:
        async with open_store(guarded.url) as store:
            before = await store.create(KEY, b"before")
            await guarded.forget_tokens()
            assert len(sign_ins) == 1

            keys = [KEY + b"/%d" % number for number in range(WRITERS)]
            made = await asyncio.gather(*[store.create(key, b"one") for key in keys])

            assert len(sign_ins) == 2
            assert sorted(made) == list(range(before + 1, before + 1 + WRITERS))
            assert {kv.version for kv in (await store.list(KEY)).items} == {1}
            assert len(sign_ins) == 2

    asyncio.run(story())


@pytest.mark.slow
def test_watches_go_on_after_their_token_was_forgotten(
    guarded: Guarded, sign_ins: list[str]
) -> None:
    """Nobody calls anything but the other store: the watches themselves need a new token."""

    async def story() -> None:
        async with open_store(guarded.url) as idle, open_store(guarded.url) as other:
            start = await other.create(KEY, b"before")
            recorder, late = Recorder(start), Recorder(1)
            idle.watch(KEY, recorder, after=start)
            await guarded.forget_tokens()
            await guarded.restart()
            made = await other.create(KEY + b"/1", b"after")

            await recorder.reach(made)
            idle.watch(KEY, late, after=1)
            await late.reach(made)

            assert [change.value for change in recorder.changes] == [b"after"]
            assert [change.value for change in late.changes] == [b"before", b"after"]
            assert len(sign_ins) == 4

    asyncio.run(story())


@pytest.mark.slow
def test_password_that_was_changed_is_told_and_nothing_is_written(guarded: Guarded) -> None:
    async def story() -> None:
        async with open_store(guarded.url) as store:
            before = await store.create(KEY, b"before")
            passwd = ("user", "passwd", "root", "--interactive=false")
            await asyncio.to_thread(guarded.etcdctl, *passwd, typed="another\n")

            with pytest.raises(StoreError, match="cannot sign in again") as refusal:
                await store.update(KEY, b"after", expected=before)
            assert not isinstance(refusal.value, UnknownOutcomeError)
            with pytest.raises(StoreError, match="cannot sign in again") as refusal:
                await store.get(KEY)
            assert PASSWORD not in str(refusal.value)
            again = parse_url(f"etcd3://root:another@{guarded.cluster.endpoints[0]}")
            async with RemoteStore(again, SystemClock()) as other:
                found = await other.get(KEY)
            assert found is not None
            assert (found.value, found.revision) == (b"before", before)

    asyncio.run(story())


@pytest.mark.slow
def test_store_opens_where_no_user_is_asked_for_and_not_with_a_wrong_password(
    guarded: Guarded, sign_ins: list[str]
) -> None:
    where = guarded.cluster.endpoints[0]

    async def story() -> None:
        for wrong in (f"etcd3://root:guessed@{where}", f"etcd3://nobody:guessed@{where}"):
            with pytest.raises(StoreOpenError, match="authentication failed") as refusal:
                async with open_store(wrong):
                    pass
            assert "guessed" not in str(refusal.value)
            assert "\n" not in str(refusal.value)
        with pytest.raises(StoreOpenError, match="user name is empty"):
            async with open_store(f"etcd3://{where}"):
                pass
        await asyncio.to_thread(guarded.etcdctl, "auth", "disable")
        async with open_store(guarded.url) as store:
            assert await store.create(KEY, b"one") > 1

    asyncio.run(story())
