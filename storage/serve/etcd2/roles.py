"""Users and roles of etcd 2 as records: what a role allows, and how both look as JSON."""

from __future__ import annotations

from typing import Final, NamedTuple

ROOT: Final = "root"
GUEST: Final = "guest"
"""The role of whoever does not say who it is."""


class AuthError(Exception):
    """What an account's change is refused with; the message is etcd's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"auth: {message}")
        self.status = status


class Grants(NamedTuple):
    """Patterns of keys that may be read, and written; None: never said."""

    read: tuple[str, ...] | None = None
    write: tuple[str, ...] | None = None

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        return not (self.read or self.write)

    def shown(self) -> dict[str, object]:
        """Return what JSON says."""
        return {"kv": {"read": self.read, "write": self.write}}

    def with_more(self, more: Grants) -> Grants:
        """Return both. Raises AuthError for what is there already."""
        for kind, mine, theirs in (
            ("read", self.read, more.read),
            ("write", self.write, more.write),
        ):
            had = set(mine or ())
            for pattern in theirs or ():
                if pattern in had:
                    raise AuthError(409, f"Granting duplicate {kind} permission {pattern}")
                had.add(pattern)
        return Grants(_joined(self.read, more.read), _joined(self.write, more.write))

    def without(self, less: Grants) -> Grants:
        """Return these without others."""
        return Grants(_left(self.read, less.read), _left(self.write, less.write))


class Role(NamedTuple):
    """What whoever has it may do."""

    name: str
    grants: Grants

    def shown(self) -> dict[str, object]:
        """Return what JSON says."""
        return {"role": self.name, "permissions": self.grants.shown()}

    def allows(self, key: str, *, write: bool, recursive: bool) -> bool:
        """Tell whether it lets a request on a key through."""
        if self.name == ROOT:
            return True
        patterns = (self.grants.write if write else self.grants.read) or ()
        for pattern in patterns:
            if pattern.endswith("*"):
                if key.startswith(pattern[:-1]):
                    return True
            elif not recursive and key == pattern:
                return True
        return False


class User(NamedTuple):
    """Somebody with a password."""

    name: str
    secret: str
    """The password's hash."""
    roles: tuple[str, ...] | None

    def stored(self) -> dict[str, object]:
        """Return what JSON says in the store."""
        return {"user": self.name, "password": self.secret, "roles": self.roles}

    def shown(self) -> dict[str, object]:
        """Return what JSON says to clients."""
        return {"user": self.name, "roles": self.roles}


EVERYTHING: Final = Grants(("/*",), ("/*",))
ROOT_ROLE: Final = Role(ROOT, EVERYTHING)


def _joined(mine: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(sorted({*(mine or ()), *(theirs or ())}))


def _left(mine: tuple[str, ...] | None, theirs: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(sorted(set(mine or ()) - set(theirs or ())))
