"""``kubedyno locust``: users made by locust against an API server, ours or any."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from bench.child import Child, ChildError
from bench.commands.drawing import draw
from bench.commands.interface import OK, VOID, CommandError, UsageError
from bench.commands.load_summary import print_load
from bench.commands.options import (
    add_plane_arguments,
    address,
    check_names,
    claim_directory,
    plane_config,
    positive,
    rate,
    seconds,
)
from bench.commands.store_options import add_store_arguments, chosen_store
from bench.environment import describe_environment
from bench.kubeconfig_reading import KubeconfigError, read_kubeconfig
from bench.load.settings import (
    LOCUST_FILE,
    RAW_FILE,
    SCHEMA_VERSION,
    SETTINGS_FILE,
    LoadSettings,
    LocustResults,
    RawLoad,
    Server,
)
from bench.load.summing_up import (
    duration_s,
    failure_share,
    generator_cores,
    judge,
    summaries,
)
from bench.load.users.registry import USERS
from bench.plane import Plane, PlaneOptions
from bench.readiness import NotReadyError, wait_ready
from bench.results import Status, UnreadableResultsError, read_json, write_json
from bench.store_choice import is_url
from storage.clock import SystemClock

HELP: Final = "a locust load run against an API server, headless or with locust's web page"
READY_S_MAX: Final = 60.0
KINDS: Final = dict.fromkeys(USERS, 1)
"""The user classes, as many of each."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--server", default="", metavar="URL", help="default: start a cluster")
    target.add_argument("--kubeconfig", type=Path, help="its current context names the server")
    parser.add_argument("--token-file", type=Path, help="of a bearer token, with --server")
    add_plane_arguments(parser)
    parser.set_defaults(nodes=10)
    parser.add_argument("--codec", default="protobuf", help="of the users, and of an own cluster")
    add_store_arguments(parser)
    parser.add_argument("--users", type=positive, default=50)
    parser.add_argument("--spawn-rate", type=seconds, default=20.0, help="users started a second")
    parser.add_argument("--duration", type=rate, default=60.0, help="seconds; 0: until Ctrl-C")
    parser.add_argument(
        "--kinds", type=weights, default=KINDS, help="classes and weights: kubelet=1,kubectl=1"
    )
    parser.add_argument("--web", type=address, metavar="HOST:PORT", help="locust's page")
    parser.add_argument("--out", type=Path, help="default: out/locust-<time>")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def weights(text: str) -> dict[str, int]:
    """Parse ``kubelet=3,kubectl=1``; a class that is not named has no users."""
    found = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        if name.strip() not in KINDS:
            raise argparse.ArgumentTypeError(f"no class {name!r}; there are {', '.join(KINDS)}")
        found[name.strip()] = positive(weight or "1")
    return found


def execute(arguments: argparse.Namespace) -> int:
    """Load, print the summary, draw the report."""
    check_names([arguments.codec], [], arguments.storage_codec)
    arguments.store, arguments.real_etcd = chosen_store(arguments), 0
    if arguments.server and not arguments.server.startswith(("http://", "https://")):
        raise UsageError(f"{arguments.server!r} is no URL of a server")
    out = arguments.out or Path("out") / f"locust-{SystemClock().now():%Y%m%d-%H%M%S}"
    directory = claim_directory(out, (LOCUST_FILE,))
    (directory / RAW_FILE).unlink(missing_ok=True)
    try:
        results = asyncio.run(_run(arguments, directory))
    except (ChildError, NotReadyError, UnreadableResultsError) as error:
        raise CommandError(str(error)) from error
    except KubeconfigError as error:
        raise UsageError(str(error)) from error
    report = draw(directory)
    if arguments.json:
        sys.stdout.buffer.write((directory / LOCUST_FILE).read_bytes())
    else:
        print_load(results, report)
    return VOID if results.verdict.status is Status.VOID else OK


async def _run(arguments: argparse.Namespace, directory: Path) -> LocustResults:
    started = SystemClock().now()
    environment = describe_environment()
    with tempfile.TemporaryDirectory(prefix="kubedyno-locust-") as scratch:
        async with _target(arguments, directory, Path(scratch)) as (server, title):
            settings = _settings(arguments, server, directory)
            raw = await _load(settings, directory, Path(scratch))
    results = LocustResults(
        schema_version=SCHEMA_VERSION,
        run_id=directory.name,
        started=started.isoformat(),
        duration_s=duration_s(raw),
        environment=environment,
        verdict=judge(raw),
        server=title,
        codec=settings.codec,
        users=raw.users,
        calls=summaries(raw),
        calls_per_s=sum(calls.count for calls in raw.calls) / duration_s(raw),
        failure_share=failure_share(raw),
        watch_events=raw.watch_events,
        watches_torn=raw.watches_torn,
        pods_run=raw.pods_run,
        generator_cpu_s=raw.cpu_s,
        generator_cores=generator_cores(raw),
        generator_rss_max_mib=raw.rss_max_mib,
        settings={name: value for name, value in asdict(settings).items() if name != "server"},
    )
    samples = directory / "samples"
    samples.mkdir(exist_ok=True)
    histograms = {f"{c.user}: {c.name} ({c.method})": c.histogram for c in raw.calls}
    write_json(samples / "histograms.json", histograms)
    write_json(directory / LOCUST_FILE, results)
    return results


@asynccontextmanager
async def _target(
    arguments: argparse.Namespace, directory: Path, scratch: Path
) -> AsyncIterator[tuple[Server, str]]:
    """Yield the server to load and how results name it; an own cluster ends after."""
    if arguments.kubeconfig is not None:
        server = read_kubeconfig(arguments.kubeconfig, scratch)
        yield server, server.url
    elif arguments.server:
        token = arguments.token_file.read_text().strip() if arguments.token_file else ""
        yield Server(arguments.server.rstrip("/"), token), arguments.server
    else:
        config = replace(
            plane_config(arguments, arguments.codec, arguments.store),
            data_dir="" if is_url(arguments.store) else str(scratch / "data"),
        )
        async with Plane(PlaneOptions(config, directory, stamped=False)) as plane:
            await wait_ready(plane.url, SystemClock())
            yield Server(plane.url), f"own {config.cell} with {config.nodes} hollow nodes"


def _settings(arguments: argparse.Namespace, server: Server, directory: Path) -> LoadSettings:
    return LoadSettings(
        server=server,
        codec=arguments.codec,
        users=arguments.users,
        spawn_rate=arguments.spawn_rate,
        duration_s=arguments.duration,
        kinds=arguments.kinds,
        heartbeat_s=arguments.heartbeat,
        seed=arguments.seed,
        directory=str(directory),
        web=arguments.web or "",
    )


async def _load(settings: LoadSettings, directory: Path, scratch: Path) -> RawLoad:
    """Run the load process to its end; a Ctrl-C or SIGTERM ends it in order.

    Its settings may hold a token: they go through ``scratch``, which nobody else can read, and only
    what is left without it stays with the results, however the run ends.
    """
    target = write_json(scratch / SETTINGS_FILE, settings)
    write_json(directory / SETTINGS_FILE, replace(settings, server=Server(settings.server.url)))
    command = [sys.executable, "-m", "bench.load.main", str(target)]
    child = Child("load", command, directory / "logs" / "load.log")
    await child.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, os.kill, child.pid, signal.SIGTERM)
    try:
        facts = await child.ready(READY_S_MAX)
        if settings.web:
            sys.stderr.write(f"locust's page: {facts.get('web', '')}; Ctrl-C ends the run\n")
        await child.ended()
    finally:
        await child.stop()
    if child.exit_code:
        raise ChildError(f"the load process failed; the end of its log:\n{child.tail()}")
    return read_json(directory / RAW_FILE, RawLoad)
