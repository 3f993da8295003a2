"""TLS for the served protocol: the server's certificate, and whose clients it lets in."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


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


def credentials(files: TlsFiles) -> ssl.SSLContext:
    """Return the server's side of TLS. Raises TlsError."""
    if files.client_cert_auth and files.trusted_ca is None:
        raise TlsError("clients' certificates cannot be judged without a trusted CA file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    for path in (files.key, files.cert):
        _check_pem(path)
    try:
        context.load_cert_chain(files.cert, files.key)
    except ssl.SSLError as error:
        text = f"{files.cert} and {files.key} are no pair of certificate and key: {error}"
        raise TlsError(text) from error
    if files.trusted_ca is not None:
        _check_pem(files.trusted_ca)
        try:
            context.load_verify_locations(files.trusted_ca)
        except ssl.SSLError as error:
            raise TlsError(f"{files.trusted_ca} holds no certificate: {error}") from error
    if files.client_cert_auth:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_pem(path: Path) -> None:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from error
    if b"-----BEGIN" not in text:
        raise TlsError(f"{path} is no PEM file")
