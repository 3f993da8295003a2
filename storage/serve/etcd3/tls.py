"""TLS for the served protocol: the server's certificate, and whose clients it lets in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc


class TlsError(Exception):
    """The files do not make a server's TLS; the message is one line."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files, as etcd's flags name them."""

    cert: Path
    key: Path
    trusted_ca: Path | None = None
    """Whose client certificates are accepted."""
    client_cert_auth: bool = False
    """A client must have one."""


def credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return the server's credentials. Raises TlsError."""
    if files.client_cert_auth and files.trusted_ca is None:
        raise TlsError("clients' certificates cannot be judged without a trusted CA file")
    return grpc.ssl_server_credentials(
        [(_pem(files.key), _pem(files.cert))],
        root_certificates=None if files.trusted_ca is None else _pem(files.trusted_ca),
        require_client_auth=files.client_cert_auth,
    )


def _pem(path: Path) -> bytes:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from error
    if b"-----BEGIN" not in text:
        raise TlsError(f"{path} is no PEM file")
    return text
