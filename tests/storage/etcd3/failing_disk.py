"""A process whose disk fails and is mended: run by ``test_failing_disk``; says ``ok`` at the end.

python -m tests.storage.etcd3.failing_disk DIR [--limit BYTES] [--ballast FILE]

Writes until a write is refused, then looks at everything that must hold: the alarm is told, reads
and watches go on, a compaction may be tried. Then the disk is mended (the limit on file sizes is
lifted, the ballast removed, or the fault ends by itself), the alarm must end, writes go on, and a
reopened store holds what was acknowledged and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from pathlib import Path

from storage.errors import ReadOnlyError
from storage.interface import Store
from storage.records import Change
from storage.registry import STORES, StoreOptions
from tests.storage.recorder import Recorder

CALLERS = 8
WRITES_MAX = 4000
VALUE = b"v" * 1500


async def write_until_refused(store: Store) -> tuple[dict[int, bytes], ReadOnlyError | None]:
    """Create keys from several callers; return what was acknowledged, by revision."""
    told: dict[int, bytes] = {}
    refused: list[ReadOnlyError] = []
    start = store.current_revision()

    async def caller(number: int) -> None:
        for step in range(WRITES_MAX // CALLERS):
            key = b"/k/%d/%d/%d" % (start, number, step)
            if refused:
                return
            try:
                told[await store.create(key, VALUE)] = key
            except ReadOnlyError as error:
                refused.append(error)

    async with asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(caller(number))
    return told, refused[0] if refused else None


async def history(store: Store) -> list[Change]:
    """Return all changes that a watch from the oldest revision replays."""
    recorder = Recorder(after=store.oldest_revision())
    watch = store.watch(b"", recorder, after=recorder.revision)
    await recorder.reach(store.current_revision())
    watch.cancel()
    assert recorder.error is None
    return recorder.changes


async def holds(store: Store, told: dict[int, bytes]) -> None:
    """Check that the store shows exactly what was acknowledged."""
    assert {change.revision: change.key for change in await history(store)} == told
    items = (await store.list(b"/k/")).items
    assert {item.revision: item.key for item in items} == told
    assert all(item.value == VALUE for item in items)


async def alarm_ends(store: Store) -> None:
    """Wait for it."""
    async with asyncio.timeout(90):
        while (await store.status()).alarm:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.02)


async def main(arguments: argparse.Namespace) -> None:
    """Go through the whole story."""
    options = StoreOptions(data_dir=arguments.folder)
    async with STORES["etcd3"].make(options) as store:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if arguments.limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.limit, hard))
        told, refused = await write_until_refused(store)
        assert refused is not None, "the disk never failed"
        assert len(told) > CALLERS
        assert (await store.status()).alarm == refused.alarm
        await holds(store, told)
        sys.stdout.write(f"{len(told)} acknowledged, then: {refused}\n")

        if arguments.limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        if arguments.ballast:
            arguments.ballast.unlink()
        await alarm_ends(store)
        await holds(store, told)
        told[await store.create(b"/k/after", VALUE)] = b"/k/after"
        assert max(told) == len(told) + 1, "the revisions of refused writes are used again"
    async with STORES["etcd3"].make(options) as store:
        await holds(store, told)
    sys.stdout.write("ok\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--ballast", type=Path)
    asyncio.run(main(parser.parse_args()))
