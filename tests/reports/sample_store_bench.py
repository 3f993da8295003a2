"""A run of store-bench, as the reports' tests need it."""

from __future__ import annotations

from reports.apibench_model import Line, Spread
from reports.model import Environment
from reports.storebench_model import Comparison, StoreBench, StoreTable


def _line(server: str, operation: str, callers: int, per_s: float) -> Line:
    figures = {"per_s": Spread(per_s, per_s * 0.9, per_s * 1.1, 3)}
    return Line(f"{server} {operation} c{callers}", figures)


def sample_store_bench() -> StoreBench:
    """Return a run of three rounds: engines in process, servers of both generations."""
    inside = [
        _line(engine, operation, callers, rate * callers)
        for engine, rate in (("etcd3", 700.0), ("etcd2", 600.0))
        for operation in ("put", "range")
        for callers in (1, 16, 64)
    ]
    over = [
        _line(server, "put", callers, rate * callers)
        for server, rate in (("kubedyno-etcd2", 200.0), ("etcd-v2", 250.0), ("etcd", 260.0))
        for callers in (64, 1)
    ]
    paced = _line("etcd", "put", 16, 200.0)
    other = [
        Line("etcd put c16 200/s", paced.figures),
        Line("etcd watch 100w 200/s", paced.figures),
        Line("etcd txn c16", {}, invalid=["round 1: because"]),
    ]
    ratio = Comparison("put c64", "kubedyno-etcd2", "etcd-v2", 0.8, None, None, 1, 0.5)
    return StoreBench(
        run_id="store-bench-sample",
        started="2026-01-02T03:04:05+00:00",
        duration_s=12.0,
        environment=Environment(),
        command="kubedyno store-bench --table",
        tables=[
            StoreTable("in process", inside),
            StoreTable("over the protocol, wire client", [*over, *other], [ratio]),
        ],
    )
