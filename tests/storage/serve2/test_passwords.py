"""Passwords: what a real etcd keeps of them, how they are judged, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
import threading
from pathlib import Path
from typing import Final

import pytest

from storage.etcd2.model import Method, Request
from storage.serve.etcd2 import passwords
from storage.serve.etcd2.passwords import (
    AT_ONCE_MAX,
    BYTES_MAX,
    REMEMBERED_MAX,
    Passwords,
    hashed,
    matches,
)
from tests.etcd_members import EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd
from tests.storage.serve2.served import served
from tests.storage.serve2.wire import Reply, Wire, request

__all__ = ["start_etcd"]

LONG: Final = "x" * BYTES_MAX
OF_A_REAL_ETCD: Final = (
    # the password that its hash was made of, the hash
    ("secret", "$2a$10$GQs0LPhvma3yqj.RMD2NHOce/H99LO5jey8STCDdGbDXbBMXLV5KW"),
    ("päß", "$2a$10$n6aAx4M2e/R3XZjFpK6jyu99A.2SqU1BKJhythr87DLo8eix5R8Ji"),
    ("a\0b", "$2a$10$Rqt0eqKK.FkBTdlNqR4ha.y2EWrbX/1iOguF86LqH7O..jrbvDqMm"),
    (LONG + "x", "$2a$10$1sJJXRnbQJsS8410ebhlzuna0VtPu2ZNXz1MOmRXDQEW.FaKpu4hS"),
)
EARLIER: Final = (  # of "secret"
    "pbkdf2-sha256-20000$00ff$58259767aaa0cecc602ef3b5a87e885daae843836e3775c80bcfb948eef3562b"
)
JSON: Final = "Content-Type: application/json"
PATIENCE_S: Final = 20.0


@pytest.mark.slow
@pytest.mark.parametrize(("password", "secret"), OF_A_REAL_ETCD)
def test_hash_of_a_real_etcd_is_known_again(password: str, secret: str) -> None:
    assert matches(password, secret)
    assert not matches(password[:-2], secret)


@pytest.mark.slow
@pytest.mark.parametrize("password", ["secret", "päß", "a\0b", LONG + "y", " "])
def test_own_hash_looks_like_etcds(password: str) -> None:
    secret = hashed(password)

    assert secret.startswith("$2a$10$")
    assert len(secret) == len(OF_A_REAL_ETCD[0][1])
    assert matches(password, secret)
    assert hashed(password) != secret


def test_account_of_the_earlier_form_is_still_let_in() -> None:
    assert matches("secret", EARLIER)
    assert not matches("Secret", EARLIER)


@pytest.mark.parametrize(
    "secret",
    ["", "secret", "$2a$10$", "$2a$10$" + "!" * 53, "pbkdf2-sha256-", "pbkdf2-sha256-x$00$00"],
)
def test_what_is_no_hash_belongs_to_no_password(secret: str) -> None:
    assert not matches("secret", secret)
    assert not matches("", secret)


class Gate:
    """Judges passwords when it is opened; the right one is ``right``."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.calls = 0
        self.inside = self.inside_most = 0
        self._lock = threading.Lock()

    def matches(self, password: str, _secret: str) -> bool:
        """As ``passwords.matches``."""
        with self._lock:
            self.calls += 1
            self.inside += 1
            self.inside_most = max(self.inside_most, self.inside)
        self.begun.release()
        assert self.opened.wait(PATIENCE_S)
        with self._lock:
            self.inside -= 1
        return password == "right"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Stand where passwords are judged."""
    gate = Gate()
    monkeypatch.setattr(passwords, "matches", gate.matches)
    return gate


def wanted() -> bool:
    return True


def test_no_more_than_so_many_are_judged_at_once_and_each_but_once(gate: Gate) -> None:
    async def ask() -> None:
        judging = Passwords()
        asked = [judging.judge(f"{n % 5}", "secret", wanted) for n in range(20)]
        asked.append(judging.judge("right", "secret", wanted))
        waiting = asyncio.gather(*asked)
        for _ in range(AT_ONCE_MAX):
            await asyncio.to_thread(gate.begun.acquire)
        gate.opened.set()
        await waiting
        assert judging.told("right", "secret") is True
        assert judging.told("right", "another secret") is None
        assert [judging.told(f"{n}", "secret") for n in range(6)] == [False] * 5 + [None]

    asyncio.run(ask())

    assert gate.inside_most <= AT_ONCE_MAX
    assert gate.calls <= 6 + AT_ONCE_MAX  # the first may be the same one


def test_what_nobody_wants_any_more_is_not_judged(gate: Gate) -> None:
    async def ask() -> None:
        await Passwords().judge("right", "secret", lambda: False)

    asyncio.run(ask())

    assert gate.calls == 0


def test_who_guesses_makes_nobody_forgotten_who_knows(gate: Gate) -> None:
    gate.opened.set()

    async def ask() -> None:
        judging = Passwords()
        await judging.judge("right", "first", wanted)
        await judging.judge("right", "used", wanted)
        for number in range(REMEMBERED_MAX + 1):
            await judging.judge(f"{number}", "used", wanted)
        assert judging.told("0", "used") is None
        assert judging.told("1", "used") is False
        for number in range(REMEMBERED_MAX - 1):
            assert judging.told("right", "used") is True
            await judging.judge("right", f"of {number}", wanted)
        assert judging.told("right", "used") is True
        assert judging.told("right", "first") is None

    asyncio.run(ask())


def login(name: str, password: str) -> str:
    """Return a header."""
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def put(key: str, *headers: str) -> bytes:
    """Return a request that sets a key."""
    return request("PUT", f"/v2/keys/{key}", b"value=v", *headers)


def account(wire: Wire, name: str, password: str, *headers: str) -> Reply:
    """Make a user, or give one another password."""
    body = f'{{"user":"{name}","password":"{password}"}}'.encode()
    return wire.ask(request("PUT", f"/v2/auth/users/{name}", body, JSON, *headers))


@pytest.mark.slow
def test_others_are_served_while_a_password_is_judged(gate: Gate) -> None:
    with served() as ours:
        wires = [Wire(ours.endpoint) for _ in range(4)]
        assert account(wires[0], "root", "right").code == 201
        assert wires[0].ask(request("PUT", "/v2/auth/enable", b"")).code == 200

        wires[1].send(put("known", login("root", "right")))
        wires[2].send(put("guessed", login("root", "wrong")) + put("after"))
        for _ in range(2):
            assert gate.begun.acquire(timeout=PATIENCE_S)
        assert wires[3].ask(put("guest")).code == 201
        assert wires[3].ask(put("nobody", login("nobody", "right"))).code == 401
        wires[3].send(put("gone", login("root", "never")))
        wires[3].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wires[3].close()  # a reset: who only ceases to send wants to be answered

        async def connections() -> int:
            return ours.listener.connections

        while ours.on_loop(connections) > 3:
            pass
        gate.opened.set()

        assert wires[1].reply().code == 201
        assert wires[2].reply().code == 401
        assert wires[2].reply().code == 201
        for _ in range(3):  # what is known is not judged again
            assert wires[1].ask(put("known", login("root", "right"))).code == 200
            assert wires[2].ask(put("known", login("root", "wrong"))).code == 401
        assert gate.calls == 2
        for wire in wires[:3]:
            wire.close()


@pytest.mark.slow
def test_another_password_holds_at_once_and_the_old_one_no_longer() -> None:
    with served() as ours:
        wire = Wire(ours.endpoint)
        account(wire, "root", "old")
        wire.ask(request("PUT", "/v2/auth/enable", b""))
        old, new = login("root", "old"), login("root", "new")
        assert wire.ask(put("a", old)).code == 201
        assert wire.ask(put("a", new)).code == 401
        assert account(wire, "root", "new", old).code == 200
        assert wire.ask(put("a", old)).code == 401
        assert wire.ask(put("a", new)).code == 200
        wire.close()


ACCOUNTS: Final = (("root", "secret"), ("u", "päß"), ("long", LONG + "and more"))


def fill(endpoint: str) -> None:
    """Make users and a role, and have access checked."""
    wire = Wire(endpoint)
    for name, password in ACCOUNTS:
        assert account(wire, name, password).code == 201
    grants = b'{"role":"r","permissions":{"kv":{"read":["/a*"],"write":["/a/b"]}}}'
    assert wire.ask(request("PUT", "/v2/auth/roles/r", grants, JSON)).code == 201
    for name in ("u", "long"):
        granted = f'{{"user":"{name}","grant":["r"]}}'.encode()
        assert wire.ask(request("PUT", f"/v2/auth/users/{name}", granted, JSON)).code == 200
    assert wire.ask(request("PUT", "/v2/auth/enable", b"")).code == 200
    nothing = b'{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}'
    root = login(*ACCOUNTS[0])
    assert wire.ask(request("PUT", "/v2/auth/roles/guest", nothing, JSON, root)).code == 200
    wire.close()


def let_in(endpoint: str) -> list[int]:
    """Return what each is answered who wants to write, one with the wrong password."""
    wire = Wire(endpoint)
    asking = ["", *(login(*each) for each in ACCOUNTS), login("u", "pass"), login("long", LONG)]
    codes = [
        wire.ask(put(key, *filter(None, (who,)))).code for key in ("b", "a/b") for who in asking
    ]
    wire.close()
    return codes


EXPECTED: Final = [401, 201, 401, 401, 401, 401, 401, 201, 200, 200, 401, 200]


@pytest.mark.slow
def test_real_etcd_on_our_directory_knows_our_accounts(
    tmp_path: Path, start_etcd: StartEtcd
) -> None:
    with served(data_dir=tmp_path / "cluster0" / "etcd-1") as ours:
        fill(ours.endpoint)
        assert let_in(ours.endpoint) == EXPECTED

    real = start_etcd(EtcdOptions(enable_v2=True)).members[0]

    assert let_in(real.endpoint) == [200 if code == 201 else code for code in EXPECTED]
    wire = Wire(real.endpoint)
    assert account(wire, "u", "new", login(*ACCOUNTS[0])).code == 200
    wire.close()


@pytest.mark.slow
def test_ours_on_the_directory_of_a_real_etcd_knows_its_accounts(
    tmp_path: Path, start_etcd: StartEtcd
) -> None:
    cluster = start_etcd(EtcdOptions(enable_v2=True, extra=("--snapshot-count", "12")))
    fill(cluster.members[0].endpoint)
    assert let_in(cluster.members[0].endpoint) == EXPECTED
    cluster.end()

    with served(data_dir=tmp_path / "cluster0" / "etcd-1") as ours:
        assert let_in(ours.endpoint) == [200 if code == 201 else code for code in EXPECTED]


@pytest.mark.slow
def test_accounts_of_the_earlier_form_get_in_and_change_with_the_next_password() -> None:
    with served() as ours:
        wire = Wire(ours.endpoint)
        assert account(wire, "root", "other").code == 201
        earlier = f'{{"user":"root","password":"{EARLIER}","roles":["root"]}}'
        ours.on_loop(lambda: ours.store.do(Request(Method.PUT, "/2/users/root", earlier)))
        wire.ask(request("PUT", "/v2/auth/enable", b""))

        assert wire.ask(put("a", login("root", "other"))).code == 401
        assert wire.ask(put("a", login("root", "secret"))).code == 201
        assert account(wire, "root", "new", login("root", "secret")).code == 200
        assert wire.ask(put("a", login("root", "new"))).code == 200
        wire.close()

        async def kept() -> str:
            return ours.store.get("/2/users/root").node.value or ""

        assert '"password":"$2a$10$' in ours.on_loop(kept)
