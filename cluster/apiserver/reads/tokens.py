r"""Continue tokens, in the form that Kubernetes gives out.

A token is base64url (no padding) of ``{"v":"meta.k8s.io/v1","rv":523,"start":"/c2\u0000"}``:
the list's revision (-1: go on with whatever is newest) and the first key, below the prefix of what
is listed, that has not been told. From the cache ``start`` begins with a slash, from the store it
does not; both are taken.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final, NamedTuple

from cluster.apiserver.errors import StatusError, bad_request

VERSION: Final = "meta.k8s.io/v1"
ANY_REVISION: Final = -1


class ContinueToken(NamedTuple):
    """Where a list goes on."""

    revision: int
    """ANY_REVISION: at the newest."""
    after: str
    """The last key told, below the prefix of what is listed."""

    def encode(self) -> str:
        """Return the token that a client sends back."""
        start = f"{self.after}\0" if self.revision == ANY_REVISION else f"/{self.after}\0"
        text = json.dumps(
            {"v": VERSION, "rv": self.revision, "start": start}, separators=(",", ":")
        )
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_token(text: str) -> ContinueToken:
    """Read a token. Raises StatusError for one that is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("illegal base64 data at input byte 0") from None
    try:
        fields = json.loads(raw)
        version, revision, start = fields["v"], fields["rv"], fields["start"]
    except (ValueError, KeyError, TypeError, RecursionError):
        head = raw[:1].decode("latin-1")
        raise _invalid(f"invalid character {head!r} looking for beginning of value") from None
    if version != VERSION:
        raise _invalid(f"server does not recognize this encoded version {version}")
    if not _is_revision(revision) or not isinstance(start, str) or not _is_text(start):
        raise _invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if ".." in start.split("/"):
        raise _invalid(start)
    return ContinueToken(revision, start.removeprefix("/").removesuffix("\0"))


def _is_revision(value: object) -> bool:
    return type(value) is int and (value == ANY_REVISION or 0 < value < 2**63)


def _is_text(value: str) -> bool:
    """Tell text from what has half a character in it, which escapes can say."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(why: str) -> StatusError:
    return bad_request(f"invalid continue token: continue key is not valid: {why}")
