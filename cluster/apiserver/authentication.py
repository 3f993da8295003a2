"""Who is asking: the seam where requests are let in. Bearer tokens, or everybody."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final, Protocol

from cluster.apiserver.asgi import Scope
from cluster.apiserver.errors import unauthorized
from cluster.apiserver.health import ROOTS

SCHEME: Final = b"bearer "


class Authenticator(Protocol):
    """Lets requests in, or does not."""

    def check(self, scope: Scope) -> None:
        """Return for a request that may pass. Raises StatusError 401."""
        ...


class Everybody:
    """Lets every request in: whoever reaches the port may do anything (it is on loopback)."""

    def check(self, scope: Scope) -> None:
        return


class BearerTokens:
    """Lets in who shows one of the tokens; health is for everybody."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = tuple(token.encode() for token in tokens)

    def check(self, scope: Scope) -> None:
        path = scope["path"]
        if not path.startswith("/api") and not ROOTS.isdisjoint(path.split("/", 2)[1:2]):
            return
        token = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                if value[: len(SCHEME)].lower() == SCHEME:
                    token = value[len(SCHEME) :].strip()
                break
        # Every token is compared, in constant time: how long it takes tells nothing.
        found = False
        for known in self._tokens:
            found |= hmac.compare_digest(token, known)
        if not found:
            raise unauthorized()
