"""The subcommands by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from typing import Final

from bench.commands import (
    api_bench,
    etcd,
    full,
    generations,
    locust,
    matrix,
    micro,
    report,
    run,
    store_bench,
    up,
)
from bench.commands.interface import Command

COMMANDS: Final[dict[str, Command]] = {
    "up": up,
    "run": run,
    "matrix": matrix,
    "full": full,
    "micro": micro,
    "locust": locust,
    "api-bench": api_bench,
    "store-bench": store_bench,
    "generations": generations,
    "report": report,
    "etcd": etcd,
}
