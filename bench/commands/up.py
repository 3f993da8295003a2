"""``kubedyno up``: a cluster that stays up until Ctrl-C, and how to use it."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.child import Child, ChildError
from bench.commands.interface import ERROR, OK, CommandError
from bench.commands.options import add_plane_arguments, address, data_dir, new_file, plane_config
from bench.commands.store_options import add_store_arguments, check_servers, chosen_store
from bench.kubeconfig import write_kubeconfig
from bench.plane import Plane, PlaneOptions
from bench.readiness import NotReadyError, wait_ready
from bench.results import Config
from storage.clock import SystemClock
from storage.remote.url import ETCD2, RemoteUrl, parse_url

HELP: Final = "start a cluster and keep it up until Ctrl-C; writes a kubeconfig"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_plane_arguments(parser)
    parser.set_defaults(nodes=10)
    parser.add_argument("--codec", default="protobuf", help="of every process")
    add_store_arguments(parser)
    parser.add_argument(
        "--data-dir",
        type=data_dir,
        default="",
        metavar="DIR",
        help="the store's; default: removed at the end",
    )
    parser.add_argument("--listen", type=address, metavar="HOST:PORT")
    parser.add_argument("--kubeconfig", type=new_file, default=Path("kubedyno.kubeconfig"))
    parser.add_argument("--out", type=Path, help="logs and statistics; default: removed at the end")
    parser.add_argument("--json", action="store_true", help="say it as one JSON object")


def execute(arguments: argparse.Namespace) -> int:
    """Keep a cluster up until Ctrl-C or SIGTERM, or until a process of it dies."""
    config = replace(
        plane_config(arguments, arguments.codec, chosen_store(arguments)),
        data_dir=arguments.data_dir,
        listen=arguments.listen or "",
    )
    check_servers(config)
    with _directory(arguments.out) as directory:
        options = PlaneOptions(config, directory, stamped=False)
        try:
            return asyncio.run(_keep_up(options, arguments.kubeconfig, as_json=arguments.json))
        except (ChildError, NotReadyError) as error:
            raise CommandError(str(error)) from error


@contextmanager
def _directory(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    made = Path(tempfile.mkdtemp(prefix="kubedyno-up-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


async def _keep_up(options: PlaneOptions, target: Path, *, as_json: bool) -> int:
    stop = asyncio.Event()
    starting = asyncio.current_task()
    assert starting is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, starting.cancel)
    try:
        async with Plane(options) as plane:
            await wait_ready(plane.url, SystemClock())
            write_kubeconfig(target, plane.url)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            _announce(plane, options.config, target, as_json=as_json)
            await _stopped_or_ended(stop, plane.children)
            died = plane.died
            if died:
                sys.stderr.write(
                    f"kubedyno: died: {', '.join(died)}\n{plane.tails()}".rstrip() + "\n"
                )
            return ERROR if died else OK
    except asyncio.CancelledError:
        return OK


async def _stopped_or_ended(stop: asyncio.Event, children: list[Child]) -> None:
    """Return when the stop is asked for or the first process has ended."""

    async def tell(child: Child) -> None:
        await child.ended()
        stop.set()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tell(child)) for child in children]
        await stop.wait()
        for task in tasks:
            task.cancel()


def _announce(plane: Plane, config: Config, target: Path, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "ready": True,
            "url": plane.url,
            "urls": plane.urls,
            "kubeconfig": str(target),
            "pids": plane.pids,
            "store": plane.store.url or config.store,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        return
    say = Console(highlight=False, soft_wrap=True).print
    say(f"[bold]{config.nodes} nodes[/bold], {config.cell}, serving at {plane.url}")
    say(f"  kubectl --kubeconfig {target} get nodes")
    say(f"  curl {plane.url}/api/v1/nodes")
    for url in plane.urls[1:]:
        say(f"  another API server of the same store serves at {url}")
    if plane.store.url:
        say(f"  {looking_command(plane.store.url)}")
    say("  Ctrl-C ends it.")


def looking_command(store: str) -> str:
    """Return how to list the keys of an etcd; etcdctl asks for the password.

    >>> looking_command("etcd2://127.0.0.1:2379")
    'ETCDCTL_API=2 etcdctl --endpoints http://127.0.0.1:2379 ls --recursive /registry'
    """
    url = parse_url(store)
    if url.kind == ETCD2:
        return _looking_by_v2(url)
    return f"{etcdctl_command(url)} get --prefix --keys-only /registry/"


def _looking_by_v2(url: RemoteUrl) -> str:
    """Etcdctl's v2 commands know no sockets of Unix; curl does."""
    directory = f"{url.prefix}/registry"
    if url.targets[0].startswith("unix:"):
        socket = url.targets[0].removeprefix("unix:")
        place = f"http://localhost/v2/keys{directory}?recursive=true"
        return shlex.join(["curl", "--unix-socket", socket, place])
    scheme = "https" if url.tls else "http"
    given = {
        "--endpoints": ",".join(f"{scheme}://{target}" for target in url.targets),
        "--ca-file": url.cacert,
        "--cert-file": url.cert,
        "--key-file": url.key,
        "--username": url.user,
    }
    flags = [part for name, value in given.items() if value for part in (name, str(value))]
    return f"ETCDCTL_API=2 {shlex.join(['etcdctl', *flags, 'ls', '--recursive', directory])}"


def etcdctl_command(url: RemoteUrl) -> str:
    """Return how to look into an etcd 3, up to the subcommand.

    >>> etcdctl_command(parse_url("etcd3://127.0.0.1:2379"))
    'ETCDCTL_API=3 etcdctl --endpoints 127.0.0.1:2379'
    """
    endpoints = ",".join(target.replace("unix:", "unix://", 1) for target in url.targets)
    given = {
        "--endpoints": endpoints,
        "--cacert": url.cacert,
        "--cert": url.cert,
        "--key": url.key,
        "--user": url.user,
    }
    flags = [part for name, value in given.items() if value for part in (name, str(value))]
    return f"ETCDCTL_API=3 {shlex.join(['etcdctl', *flags])}"
