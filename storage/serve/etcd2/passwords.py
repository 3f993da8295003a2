"""Passwords of accounts: kept as a real etcd keeps them (bcrypt), and hashed off the loop.

A hash takes some 60 ms of a core, on purpose, and a real etcd takes them at every request with a
login. Here it is remembered which password belongs to a hash, and which does not: of the last few
hundred, by a digest that only this process can make. Nothing of it outlives the process, and an
account with another password has another hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final

import bcrypt

COST: Final = 10
"""2 to this power rounds: etcd's own."""
KIND: Final = b"2a"
"""What etcd calls it, too; so accounts move with the data, both ways."""
BYTES_MAX: Final = 72
"""Of a password that count: the rest is left out, as by etcd."""
AT_ONCE_MAX: Final = 2
"""How many are hashed at once, each in a thread; others wait for their turn."""
REMEMBERED_MAX: Final = 256
"""Of each kind, so that who guesses makes nobody forgotten who knows."""
EARLIER: Final = "pbkdf2-sha256-"
"""How hashes begin that were made here before: they still hold, but not at a real etcd."""


class Passwords:
    """Makes hashes and judges passwords."""

    def __init__(self) -> None:
        self._pepper = secrets.token_bytes(32)
        self._room = asyncio.Semaphore(AT_ONCE_MAX)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}

    async def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        async with self._room:
            return await asyncio.to_thread(hashed, password)

    def told(self, password: str, secret: str) -> bool | None:
        """Tell whether a password belongs to a hash, if that is remembered."""
        given = self._digest(password, secret)
        if given in self._right:
            self._right[given] = self._right.pop(given)  # used last
            return True
        return False if given in self._wrong else None

    async def judge(self, password: str, secret: str, wanted: Callable[[], bool]) -> None:
        """Have ``told`` know it, unless it is not ``wanted`` any more when its turn has come."""
        async with self._room:
            if not wanted() or self.told(password, secret) is not None:
                return
            right = await asyncio.to_thread(matches, password, secret)
        known = self._right if right else self._wrong
        known[self._digest(password, secret)] = None
        if len(known) > REMEMBERED_MAX:
            del known[next(iter(known))]

    def _digest(self, password: str, secret: str) -> bytes:
        given = f"{secret}\0{password}".encode()
        return hashlib.blake2b(given, key=self._pepper, digest_size=32).digest()


def hashed(password: str) -> str:
    """Return what is kept of a password; for a thread."""
    salt = bcrypt.gensalt(COST, prefix=KIND)
    return bcrypt.hashpw(password.encode()[:BYTES_MAX], salt).decode()


def matches(password: str, secret: str) -> bool:
    """Tell whether that is what was kept of a password; for a thread."""
    if secret.startswith(EARLIER):
        return _matches_earlier(password, secret)
    try:
        return bcrypt.checkpw(password.encode()[:BYTES_MAX], secret.encode())
    except ValueError:  # it is no hash
        return False


def _matches_earlier(password: str, secret: str) -> bool:
    rounds, _, rest = secret.removeprefix(EARLIER).partition("$")
    salt, _, digest = rest.partition("$")
    try:
        found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(rounds))
    except (ValueError, OverflowError):
        return False
    return hmac.compare_digest(found.hex().encode(), digest.encode())
