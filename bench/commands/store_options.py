"""The flags of the store, and what they come to: a name that results and cells may hold."""

from __future__ import annotations

import argparse
import atexit
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.commands.interface import UsageError
from bench.etcd_faults import ETCD_FAULTS
from bench.results import Config
from bench.store_choice import (
    MEMBERS_MAX,
    REAL,
    REALS,
    generation_of,
    is_url,
    real_members,
    real_store,
)
from storage.errors import StoreOpenError
from storage.registry import STORES
from storage.remote.url import parse_url

URL_FORM: Final = (
    "etcd3:// or etcd2://[USER:PASSWORD@]HOST:PORT[,...] with ?option=value&... of "
    "cacert, cert, client (http2, grpc; etcd3 only), key, password-file, prefix"
)
SERVERS_MAX: Final = 16
MEMBERS_OF_A_QUORUM: Final = 3
"""So many go on when one of them is gone."""
USUAL: Final = "etcd3"
SERVED: Final = ("etcd3", "etcd2", "memory")
"""Of ``STORES``: what a process of its own can serve to several API servers."""


def add_store_arguments(
    parser: argparse.ArgumentParser, *, usual: str = USUAL, real: bool = True
) -> None:
    """Add what says where a plane stores; ``chosen_store`` reads it."""
    parser.add_argument(
        "--store",
        metavar="NAME|URL",
        help=f"{', '.join(STORES)}, {', '.join(REALS)}, {REAL}3, or {URL_FORM} (default: {usual})",
    )
    if real:
        add_real_argument(parser)


def add_real_argument(parser: argparse.ArgumentParser) -> None:
    """Add what has members of a real etcd started."""
    parser.add_argument(
        "--real-etcd",
        type=_members,
        default=0,
        metavar="N",
        help=f"start N members of the real etcd for it, as --store {REAL} does; "
        "with --store etcd2 they are spoken to by their v2 protocol",
    )


def add_servers_argument(parser: argparse.ArgumentParser) -> None:
    """Add how many API servers there are."""
    parser.add_argument(
        "--apiservers",
        type=_servers,
        default=1,
        metavar="N",
        help="API servers on one store; from two on an embedded store is served by its own process",
    )


def add_keep_argument(parser: argparse.ArgumentParser) -> None:
    """Add whether a store of others is left as it is after a run."""
    parser.add_argument(
        "--keep-store",
        action="store_true",
        help="leave what the run wrote in a store given by its URL; default: removed at the end",
    )


def add_fault_argument(parser: argparse.ArgumentParser) -> None:
    """Add which faults are planted into a real etcd of the run's own."""
    parser.add_argument(
        "--etcd-fault",
        type=_faults,
        action="extend",
        default=[],
        metavar="|".join(ETCD_FAULTS),
        help="plant it into the members of --real-etcd in the fill; a list, or repeated: in turn",
    )


def _faults(text: str) -> list[str]:
    found = [part.strip() for part in text.split(",")]
    for part in found:
        if part not in ETCD_FAULTS:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(ETCD_FAULTS)}")
    return found


def _members(text: str) -> int:
    return _number(text, MEMBERS_MAX)


def _servers(text: str) -> int:
    return _number(text, SERVERS_MAX)


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
    return int(text)


def chosen_store(arguments: argparse.Namespace) -> str:
    """Return the store that a parsed command line names. Raises UsageError."""
    if arguments.real_etcd:
        generation = generation_of(arguments.store or USUAL)
        if arguments.store not in (None, f"etcd{generation}"):
            raise UsageError("--real-etcd goes with no --store, or with etcd2 or etcd3")
        return real_store(arguments.real_etcd, generation)
    return claim_store(USUAL if arguments.store is None else arguments.store)


def chosen_stores(given: Sequence[str], real: int) -> list[str]:
    """Return the stores of a matrix; members of a real etcd are one more. Raises UsageError."""
    stores = [claim_store(store) for store in given] + ([real_store(real)] if real else [])
    return list(dict.fromkeys(stores))


def claim_store(text: str) -> str:
    """Return what to call a store everywhere. Raises UsageError for one that there is not.

    A password goes into a file that nobody else can read, until this process ends: it is in no
    other process's command line, and in no results.
    """
    if not is_url(text):
        members = real_members(text)
        if text in STORES or 0 < members <= MEMBERS_MAX:
            return real_store(members, generation_of(text)) if members else text
        known = ", ".join((*STORES, *REALS, f"{REAL}3"))
        raise UsageError(
            f"no store {text!r}; there are {known}, and etcd3:// or etcd2://HOST:PORT[,...]"
        )
    try:
        url = parse_url(text)
    except StoreOpenError as error:
        raise UsageError(str(error)) from error
    if url.batch:
        raise UsageError("batch=on is not said in a store's address but by --etcd-batch on")
    for file in (url.cacert, url.cert, url.key, url.password_file):
        if file is not None and not os.access(file, os.R_OK):
            raise UsageError(f"a store's address names {file}, which cannot be read")
    if url.password:
        url = replace(url, password="", password_file=_keep_secret(url.password))
    return url.redacted


def check_servers(config: Config) -> Config:
    """Return a config whose store fits its API servers. Raises UsageError."""
    if config.apiservers > 1 and config.store in STORES and config.store not in SERVED:
        raise UsageError(f"the {config.store} store is for one API server")
    if config.etcd_faults and real_members(config.store) < MEMBERS_OF_A_QUORUM:
        raise UsageError(
            f"--etcd-fault needs --real-etcd {MEMBERS_OF_A_QUORUM}, or more: with fewer members "
            "nobody is left to lead"
        )
    _check_batch(config)
    if config.keep_store and not is_url(config.store):
        raise UsageError("--keep-store is for a store that others run, given by its URL")
    if is_url(config.store) and config.data_dir:
        raise UsageError("--data-dir is for a store of our own, not for one that others run")
    return config


def _check_batch(config: Config) -> None:
    """Raise UsageError where writes are to be joined that cannot be."""
    if config.switches.etcd_batch != "on":
        return
    if not (is_url(config.store) or real_members(config.store)):
        raise UsageError("--etcd-batch is for a store that is an etcd: --real-etcd, or a URL")
    if generation_of(config.store) == 2:
        raise UsageError("--etcd-batch is for etcd 3: etcd 2 has no transactions")
    if config.apiservers > 1:
        raise UsageError("--etcd-batch needs an etcd that is one API server's alone")


def _keep_secret(password: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="kubedyno-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(password + "\n")
    atexit.register(Path(name).unlink, missing_ok=True)
    return Path(name)
