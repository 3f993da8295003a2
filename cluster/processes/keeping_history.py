"""``--history DIR``: what a process writes down of its requests, watches and changes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.client.history import HistoryWriter
from cluster.client.interface import ApiClient
from cluster.client.recording_client import RecordingClient
from cluster.processes.shell import Shell


def add_history_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--history", type=Path, metavar="DIR", help="keep a history of what was done and seen there"
    )


@contextmanager
def keep_history(
    shell: Shell, directory: Path | None, process: str
) -> Iterator[HistoryWriter | None]:
    """Give the process's history, counted in its statistics; None where none was asked for."""
    if directory is None:
        shell.counter("history_entries", lambda: 0)
        yield None
        return
    with HistoryWriter(directory, process, shell.clock) as history:
        shell.counter("history_entries", lambda: history.entries)
        yield history


def recorded(client: ApiClient, history: HistoryWriter | None, name: str) -> ApiClient:
    """Return a client whose requests are written down, or the client itself."""
    return client if history is None else RecordingClient(client, history, name)
