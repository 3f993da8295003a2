"""The flags that several subcommands share, and the config that they make."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.auditing import FAULTS
from bench.commands.interface import UsageError
from bench.commands.store_options import add_servers_argument, check_servers, claim_store
from bench.commands.switch_options import (
    WATCH_WRITES,
    add_switch_arguments,
    chosen_behaviour,
    chosen_switches,
)
from bench.results import Config
from bench.steadiness import (
    CHURN_PER_S,
    FULL_NODES,
    FULL_PODS,
    FULL_STEADY_S,
    usual_compact_every_s,
    usual_steady_s,
)
from bench.store_choice import compacts
from cluster.apiserver.faults import FAULTS as SERVER_FAULTS
from serialization.codecs.registry import CODECS

NODES_DEFAULT: Final = 100
PODS_DEFAULT: Final = 1000
PORT_MAX: Final = 65535
PER_SECOND_MAX: Final = 10_000
"""Of a schedule. A process sends a few thousand requests a second; whatever is due and cannot be
sent is kept in line, and without a bound a slip of the finger fills the memory."""
OUR_KEYS: Final = frozenset(("schema_version", "storage_codec"))
"""Of results, and of a run's config: one is in every file that marks a directory as ours."""


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    return _at_least(text, 1)


def not_negative(text: str) -> int:
    """Parse a whole number, 0 included."""
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"{value} is below {least}")
    return value


def rate(text: str) -> float:
    """Parse a number, 0 included."""
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is below 0 or no number")
    return value


def per_second(text: str) -> float:
    """Parse a rate, 0 included, that one process could at least try to keep."""
    value = rate(text)
    if value > PER_SECOND_MAX:
        raise argparse.ArgumentTypeError(f"{text} is above {PER_SECOND_MAX:,} a second")
    return value


def seconds(text: str) -> float:
    """Parse a number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def address(text: str) -> str:
    """Parse ``HOST:PORT``; a port of 0 is any that is free."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return text


def new_file(text: str) -> Path:
    """Parse the path of a file that is to be written: in a directory that there is."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a directory")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no directory")
    return path


def add_plane_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every plane has."""
    parser.add_argument("--nodes", type=positive, default=NODES_DEFAULT, help="hollow nodes")
    parser.add_argument(
        "--storage-codec", default="", metavar="CODEC", help="of stored bytes; default: the codec"
    )
    add_servers_argument(parser)
    parser.add_argument("--watch-write", choices=WATCH_WRITES, default="transport")
    parser.add_argument(
        "--heartbeat", type=seconds, default=10.0, metavar="S", help="node status interval"
    )
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    add_switch_arguments(parser)


def add_load_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every load has."""
    parser.add_argument("--pods", type=positive, default=PODS_DEFAULT, help="pods of the fill")
    parser.add_argument(
        "--rate",
        type=per_second,
        default=0.0,
        help="replication controllers a second, open loop; 0: all at once",
    )
    parser.add_argument(
        "--probes", type=not_negative, default=Config().probes, help="single pods, timed exactly"
    )
    parser.add_argument(
        "--probe-interval", type=seconds, default=Config().probe_interval_ms, metavar="MS"
    )
    add_steady_arguments(parser)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument(
        "--fault", default="", choices=("", *FAULTS, *SERVER_FAULTS), help=argparse.SUPPRESS
    )


def add_steady_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the steady phase of a load has."""
    parser.add_argument(
        "--steady",
        type=rate,
        metavar="S",
        help=f"stay full for so long, with churn (default: {FULL_STEADY_S:g} from {FULL_NODES} "
        f"nodes and {FULL_PODS} pods on, else 0: probes alone)",
    )
    parser.add_argument(
        "--churn",
        type=per_second,
        default=CHURN_PER_S,
        metavar="R",
        help="pod changes a second while it is steady (default: %(default)g)",
    )
    parser.add_argument(
        "--compact-every",
        type=rate,
        metavar="S",
        help="of the store (default: 0.45 of the steady phase, at most 300; without one 300); "
        "etcd2 has no compaction",
    )


def plane_config(arguments: argparse.Namespace, codec: str, store: str) -> Config:
    """Return the config of a plane without a load. Raises UsageError."""
    check_names([codec], [], arguments.storage_codec)
    config = Config(
        nodes=arguments.nodes,
        codec=codec,
        storage_codec=arguments.storage_codec or codec,
        store=claim_store(store),
        apiservers=arguments.apiservers,
        watch_write=arguments.watch_write,
        switches=chosen_switches(arguments),
        behaviour=chosen_behaviour(arguments),
        heartbeat_s=arguments.heartbeat,
        seed=arguments.seed,
    )
    return check_servers(config)


def load_config(arguments: argparse.Namespace, codec: str, store: str) -> Config:
    """Return the config of one cell. Raises UsageError."""
    steady_s, compact_every_s = arguments.steady, arguments.compact_every
    if steady_s is None:
        steady_s = usual_steady_s(arguments.nodes, arguments.pods)
    if not compacts(store):
        compact_every_s = 0.0
    elif compact_every_s is None:
        compact_every_s = usual_compact_every_s(steady_s)
    return replace(
        plane_config(arguments, codec, store),
        pods=arguments.pods,
        steady_s=steady_s,
        churn_per_s=arguments.churn,
        compact_every_s=compact_every_s,
        rate=arguments.rate,
        probes=arguments.probes,
        probe_interval_ms=arguments.probe_interval,
        fault=arguments.fault,
    )


def check_names(codecs: Sequence[str], stores: Sequence[str], storage_codec: str = "") -> None:
    """Raise UsageError for a codec or store that there is not."""
    for codec in [*codecs, *([storage_codec] if storage_codec else [])]:
        if codec not in CODECS:
            raise UsageError(f"no codec {codec!r}; there are {', '.join(CODECS)}")
    for store in stores:
        claim_store(store)


def names(text: str) -> list[str]:
    """Parse ``a,b,c``; each name once."""
    found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found:
        raise argparse.ArgumentTypeError("no names")
    return found


def data_dir(text: str) -> str:
    """Return where a store is to keep its files, as it is given; empty: nowhere in particular."""
    if text and Path(text).exists() and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no directory")
    return text


def fresh_data_dir(text: str) -> str:
    """Return a run's data directory, which must be new or empty. Raises UsageError.

    A store that already holds pods and nodes would be audited as if this run had made them.
    """
    path = Path(text)
    if text and path.exists() and any(path.iterdir()):
        raise UsageError(f"--data-dir {text} is not empty: a run needs a store of its own")
    return text


def claim_directory(path: Path, markers: Sequence[str]) -> Path:
    """Make sure that results can go to ``path``: it is new, empty, or holds older results.

    Raises UsageError for a directory with other things in it, which are nobody's to overwrite, and
    for one that cannot be made or written to.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is no directory")
    if path.exists() and any(path.iterdir()) and not any(_is_ours(path / m) for m in markers):
        raise UsageError(f"{path} is not empty and holds no results: choose another --out")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"--out {path}: nothing can be written there")
    return path


def _is_ours(marker: Path) -> bool:
    """Say whether the file is kubedyno's.

    A config.json may be anybody's, and the ``data`` and ``logs`` beside it would be cleared.
    """
    try:
        document = json.loads(marker.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and not OUR_KEYS.isdisjoint(document)
