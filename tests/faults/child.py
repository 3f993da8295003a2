"""A process of the load: a store of its own, or one that is served elsewhere; ends with its input.

python -m tests.faults.child etcd3 --data-dir DIR --seed S --first 8 [--after all=17]
python -m tests.faults.child etcd3://127.0.0.1:2379 --seed S --first 8
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from storage.clock import SystemClock
from storage.errors import StoreOpenError
from storage.interface import Store
from storage.registry import StoreOptions, store_entry
from tests.faults.load import WRITERS, Load
from tests.faults.records import Acknowledged, Entry, Reached, encode
from tests.faults.remote_transactions import TransactingStore

OUT = 1


def note(entry: Entry) -> None:
    """Write one line by one system call."""
    os.write(OUT, encode(entry) + b"\n")


def made(name: str, options: StoreOptions) -> Store:
    """Return the store of a name or an address, with transactions where there are any."""
    if name.startswith("etcd3://"):
        return TransactingStore(name, options.clock)
    return store_entry(name).make(options)


async def run(arguments: argparse.Namespace) -> None:
    """Open the store and load it until the input ends."""
    clock = SystemClock()
    options = StoreOptions(data_dir=arguments.data_dir, clock=clock, sync=not arguments.no_sync)
    after = {name: int(at) for name, _, at in (each.partition("=") for each in arguments.after)}
    stop = asyncio.Event()
    if arguments.writes:
        await sessions(arguments)
        return

    def ended() -> None:
        if not os.read(0, 64):
            asyncio.get_running_loop().remove_reader(0)
            stop.set()

    async with made(arguments.store, options) as store:
        os.write(OUT, b"open\n")
        asyncio.get_running_loop().add_reader(0, ended)
        load = Load(store, note, clock, seed=arguments.seed, first=arguments.first)
        await load.run(stop, after, writers=arguments.writers, timed=arguments.timed)


async def sessions(arguments: argparse.Namespace) -> None:
    """Open the store and load it with a number of writes, and again, closing it between."""
    clock = SystemClock()
    after: dict[str, int] = {}
    for session in range(arguments.sessions):
        options = StoreOptions(data_dir=arguments.data_dir, clock=clock, sync=not arguments.no_sync)
        stop, left = asyncio.Event(), arguments.writes

        def count(entry: Entry) -> None:
            nonlocal left
            note(entry)
            if isinstance(entry, Reached):
                after[entry.story] = entry.revision
            left -= isinstance(entry, Acknowledged)
            if left <= 0:
                stop.set()  # noqa: B023  # this session's

        async with made(arguments.store, options) as store:
            first = arguments.first + session * (arguments.writers + 1)
            load = Load(store, count, clock, seed=f"{arguments.seed}/{session}", first=first)
            await load.run(stop, after, writers=arguments.writers)


def main() -> None:
    """Run one load."""
    parser = argparse.ArgumentParser(prog="tests.faults.child", description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--writers", type=int, default=WRITERS)
    parser.add_argument("--writes", type=int, default=0, help="a session; 0: until it is told")
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--no-sync", action="store_true", help="what must be found out")
    parser.add_argument("--timed", action="store_true")
    parser.add_argument("--after", action="append", default=[])
    try:
        asyncio.run(run(parser.parse_args()))
    except StoreOpenError:
        os.write(OUT, b"not opened\n")


if __name__ == "__main__":
    main()
