"""What the command line says of a served engine: to the process, and to the command around it.

Names and defaults are those of the ``etcd`` program, where it has the same thing. gRPC is not
imported here: every subcommand would wait for it.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from storage.serve.etcd3.limits import Limits

ENGINES: Final = ("etcd3", "etcd2", "memory")
"""Of the stores, those that can be served: they are engines of this process."""
STORE_BY_API: Final = {"2": "etcd2", "3": "etcd3"}
"""What is served unless ``--store`` says otherwise."""
SCHEMES: Final = ("http", "https", "unix", "unixs")
"""Of the URLs of clients."""
_VALUES: Final = (
    "api",
    "store",
    "name",
    "max_txn_ops",
    "max_request_bytes",
    "watch_progress_notify_interval",
    "advertise_client_urls",
    "cert_file",
    "key_file",
    "trusted_ca_file",
)
_UNITS_S: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SWITCHES: Final = ("no_sync", "client_cert_auth")


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is served, as whom, within which limits."""
    limits = Limits()
    parser.add_argument("--api", default="3", choices=("2", "3"), help="generation of the protocol")
    parser.add_argument(
        "--store",
        choices=ENGINES,
        help="the engine (default: etcd3; of --api 2 etcd2, which is the only one that speaks it)",
    )
    parser.add_argument("--name", default="default", help="of the member (default: %(default)s)")
    parser.add_argument(
        "--advertise-client-urls",
        type=_urls,
        default="",
        metavar="URL[,URL]",
        help="under which clients reach it, as the member list tells; default: where it listens",
    )
    parser.add_argument(
        "--max-txn-ops",
        type=_positive,
        default=limits.txn_ops,
        metavar="N",
        help="operations in a transaction of --api 3 (default: %(default)s)",
    )
    parser.add_argument(
        "--max-request-bytes",
        type=_positive,
        default=limits.request_bytes,
        metavar="N",
        help="size of a write of --api 3 (default: %(default)s)",
    )
    parser.add_argument(
        "--watch-progress-notify-interval",
        "--experimental-watch-progress-notify-interval",
        type=_duration_s,
        default=600.0,
        metavar="DURATION",
        help="how often quiet watches of --api 3 that ask for it are told of progress (10m)",
    )
    parser.add_argument(
        "--no-sync",
        "--unsafe-no-fsync",
        action="store_true",
        help="do not flush commits to the disk: what was acknowledged is lost with the machine",
    )


def add_tls_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files of TLS."""
    parser.add_argument("--cert-file", type=Path, metavar="PEM", help="the server's certificate")
    parser.add_argument("--key-file", type=Path, metavar="PEM", help="its key")
    parser.add_argument(
        "--trusted-ca-file", type=Path, metavar="PEM", help="whose client certificates are taken"
    )
    parser.add_argument(
        "--client-cert-auth", action="store_true", help="a client must have a certificate"
    )


def check_arguments(arguments: argparse.Namespace) -> None:
    """Raise ValueError, whose message is a line, for what makes no sense together.

    Fills in the store that was not named.
    """
    if arguments.store is None:
        arguments.store = STORE_BY_API[arguments.api]
    if (arguments.api == "2") != (arguments.store == "etcd2"):
        of = "etcd2" if arguments.api == "2" else "etcd3 or memory"
        raise ValueError(f"--api {arguments.api} serves --store {of}, not {arguments.store}")
    cert, key, ca = arguments.cert_file, arguments.key_file, arguments.trusted_ca_file
    if (cert is None) != (key is None):
        raise ValueError("--cert-file and --key-file belong together")
    if cert is None and (ca is not None or arguments.client_cert_auth):
        raise ValueError("clients' certificates are only asked for with a --cert-file")
    if arguments.client_cert_auth and ca is None:
        raise ValueError("--client-cert-auth needs a --trusted-ca-file")
    for path in (cert, key, ca):
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")


def forwarded(arguments: argparse.Namespace) -> list[str]:
    """Return the command line that says the same to the process."""
    words: list[str] = []
    for name in _VALUES:
        value = getattr(arguments, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')}={value}")
    return words + [f"--{name.replace('_', '-')}" for name in _SWITCHES if getattr(arguments, name)]


def _urls(text: str) -> str:
    """Return it as it is given; nothing is as good as not given."""
    for url in text.split(",") if text else ():
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not (parts.netloc or parts.path):
            raise argparse.ArgumentTypeError(f"{url!r} is no URL, as http://127.0.0.1:2379")
    return text


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _duration_s(text: str) -> float:
    """Return seconds; ``text`` is a number of them, or one with a unit, as 500ms, 5s, 10m."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)", text, re.ASCII)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration above 0, as 5s or 10m")
    return float(match[1]) * _UNITS_S[match[2]]
