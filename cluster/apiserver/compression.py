"""gzip for big answers, where the client takes it; nobody else pays for it.

As Kubernetes has it: from 128 KiB on, at the quickest level. Go's clients, kubectl among them, ask
for it by themselves; ours do not. Watches are never compressed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from typing import Final

from cluster.apiserver.asgi import Scope

THRESHOLD_BYTES: Final = 128 * 1024
LEVEL: Final = 1
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS

_REFUSED: Final = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")

ENCODED: Final = (
    (b"content-encoding", b"gzip"),
    (b"vary", b"Accept-Encoding"),
)
"""The headers of an answer that is compressed."""


def takes_gzip(scope: Scope) -> bool:
    """Tell whether the client of a request takes gzip."""
    return any(
        name == b"accept-encoding" and _names_gzip(value) for name, value in scope["headers"]
    )


def _names_gzip(header: bytes) -> bool:
    for clause in header.decode("latin-1").split(","):
        coding, _, parameter = clause.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return _REFUSED.fullmatch(parameter) is None
    return False


async def compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the compressed form of pieces as it comes."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    async for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()


def compress(body: bytes) -> bytes:
    """Return the compressed form of a whole body."""
    return zlib.compress(body, LEVEL, _GZIP_FORMAT)
