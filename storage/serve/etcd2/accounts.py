"""Users and roles of etcd 2, kept where etcd keeps them: as JSON in the store, below ``/2``.

Whether access is checked at all is known without a look into the store: nobody else writes there.
A real etcd that is started on the data directory knows the accounts, and ours those of a real one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from storage.errors import StoreError
from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.interface import KeysApi
from storage.etcd2.model import Method, Request
from storage.serve.etcd2.passwords import Passwords
from storage.serve.etcd2.roles import (
    EVERYTHING,
    GUEST,
    ROOT,
    ROOT_ROLE,
    AuthError,
    Grants,
    Role,
    User,
)

PLACE: Final = "/2"
ENABLED: Final = f"{PLACE}/enabled"


class Accounts:
    """Users, roles, and who may do what."""

    def __init__(self, store: KeysApi) -> None:
        """``store`` is open."""
        self._store = store
        self._prepared = False
        self._passwords = Passwords()
        self.enabled = self._value(ENABLED) == "true"
        """Whether access is checked."""

    def user(self, name: str) -> User:
        """Return a user. Raises AuthError."""
        value = self._value(f"{PLACE}/users/{name}")
        if value is None:
            raise AuthError(404, f"User {name} does not exist.")
        told = orjson.loads(value)
        roles = None if told["roles"] is None else tuple(told["roles"])
        if name == ROOT and ROOT not in (roles or ()):
            roles = (*(roles or ()), ROOT)
        return User(name, told["password"], roles)

    def users(self) -> list[User]:
        """Return all users, by name."""
        return [self.user(name) for name in self._names("users")]

    def role(self, name: str) -> Role:
        """Return a role. Raises AuthError."""
        if name == ROOT:
            return ROOT_ROLE
        value = self._value(f"{PLACE}/roles/{name}")
        if value is None:
            raise AuthError(404, f"Role {name} does not exist.")
        kv = orjson.loads(value)["permissions"]["kv"]
        return Role(name, Grants(_tuple(kv["read"]), _tuple(kv["write"])))

    def roles(self) -> list[Role]:
        """Return all roles, by name."""
        return [self.role(name) for name in sorted([ROOT, *self._names("roles")])]

    async def create_user(self, user: User, password: str) -> User:
        """Make a user. Raises AuthError."""
        if user.name == ROOT and ROOT not in (user.roles or ()):
            user = user._replace(roles=(*(user.roles or ()), ROOT))
        if not password:
            raise AuthError(400, f"Cannot create user {user.name} with an empty password")
        user = user._replace(secret=await self._passwords.hash(password))
        taken = AuthError(409, f"User {user.name} already exists.")
        await self._put(f"users/{user.name}", user.stored(), exists=False, refusal=taken)
        return user

    async def update_user(
        self, name: str, password: str, grant: tuple[str, ...], revoke: tuple[str, ...]
    ) -> User:
        """Change a user. Raises AuthError."""
        secret = await self._passwords.hash(password) if password else ""
        old = self.user(name)  # from here on nobody else comes between
        roles = list(dict.fromkeys(old.roles or ()))
        for role in grant:
            if role in roles:
                raise AuthError(409, f"Granting duplicate role {role} for user {name}")
            roles.append(role)
        for role in revoke:
            if role not in roles:
                raise AuthError(409, f"Revoking ungranted role {role} for user {name}")
            roles.remove(role)
        new = User(name, secret or old.secret, tuple(sorted(roles)))
        if new == old:
            text = "User not updated. Use grant/revoke/password to update the user."
            raise AuthError(400, text)
        await self._put(f"users/{name}", new.stored(), exists=True)
        return new

    async def delete_user(self, name: str) -> None:
        """Remove a user. Raises AuthError."""
        if self.enabled and name == ROOT:
            raise AuthError(403, "Cannot delete root user while auth is enabled.")
        await self._delete(f"users/{name}", AuthError(404, f"User {name} does not exist"))

    async def create_role(self, role: Role) -> None:
        """Make a role. Raises AuthError."""
        _check_not_root(role.name)
        taken = AuthError(409, f"Role {role.name} already exists.")
        await self._put(f"roles/{role.name}", role.shown(), exists=False, refusal=taken)

    async def update_role(self, name: str, grant: Grants | None, revoke: Grants | None) -> Role:
        """Change a role. Raises AuthError."""
        _check_not_root(name)
        old = self.role(name)
        grants = old.grants if grant is None else old.grants.with_more(grant)
        new = Role(name, grants if revoke is None else grants.without(revoke))
        if new == old:
            raise AuthError(400, "Role not updated. Use grant/revoke to update the role.")
        await self._put(f"roles/{name}", new.shown(), exists=True)
        return new

    async def delete_role(self, name: str) -> None:
        """Remove a role. Raises AuthError."""
        _check_not_root(name)
        await self._delete(f"roles/{name}", AuthError(404, f"Role {name} doesn't exist."))

    async def enable(self) -> None:
        """Check access from now on. Raises AuthError."""
        if self.enabled:
            raise AuthError(409, "already enabled")
        if self._value(f"{PLACE}/users/{ROOT}") is None:
            raise AuthError(409, "No root user available, please create one")
        if self._value(f"{PLACE}/roles/{GUEST}") is None:
            await self.create_role(Role(GUEST, EVERYTHING))
        await self._put("enabled", value=True, exists=True)
        self.enabled = True

    async def disable(self) -> None:
        """Check access no longer. Raises AuthError."""
        if not self.enabled:
            raise AuthError(409, "already disabled")
        await self._put("enabled", value=False, exists=True)
        self.enabled = False

    def judged(self, name: str, password: str) -> bool:
        """Tell whether it is known at once if that is a user and the password."""
        try:
            return self._passwords.told(password, self.user(name).secret) is not None
        except AuthError:
            return True

    async def judge(self, name: str, password: str, wanted: Callable[[], bool]) -> None:
        """Find out whether that is a user's password, unless it is not ``wanted`` any more."""
        try:
            secret = self.user(name).secret
        except AuthError:
            return
        await self._passwords.judge(password, secret, wanted)

    def roles_of(self, name: str, password: str) -> list[Role] | None:
        """Return the roles of a user whose password that is known to be; None: it is not."""
        try:
            user = self.user(name)
        except AuthError:
            return None
        if not self._passwords.told(password, user.secret):
            return None
        return self.known_roles(user.roles or ())

    def known_roles(self, names: tuple[str, ...]) -> list[Role]:
        """Return those roles that there are."""
        found = []
        for name in names:
            try:
                found.append(self.role(name))
            except AuthError:
                continue
        return found

    def _value(self, path: str) -> str | None:
        try:
            return self._store.get(path).node.value
        except Etcd2Error:
            return None

    def _names(self, kind: str) -> list[str]:
        try:
            nodes = self._store.get(f"{PLACE}/{kind}").node.nodes or ()
        except Etcd2Error:
            return []
        return sorted(node.key.rpartition("/")[2] for node in nodes)

    async def _put(
        self, name: str, value: object, *, exists: bool, refusal: AuthError | None = None
    ) -> None:
        await self._prepare()
        text = orjson.dumps(value).decode()
        request = Request(Method.PUT, f"{PLACE}/{name}", text, prev_exist=exists)
        await self._do(request, Code.NODE_EXIST, refusal)

    async def _delete(self, name: str, refusal: AuthError) -> None:
        await self._prepare()
        request = Request(Method.DELETE, f"{PLACE}/{name}", prev_exist=True)
        await self._do(request, Code.KEY_NOT_FOUND, refusal)

    async def _prepare(self) -> None:
        """Make the directories, once, before anything is written: each is a change of its own."""
        if self._prepared:
            return
        for path in (PLACE, f"{PLACE}/users", f"{PLACE}/roles"):
            await self._do(Request(Method.PUT, path, dir=True, prev_exist=False), Code.NODE_EXIST)
        request = Request(Method.PUT, ENABLED, "false", prev_exist=False)
        await self._do(request, Code.NODE_EXIST)
        self._prepared = True

    async def _do(self, request: Request, code: Code, refusal: AuthError | None = None) -> None:
        """Write; a refusal with ``code`` is told as another, or is none."""
        try:
            await self._store.do(request)
        except Etcd2Error as error:
            if error.code != code:
                raise AuthError(500, str(error)) from error
            if refusal is not None:
                raise refusal from error
        except StoreError as error:
            raise AuthError(500, str(error)) from error


def _check_not_root(name: str) -> None:
    if name == ROOT:
        raise AuthError(403, f"Cannot modify role {name}: is root role.")


def _tuple(patterns: list[str] | None) -> tuple[str, ...] | None:
    return None if patterns is None else tuple(patterns)
