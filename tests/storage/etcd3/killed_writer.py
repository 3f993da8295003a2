"""Writes to an etcd3 store for ever, and prints each key once its write is acknowledged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from storage.registry import STORES, StoreOptions


async def main(data_dir: Path) -> None:
    async with STORES["etcd3"].make(StoreOptions(data_dir=data_dir)) as store:

        async def write(writer: int) -> None:
            number = 0
            while True:
                key = b"/%d/%d" % (writer, number)
                revision = await store.create(key, b"value of " + key)
                # One system call a line, unbuffered: what was printed was acknowledged.
                os.write(1, b"%s %d\n" % (key, revision))
                number += 1

        async with asyncio.TaskGroup() as tasks:
            for writer in range(8):
                tasks.create_task(write(writer))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
