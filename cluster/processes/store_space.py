"""``python -m cluster.processes.store_space count|clear URL``: what Kubernetes' keys a store holds.

``count`` says how many there are, as {"keys": N}; ``clear`` removes them. Exit codes: 0 done, 1 it
could not be asked, and why, in a line on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Final

from cluster.processes import store_space_etcd2
from serialization.api.etcd import rpc_pb2 as rpc
from storage.errors import StoreOpenError
from storage.remote.etcd2 import failures as etcd2
from storage.remote.etcd3.failures import CallError
from storage.remote.etcd3.keys import KeySpace
from storage.remote.etcd3.link import Link
from storage.remote.etcd3.rpc import RANGE, TXN
from storage.remote.url import ETCD2, RemoteUrl, parse_url

REGISTRY: Final = b"/registry/"
FIRST_ANSWER_S_MAX: Final = 3.0
"""Where nothing answers, people hear of it soon."""
CUT_OFF: Final = ("Socket closed", "the connection broke")
"""What comes of plain words to a server that speaks TLS."""
CALL_S_MAX: Final = 30.0
PAGE: Final = 5000
"""Keys that are removed at once: longer ones hold up a store's other callers."""


async def count(url: RemoteUrl) -> int:
    """Return how many keys there are. Raises CallError, StoreOpenError."""
    link = Link(url)
    try:
        link.open()
        await link.sign_in()
        first, end = KeySpace(url.prefix.encode()).span(REGISTRY)
        asked = rpc.RangeRequest(key=first, range_end=end, count_only=True)
        return (await link.read(RANGE, asked, FIRST_ANSWER_S_MAX)).count
    finally:
        await link.close()


async def clear(url: RemoteUrl) -> None:
    """Remove all of them, page by page. Raises CallError, StoreOpenError."""
    link = Link(url)
    try:
        link.open()
        await link.sign_in()
        first, end = KeySpace(url.prefix.encode()).span(REGISTRY)
        while True:
            asked = rpc.RangeRequest(key=first, range_end=end, limit=PAGE, keys_only=True)
            found = await link.read(RANGE, asked, CALL_S_MAX)
            if not found.kvs:
                return
            removal = rpc.DeleteRangeRequest(key=first, range_end=found.kvs[-1].key + b"\0")
            operation = rpc.RequestOp(request_delete_range=removal)
            # Twice is as good as once: what is asked again only finds less.
            await link.read(TXN, rpc.TxnRequest(success=[operation]), CALL_S_MAX)
    finally:
        await link.close()


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="cluster.processes.store_space", description=__doc__)
    parser.add_argument("action", choices=("count", "clear"))
    parser.add_argument("store", metavar="URL")
    arguments = parser.parse_args(argv)
    shown, tls = "", True
    try:
        url = parse_url(arguments.store)
        shown = url.redacted.partition("?")[0]
        tls = url.tls
        counted, cleared = (
            (store_space_etcd2.count, store_space_etcd2.clear)
            if url.kind == ETCD2
            else (count, clear)
        )
        if arguments.action == "clear":
            asyncio.run(cleared(url))
        else:
            sys.stdout.write(json.dumps({"keys": asyncio.run(counted(url))}) + "\n")
    except StoreOpenError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except CallError as error:
        words = "nothing answers at" if error.code == "UNAVAILABLE" else "no good answer from"
        cut_off = any(words in error.details for words in CUT_OFF)
        hint = " (with TLS: ?cacert=FILE)" if cut_off and not tls else ""
        sys.stderr.write(f"{words} {shown}: {error.details or error.code}{hint}\n")
        return 1
    except (etcd2.CallError, etcd2.RefusedError) as error:
        nobody = isinstance(error, etcd2.CallError) and error.fault is not None
        words = "nothing answers at" if nobody else "no good answer from"
        sys.stderr.write(f"{words} {shown}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
