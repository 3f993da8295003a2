"""``/v2/auth``, and the question whether a request may pass."""

from __future__ import annotations

import asyncio
import base64
import binascii
import posixpath
from collections.abc import Callable, Coroutine
from typing import Final

import orjson

from storage.serve.etcd2.accounts import Accounts
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.go_json import JsonError, read_record
from storage.serve.etcd2.heads import JSON, Heads
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.pages import Page
from storage.serve.etcd2.roles import GUEST, ROOT, AuthError, Grants, Role, User

PREFIX: Final = "/v2/auth"
METHODS: Final = ("GET", "PUT", "DELETE")
NO_ACCESS: Final = "Insufficient credentials"
Told = tuple[int, object]
"""A status, and what JSON says; None: nothing."""


class RequestError(Exception):
    """A request that makes no sense."""


class Auth:
    """Accounts over HTTP."""

    def __init__(self, accounts: Accounts, heads: Heads) -> None:
        self._accounts = accounts
        self._heads = heads
        self._under_way: set[asyncio.Task[None]] = set()
        """Changes, and passwords that are being judged: no more than there are connections."""

    def pages(self) -> dict[str, Page]:
        """Return them by path."""
        one = Page((), self._serve_one)
        return {
            f"{PREFIX}/enable": Page(METHODS, self._serve_enable),
            f"{PREFIX}/users": Page(("GET",), self._serve_all),
            f"{PREFIX}/roles": Page(("GET",), self._serve_all),
            f"{PREFIX}/users/": one,
            f"{PREFIX}/roles/": one,
        }

    async def settled(self) -> None:
        """Return when no change is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    @property
    def enabled(self) -> bool:
        """Whether access is checked."""
        return self._accounts.enabled

    def judged(self, heard: Heard) -> bool:
        """Tell whether it is known who asks; else it has to be found out by ``judge`` first."""
        given = _credentials(heard)
        return given is None or self._accounts.judged(*given)

    def judge(
        self, heard: Heard, connection: Connection, then: Callable[[Heard, Connection], None]
    ) -> None:
        """Find out who asks, and have the request served ``then``."""

        async def found_out() -> None:
            given = _credentials(heard)
            if given is not None:
                await self._accounts.judge(*given, lambda: not connection.gone)
            if not connection.gone:
                then(heard, connection)

        self._start(found_out())

    def lets_pass(self, heard: Heard, key: str, *, recursive: bool) -> bool:
        """Tell whether a request on a key may pass."""
        if not self._accounts.enabled:
            return True
        write = heard.method not in ("GET", "HEAD")
        if not heard.header(b"authorization"):
            guest = self._accounts.known_roles((GUEST,))
            return any(role.allows(key, write=write, recursive=False) for role in guest)
        roles = self._roles(heard) or []
        return any(role.allows(key, write=write, recursive=recursive) for role in roles)

    def lets_change(self, heard: Heard) -> bool:
        """Tell whether a request that changes the cluster may pass: root's may."""
        if not self._accounts.enabled:
            return True
        return any(role.name == ROOT for role in self._roles(heard) or ())

    def no_access(self) -> bytes:
        """Return the answer to who may not."""
        return self._heads.plain(401, orjson.dumps({"message": NO_ACCESS}), JSON)

    def _roles(self, heard: Heard) -> list[Role] | None:
        given = _credentials(heard)
        return None if given is None else self._accounts.roles_of(*given)

    def _serve_enable(self, heard: Heard, _path: str, connection: Connection) -> None:
        if heard.method == "GET":
            connection.answer(self._told(200, {"enabled": self._accounts.enabled}))
        elif not self.lets_change(heard):
            connection.answer(self.no_access())
        else:
            put = heard.method == "PUT"
            change = self._accounts.enable() if put else self._accounts.disable()
            self._change(connection, _nothing(change))

    def _serve_all(self, heard: Heard, path: str, connection: Connection) -> None:
        if not self.lets_change(heard):
            connection.answer(self.no_access())
        elif "roles" in path:
            roles = [role.shown() for role in self._accounts.roles()]
            connection.answer(self._told(200, {"roles": roles}))
        else:
            users = [self._with_roles(user) for user in self._accounts.users()]
            connection.answer(self._told(200, {"users": users or None}))

    def _serve_one(self, heard: Heard, path: str, connection: Connection) -> None:
        pieces = posixpath.normpath(path.removeprefix(PREFIX)).split("/")
        if len(pieces) == 2:
            if heard.method == "GET":
                self._serve_all(heard, path, connection)
            else:
                connection.answer(self._heads.not_allowed(("GET",)))
        elif len(pieces) != 3:
            body = orjson.dumps({"message": "Invalid path"})
            connection.answer(self._heads.plain(400, body, JSON))
        elif heard.method not in METHODS:
            connection.answer(self._heads.not_allowed(METHODS))
        elif not self.lets_change(heard):
            connection.answer(self.no_access())
        elif heard.method == "GET":
            connection.answer(self._read(pieces[1], pieces[2]))
        else:
            users = pieces[1] == "users"
            change = self._user if users else self._role
            self._change(connection, change(heard, pieces[2]))

    def _read(self, kind: str, name: str) -> bytes:
        try:
            if kind == "roles":
                return self._told(200, self._accounts.role(name).shown())
            user = self._accounts.user(name)
            for role in user.roles or ():
                self._accounts.role(role)
            return self._told(200, self._with_roles(user))
        except AuthError as error:
            return self._message(error.status, str(error))

    def _with_roles(self, user: User) -> dict[str, object]:
        roles = [role.shown() for role in self._accounts.known_roles(user.roles or ())]
        return {"user": user.name, "roles": roles} if roles else {"user": user.name}

    async def _role(self, heard: Heard, name: str) -> Told:
        if heard.method == "DELETE":
            await self._accounts.delete_role(name)
            return 200, None
        told = _body(heard, "role", "permissions", "grant", "revoke")
        grants = _grants(told.get("permissions")) or Grants()
        grant, revoke = _grants(told.get("grant")), _grants(told.get("revoke"))
        if told.get("role", "") != name:
            raise RequestError("Role JSON name does not match the name in the URL")
        if (grant is None or grant.empty) and (revoke is None or revoke.empty):
            role = Role(name, grants)
            await self._accounts.create_role(role)
            return 201, role.shown()
        if not grants.empty:
            raise RequestError("Role JSON contains both permissions and grant/revoke")
        return 200, (await self._accounts.update_role(name, grant, revoke)).shown()

    async def _user(self, heard: Heard, name: str) -> Told:
        accounts = self._accounts
        if heard.method == "DELETE":
            await accounts.delete_user(name)
            return 200, None
        told = _body(heard, "user", "password", "roles", "grant", "revoke")
        password = str(told.get("password", ""))
        roles, grant, revoke = (_names(told.get(key)) for key in ("roles", "grant", "revoke"))
        if told.get("user", "") != name:
            raise RequestError("User JSON name does not match the name in the URL")
        if grant or revoke:
            if roles:
                raise RequestError("User JSON contains both roles and grant/revoke")
            changed = await accounts.update_user(name, password, grant or (), revoke or ())
            return 200, changed.shown()
        if not roles and self._exists(name):
            return 200, (await accounts.update_user(name, password, (), ())).shown()
        made = await accounts.create_user(User(name, "", roles), password)
        return 200 if roles else 201, made.shown()

    def _exists(self, name: str) -> bool:
        try:
            self._accounts.user(name)
        except AuthError:
            return False
        return True

    def _change(self, connection: Connection, change: Coroutine[object, object, Told]) -> None:
        async def changed() -> None:
            try:
                status, told = await change
            except AuthError as error:
                payload = self._message(error.status, str(error))
            except RequestError as error:
                payload = self._message(400, str(error))
            else:
                payload = self._told(status, told)
            connection.answer(payload)

        self._start(changed())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _told(self, status: int, told: object) -> bytes:
        body = b"" if told is None else orjson.dumps(told) + b"\n"
        return self._heads.plain(status, body, JSON, self._heads.cluster)

    def _message(self, status: int, message: str) -> bytes:
        body = orjson.dumps({"message": message})
        return self._heads.plain(status, body, JSON, self._heads.cluster)


BAD_JSON: Final = "Invalid JSON in request body."


async def _nothing(change: Coroutine[object, object, None]) -> Told:
    await change
    return 200, None


def _credentials(heard: Heard) -> tuple[str, str] | None:
    """Return the name and the password that a request comes with; None: it has none."""
    kind, _, told = heard.header(b"authorization").partition(b" ")
    if kind.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(told, validate=True).partition(b":")
        return (name.decode(), password.decode()) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _body(heard: Heard, *names: str) -> dict[str, object]:
    """Return what is told; of texts and lists, only what is one. Raises RequestError."""
    try:
        told = read_record(heard.body, names, whole=False)
    except JsonError as error:
        raise RequestError(BAD_JSON) from error
    for name in ("user", "role", "password"):
        if not isinstance(told.get(name, ""), str):
            raise RequestError(BAD_JSON)
    return told


def _names(told: object) -> tuple[str, ...] | None:
    if told is None:
        return None
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise RequestError(BAD_JSON)
    return tuple(told)


def _grants(told: object) -> Grants | None:
    if told is None:
        return None
    kv = told.get("kv", {}) if isinstance(told, dict) else None
    if not isinstance(kv, dict):
        raise RequestError(BAD_JSON)
    return Grants(_names(kv.get("read")), _names(kv.get("write")))
