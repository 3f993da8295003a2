"""``kubedyno etcd``: an engine, served over etcd's own protocol until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.child import Child, ChildError
from bench.commands.interface import ERROR, OK, CommandError, UsageError
from cluster.processes.etcd_arguments import (
    add_engine_arguments,
    add_tls_arguments,
    check_arguments,
    forwarded,
)

HELP: Final = "serve an engine over etcd's own protocol until Ctrl-C"
READY_S_MAX: Final = 300.0
"""A large data directory is read first."""
UNIX: Final = "unix:"
HTTP: Final = "http://"
HTTPS: Final = "https://"
PORT_MAX: Final = 65535
EXAMPLES: Final = {"2": ("set key value", "ls -r"), "3": ("put key value", "get --prefix k")}
"""What etcdctl can be told, by generation."""
TLS_FLAGS: Final = {
    "2": ("--ca-file", "--cert-file", "--key-file"),
    "3": ("--cacert", "--cert", "--key"),
}
"""Its flags for a CA, a certificate and a key."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--listen",
        "--listen-client-urls",
        type=_address,
        default="127.0.0.1:2379",
        metavar="HOST:PORT|unix:PATH",
        help="a port of 0 is any that is free (default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir",
        type=_directory,
        metavar="DIR",
        help="the store's; default: removed at the end",
    )
    add_engine_arguments(parser)
    add_tls_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="the source of all chance")
    parser.add_argument(
        "--stats", type=Path, metavar="FILE", help="write counters there at the end"
    )
    parser.add_argument("--json", action="store_true", help="say it as one JSON object")


def _address(text: str) -> str:
    """Return it as it is given: HTTPS, as etcd's flag has it, needs files that are not read yet."""
    given = text
    text = text.removeprefix(HTTP).removeprefix(HTTPS)
    if text.startswith(UNIX) and text.removeprefix(UNIX).strip("/"):
        return given
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT and no unix:PATH")
    return given


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("'' is no directory")  # it would be the current one
    return Path(text)


def execute(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    try:
        check_arguments(arguments)
    except ValueError as error:
        raise UsageError(f"etcd: {error}") from error
    _check_places(arguments)
    logs = tempfile.TemporaryDirectory(prefix="kubedyno-etcd-")
    with logs, _data_dir(arguments.data_dir) as data_dir:
        child = Child("etcd", _command(arguments, data_dir), Path(logs.name) / "etcd.log")
        try:
            return asyncio.run(_keep_up(child, arguments))
        except ChildError as error:
            raise CommandError(str(error)) from error


def _check_places(arguments: argparse.Namespace) -> None:
    listen, tls = arguments.listen, arguments.cert_file is not None
    if listen.startswith(HTTP if tls else HTTPS):
        needs = "takes no --cert-file" if tls else "needs a --cert-file and a --key-file"
        raise UsageError(f"etcd: --listen {listen} {needs}")
    data_dir, stats = arguments.data_dir, arguments.stats
    if data_dir is not None and data_dir.exists() and not data_dir.is_dir():
        raise UsageError(f"etcd: --data-dir {data_dir} is no directory")
    if stats is not None and not stats.absolute().parent.is_dir():
        raise UsageError(f"etcd: {stats.absolute().parent} is no directory")


@contextmanager
def _data_dir(asked: Path | None) -> Iterator[Path]:
    if asked is not None:
        yield asked
        return
    made = Path(tempfile.mkdtemp(prefix="kubedyno-etcd-data-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _command(arguments: argparse.Namespace, data_dir: Path) -> list[str]:
    stats = () if arguments.stats is None else ("--stats", str(arguments.stats.absolute()))
    return [
        *(sys.executable, "-m", "cluster.processes.etcd"),
        *("--listen", arguments.listen.removeprefix(HTTP).removeprefix(HTTPS)),
        *("--data-dir", str(data_dir)),
        *forwarded(arguments),
        *("--seed", str(arguments.seed)),
        *("--parent", str(os.getpid())),
        *stats,
    ]


async def _keep_up(child: Child, arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    starting = asyncio.current_task()
    assert starting is not None
    _on_signals(starting.cancel)
    try:
        await child.start()
        facts = await child.ready(READY_S_MAX)
        _on_signals(stop.set)
        _announce(arguments, str(facts["target"]), str(facts["url"]), child.pid)
        await _stopped_or_ended(stop, child)
    except asyncio.CancelledError:
        return OK  # asked to end before it was ready
    finally:
        await child.stop()
    if child.died:
        sys.stderr.write(f"kubedyno: died: {child.died}\n{child.tail()}".rstrip() + "\n")
    return ERROR if child.died else OK


def _on_signals(call: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, call)


async def _stopped_or_ended(stop: asyncio.Event, child: Child) -> None:
    async def tell() -> None:
        await child.ended()
        stop.set()

    async with asyncio.TaskGroup() as group:
        telling = group.create_task(tell())
        await stop.wait()
        telling.cancel()


def _announce(arguments: argparse.Namespace, target: str, url: str, pid: int) -> None:
    if arguments.json:
        facts = {"ready": True, "url": url, "target": target, "pid": pid}
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        return
    endpoint = endpoint_of(url, target)
    names = TLS_FLAGS[arguments.api]
    flags = "".join(
        f" {flag} {path}"
        for flag, path in (
            (names[0], arguments.cert_file and (arguments.trusted_ca_file or "CA.pem")),
            (names[1], arguments.client_cert_auth and "CLIENT.pem"),
            (names[2], arguments.client_cert_auth and "CLIENT-KEY.pem"),
        )
        if path
    )
    say = Console(highlight=False, soft_wrap=True).print
    api = arguments.api
    say(f"[bold]{arguments.store}[/bold] engine, serving the etcd v{api} protocol at {endpoint}")
    for words in EXAMPLES[api]:
        say(f"  ETCDCTL_API={api} etcdctl --endpoints={endpoint}{flags} {words}")
    say("  Ctrl-C ends it.")


def endpoint_of(url: str, target: str) -> str:
    """Return how etcdctl is told where to go: of a socket it wants a whole path, behind slashes.

    >>> endpoint_of("http://127.0.0.1:2379", "127.0.0.1:2379")
    'http://127.0.0.1:2379'
    >>> endpoint_of("unix:/run/etcd.sock", "unix:/run/etcd.sock")
    'unix:///run/etcd.sock'
    """
    if not target.startswith(UNIX):
        return url
    return f"unix://{Path(target.removeprefix(UNIX).removeprefix('//')).absolute()}"
