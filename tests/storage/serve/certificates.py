"""Certificates for tests: a CA, a server for loopback, a client; made by openssl."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificate(NamedTuple):
    cert: Path
    key: Path


class Certificates(NamedTuple):
    ca: Certificate
    server: Certificate
    client: Certificate


def make_certificates(directory: Path) -> Certificates:
    """Make them. Skips the test where there is no openssl; fails it with CI=true."""
    if shutil.which("openssl") is None:
        reason = "there is no program 'openssl' on PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    ca = _make(directory, "ca", None)
    return Certificates(ca, _make(directory, "server", ca), _make(directory, "client", ca))


def _make(directory: Path, name: str, ca: Certificate | None) -> Certificate:
    made = Certificate(directory / f"{name}.pem", directory / f"{name}-key.pem")
    signed = () if ca is None else ("-CA", str(ca.cert), "-CAkey", str(ca.key))
    names = () if ca is None else ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-keyout", str(made.key), "-out", str(made.cert)),
            *signed,
            *names,
        ],
        check=True,
        capture_output=True,
    )
    return made
