"""Results of ``run`` and ``api-bench`` on the same stores: beside, in a table of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.apibench.results import API_BENCH_FILE, ApiBench
from bench.apibench.results import Row as ApiRow
from bench.results import (
    RESULTS_FILE,
    ProcessUse,
    Results,
    Status,
    UnreadableResultsError,
    read_json,
)
from bench.store_choice import generation_of, real_members
from bench.storebench.results import Row
from bench.storebench.servers import REAL, REAL_V2

TABLE: Final = "under the API server"
OWN: Final = "own "
SERVERS: Final = {"served": "kubedyno-{store}", "embedded": "kubedyno-{store}-embedded"}
REALS: Final = {2: REAL_V2, 3: REAL}
"""By generation."""
RENAMED: Final = {
    "per_s": ("per_s", 1.0),
    "server_ms": ("server_us", 1000.0),
    "server_cores": ("server_cores", 1.0),
    "generator_us": ("client_us", 1.0),
    "generator_cores": ("client_cores", 1.0),
}
"""Figures of api-bench, under our names."""


class NothingBesideError(Exception):
    """A directory that holds neither; the message is one line."""


def rows_beside(directories: Iterable[Path]) -> list[Row]:
    """Return a row a run and an operation; what comes again is the next round.

    Raises NothingBesideError, UnreadableResultsError.
    """
    seen: Counter[str] = Counter()
    rows = []
    for directory in directories:
        for row in _rows_in(directory):
            seen[row.cell] += 1
            rows.append(replace(row, round=seen[row.cell]))
    return rows


def _rows_in(directory: Path) -> Iterator[Row]:
    if (directory / RESULTS_FILE).is_file():
        yield of_run(Results.read(directory))
    elif (directory / API_BENCH_FILE).is_file():
        found = read_json(directory / API_BENCH_FILE, ApiBench)
        yield from (of_operation(row, found.server) for row in found.rows)
    else:
        raise NothingBesideError(f"{directory}: neither {RESULTS_FILE} nor {API_BENCH_FILE} in it")


def server_of(kind: str, store: str) -> str:
    """Return how our tables name a store of some kind (``StoreUse``)."""
    if kind == "real":
        return REALS[generation_of(store) or 3]
    return SERVERS.get(kind, "{store}").format(store=store)


def of_run(results: Results) -> Row:
    """Return what a run says of its store: pods a second, writes, syncs, cores by side."""
    config, measured = results.config, results.measurements
    store = measured.store
    server = server_of(store.kind, config.store)
    seconds = store.seconds or 0.0
    values = {
        "per_s": measured.throughput.pods_per_s,
        "writes_per_s": store.writes_per_s,
        "syncs_per_s": store.syncs_per_s,
        "writes_per_sync": store.writes_per_sync,
    }
    if seconds:
        sides = {"server_cores": "apiserver", "store_cores": "etcd"}
        used = {side: _cpu_s(measured.processes, word) for side, word in sides.items()}
        values |= {side: cpu_s / seconds for side, cpu_s in used.items() if cpu_s}
        every = sum(use.cpu_fill_s for use in measured.processes.values())
        values["client_cores"] = (every - sum(used.values())) / seconds
    void = results.verdict.status == Status.VOID
    return Row(
        cell=" ".join(
            (server, f"run {config.nodes}/{config.pods}", config.codec, *config.departures)
        ),
        round=1,
        table=TABLE,
        server=server,
        operation="run",
        clients=config.nodes,
        processes=len(measured.processes),
        values={name: value for name, value in values.items() if value is not None},
        latency=measured.pod_startup.pod_startup,
        window_s=seconds,
        invalid=list(results.verdict.reasons) if void else [],
        notes=[] if void else list(results.verdict.reasons),
    )


def _cpu_s(processes: dict[str, ProcessUse], word: str) -> float:
    return sum(use.cpu_fill_s for name, use in processes.items() if name.split("-")[0] == word)


def of_operation(row: ApiRow, server: str) -> Row:
    """Return a row of api-bench."""
    store = server.removeprefix(OWN).partition(",")[0]
    if server.startswith(OWN):
        server = server_of("real" if real_members(store) else "embedded", store)
    return Row(
        cell=f"{server} {row.cell}",
        round=row.round,
        table=TABLE,
        server=server,
        operation=row.operation,
        clients=row.connections,
        processes=1,
        values={
            ours: row.values[theirs] * scale
            for theirs, (ours, scale) in RENAMED.items()
            if theirs in row.values
        },
        latency=row.latency,
        operations=row.operations,
        window_s=row.window_s,
        invalid=row.invalid,
        notes=row.notes,
    )


READING: Final = (NothingBesideError, UnreadableResultsError)
"""What ``rows_beside`` raises."""
