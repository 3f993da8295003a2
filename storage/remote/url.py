"""Where a remote store is and how one gets in: ``--store etcd3://...``, read in one place.

    etcd3://[user[:password]@]host:port[,host:port...][?option=value&...]
    etcd3+unix:///path/to/socket[?option=value&...]

and the same with ``etcd2``. Options: ``cacert=FILE``, ``cert=FILE``, ``key=FILE`` (TLS, if any of
them is given; ``cert`` and ``key`` go together), ``password-file=FILE`` (its first line),
``prefix=/under/here`` (of etcd 3: all keys begin with it, as it is: ``/under/here2`` is no key
space beside it; of etcd 2: the directory that they stand in). Of etcd 3 only: ``batch=on|off``,
``client=http2|grpc`` (what carries the calls: our own client, or ``grpc.aio`` to compare with). A
user or a password with ``@``, ``:``, ``/``, ``?`` or ``%`` in it is written with per cent escapes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from storage.errors import StoreOpenError

ETCD2: Final = "etcd2"
ETCD3: Final = "etcd3"
UNIX: Final = "+unix"
"""What a scheme ends with where a socket follows."""
OPTIONS: Final = {
    ETCD2: ("cacert", "cert", "key", "password-file", "prefix"),
    ETCD3: ("batch", "cacert", "cert", "client", "key", "password-file", "prefix"),
}
"""By kind of store."""
CLIENTS: Final = ("http2", "grpc")
"""The first is meant where none is named."""


class StoreUrlError(StoreOpenError):
    """A store's address cannot be understood; the message fits on a line, without passwords."""


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A remote store's address. ``str`` and ``repr`` never show the password."""

    targets: tuple[str, ...]
    """As gRPC names them: ``host:port`` or ``unix:/path``."""
    user: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    cacert: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    prefix: str = ""
    kind: str = ETCD3
    """The generation of its protocol: ``etcd2`` or ``etcd3``."""
    batch: bool = False
    client: str = CLIENTS[0]

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.cacert is not None or self.cert is not None

    @property
    def redacted(self) -> str:
        """The address as it may stand in results and logs."""
        unix = self.targets[0].startswith("unix:")
        scheme = self.kind + UNIX if unix else self.kind
        login = f"{quote(self.user, safe='')}@" if self.user else ""
        where = self.targets[0].removeprefix("unix:") if unix else ",".join(self.targets)
        given = {
            "cacert": self.cacert,
            "cert": self.cert,
            "key": self.key,
            "password-file": self.password_file,
            "prefix": self.prefix,
            "batch": "on" if self.batch else "",
            "client": "" if self.client == CLIENTS[0] else self.client,
        }
        options = "&".join(f"{name}={value}" for name, value in given.items() if value)
        return f"{scheme}://{login}{where}" + (f"?{options}" if options else "")

    def __str__(self) -> str:
        return self.redacted

    def secret(self) -> str:
        """Return the password, from its file if it has one. Raises StoreUrlError."""
        if self.password_file is None:
            return self.password
        try:
            lines = self.password_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreUrlError(f"cannot read the password file: {error}") from error
        return lines[0] if lines else ""


def is_remote(name: str) -> bool:
    """Tell whether a ``--store`` value is an address, not a name."""
    return "://" in name


def parse_url(text: str) -> RemoteUrl:
    """Understand a store's address. Raises StoreUrlError."""
    scheme, _, rest = text.partition("://")
    kind = scheme.removesuffix(UNIX)
    if kind not in OPTIONS:
        known = ", ".join(f"{each}://host:port,…" for each in reversed(OPTIONS))
        raise StoreUrlError(f"unknown kind of store {scheme}://; known are {known}")
    place, _, query = rest.partition("?")
    options = _options(kind, query)
    login, at, where = place.rpartition("@")
    user, _, password = login.partition(":")
    if at and not user:
        raise StoreUrlError("a store's address has an empty user name before the @")
    targets = _unix_target(scheme, where) if scheme.endswith(UNIX) else _targets(where)
    return _checked(
        RemoteUrl(
            targets,
            user=unquote(user),
            password=unquote(password),
            password_file=_path(options, "password-file"),
            cacert=_path(options, "cacert"),
            cert=_path(options, "cert"),
            key=_path(options, "key"),
            prefix=options.get("prefix", ""),
            kind=kind,
            batch=_switch(options, "batch"),
            client=options.get("client", CLIENTS[0]),
        )
    )


def _checked(url: RemoteUrl) -> RemoteUrl:
    if (url.cert is None) != (url.key is None):
        raise StoreUrlError("a store's address needs both cert= and key=, or neither")
    if url.password_file is not None and (url.password or not url.user):
        raise StoreUrlError("password-file= goes with a user and without a password")
    if url.user and not url.password and url.password_file is None:
        raise StoreUrlError(f"a store's address names the user {url.user}, but no password")
    if url.client not in CLIENTS:
        known = " or ".join(CLIENTS)
        raise StoreUrlError(f"client= of a store's address is {known}, not {url.client}")
    if url.prefix and not url.prefix.startswith("/"):
        raise StoreUrlError("prefix= of a store's address begins with a slash")
    return url


def _options(kind: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise StoreUrlError("the options of a store's address are name=value&…") from None
    options: dict[str, str] = {}
    for name, value in pairs:
        if name not in OPTIONS[kind]:
            known = ", ".join(OPTIONS[kind])
            raise StoreUrlError(f"a store's address has no option {name}; known are {known}")
        if name in options:
            raise StoreUrlError(f"a store's address has the option {name} twice")
        if not value:
            raise StoreUrlError(f"the option {name} of a store's address is empty")
        options[name] = value
    return options


def _path(options: dict[str, str], name: str) -> Path | None:
    return Path(options[name]) if name in options else None


def _switch(options: dict[str, str], name: str) -> bool:
    value = options.get(name, "off")
    if value not in ("on", "off"):
        raise StoreUrlError(f"the option {name} of a store's address is on or off, not {value}")
    return value == "on"


def _targets(where: str) -> tuple[str, ...]:
    found = tuple(_target(part) for part in where.split(","))
    if len(set(found)) < len(found):
        raise StoreUrlError("a store's address names an endpoint twice")
    return found


def _target(part: str) -> str:
    try:
        pieces = urlsplit(f"//{part}")
        host, port = pieces.hostname, pieces.port
    except ValueError:
        host = port = None
    if (
        not host
        or port is None
        or f"{host}:{port}" != part.lower().replace("[", "").replace("]", "")
    ):
        raise StoreUrlError(f"a store's address has host:port,…, not {part.rpartition('@')[2]!r}")
    return part


def _unix_target(scheme: str, where: str) -> tuple[str, ...]:
    path = unquote(where)
    if not path.startswith("/"):
        raise StoreUrlError(f"{scheme}:// is followed by an absolute path")
    return (f"unix:{path}",)
