"""A run of api-bench, as the reports' tests need it."""

from __future__ import annotations

from reports.apibench_model import ApiBench, Goal, Line, Spread
from reports.model import Environment


def sample_api_bench() -> ApiBench:
    """Return a run of three rounds: an aim met, one missed, one that nothing was measured for."""
    create = Line(
        "create protobuf c16",
        {
            "per_s": Spread(6000.0, 5500.0, 6100.0, 3),
            "p99_ms": Spread(4.0, 3.9, 5.0, 3),
            "server_ms": Spread(0.15, 0.14, 0.16, 3),
        },
        [
            Goal("per_s", 5000.0, None, 6000.0, met=True),
            Goal("server_ms", None, 0.13, 0.15, met=False),
        ],
        notes=["round 1: generator-bound: 0.95 of one core"],
    )
    restart = Line(
        "large 60000: restart",
        {},
        [Goal("restart_s", None, 3.0, None, met=False)],
        invalid=["round 2: 60000 pods before, <59999> after"],
    )
    memory = Line("large 60000: memory filled", {"anon_mib": Spread(400.0, 400.0, 400.0, 1)})
    return ApiBench(
        run_id="api-bench-sample",
        started="2026-01-02T03:04:05+00:00",
        duration_s=12.0,
        environment=Environment(),
        command="kubedyno api-bench --table",
        server="own etcd3",
        lines=[create, restart, memory],
    )
