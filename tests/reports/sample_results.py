"""Results directories as ``bench`` writes them, made up but plausible, the same at every call."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from reports.reading import SCHEMA_VERSION
from tests.reports.sample_attribution import LAYERS
from tests.reports.sample_load import LOAD
from tests.reports.sample_waterfall import WATERFALL

Json = dict[str, Any]
PODS: Final = 400
_COST: Final = {"json": 3.4, "orjson": 2.1, "protobuf": 1.0}
_STORE_COST: Final = {"etcd3": 1.15, "memory": 1.0}
PROCESSES: Final = {"apiserver": 0.5, "control": 0.28, "nodes": 0.3, "measuring": 0.12}


class Seen(NamedTuple):
    """A pod's moments, in milliseconds since the origin."""

    added: float
    bound: float
    reported: float
    running: float


def latency(times: list[float]) -> Json:
    ordered = sorted(times)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return {
        "count": len(ordered),
        "p50_ms": at(0.5),
        "p90_ms": at(0.9),
        "p99_ms": at(0.99),
        "max_ms": ordered[-1],
    }


def environment() -> Json:
    return {
        "cpu": "A Processor @ 2.80GHz",
        "cores": 2,
        "memory_mib": 7900,
        "kernel": "6.1.0",
        "python": "3.11.7",
        "versions": {"protobuf": "7.35.1", "orjson": "3.11.0"},
        "git_revision": "abc1234",
        "load_average": 0.21,
    }


def config(codec: str = "protobuf", store: str = "etcd3") -> Json:
    return {
        "scenario": "density",
        "nodes": 40,
        "pods": PODS,
        "codec": codec,
        "storage_codec": codec,
        "store": store,
        "data_dir": "",
        "watch_write": "transport",
        "rate": 0.0,
        "probes": 25,
        "probe_interval_ms": 200.0,
        "heartbeat_s": 10.0,
        "seed": 7,
        "profile": False,
    }


def _pods(random: Random, cost: float) -> list[list[str | float]]:
    rows: list[list[str | float]] = []
    for number in range(PODS + 25):
        probe = number >= PODS
        added = 14_000 + (number - PODS) * 200 if probe else number * 6.0 * cost
        added += random.expovariate(1 / 8)
        bound = added + random.lognormvariate(2.2 if probe else 5.2, 0.5) * cost
        running = bound + 12 + random.lognormvariate(3 if probe else 4.6, 0.5) * cost
        reported = running - (running - bound) * random.random()
        rows.append(
            [
                "probe" if probe else "rc",
                "load",
                f"pod-{number}",
                f"uid-{number}",
                f"node-{number % 40}",
                added - 3 if probe else "",
                added,
                bound,
                reported,
                running,
                20_000 + number * 8.0 + random.random() * 100,
                number + 100,
            ]
        )
    return rows


def _processes(random: Random, cost: float) -> list[list[str | float]]:
    rows: list[list[str | float]] = []
    used = dict.fromkeys(PROCESSES, 0.2)
    for second in range(-2, 26):
        for name, share in PROCESSES.items():
            busy = share if 0 <= second < 3 * cost or second >= 20 else share * 0.12
            used[name] += busy * (0.9 + random.random() * 0.2)
            rows.append([second * 1000.0, name, used[name], 40 + 4 * max(second, 0), 12.0])
    return rows


def _write_csv(path: Path, head: list[str], rows: list[list[str | float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


_POD_HEAD: Final = [
    *("source", "namespace", "name", "uid", "node", "intended_ms", "added_ms", "bound_ms"),
    *("reported_ms", "running_ms", "deleted_ms", "resource_version"),
]


def _service_levels(startup_p99_ms: float) -> Json:
    return {
        "pod_startup_p99": {
            "target": 5000.0,
            "measured": startup_p99_ms,
            "met": True,
            "unit": "ms",
        },
        "mutating_p99": {"target": 1000.0, "measured": 12.5, "met": True, "unit": "ms"},
        "cluster_list_p99": {"target": 30000.0, "measured": None, "met": False, "unit": "ms"},
    }


def _api_latency() -> list[Json]:
    return [
        {
            "verb": "create",
            "resource": "pods",
            "subresource": "",
            "scope": "resource",
            "source": source,
            "count": 25,
            "p50_ms": 1.9,
            "p90_ms": 3.0,
            "p99_ms": 12.5,
            "max_ms": 12.5 if source == "client" else None,
        }
        for source in ("client", "apiserver")
    ]


def _process_use(cost: float) -> Json:
    return {
        name: {
            "cpu_s": share * cost * 9,
            "anon_max_mib": 60 + share * 100,
            "file_max_mib": 14.0,
            "cpu_fill_s": share * cost * 6,
            "gc_max_ms": 4.2,
            "lag_p99_ms": 3.0,
            "lag_max_ms": 9.0,
        }
        for name, share in PROCESSES.items()
    }


def _startup(seen: list[Seen], probes: list[float]) -> Json:
    return {
        "create_to_schedule": latency([pod.bound - pod.added for pod in seen]),
        "schedule_to_run": latency([pod.reported - pod.bound for pod in seen]),
        "run_to_watch": latency([pod.running - pod.reported for pod in seen]),
        "schedule_to_watch": latency([pod.running - pod.bound for pod in seen]),
        "pod_startup": latency(probes),
        "watched_startup": latency([pod.running - pod.added for pod in seen]),
    }


def results(pods: list[list[str | float]], cell: Json, cost: float) -> Json:
    seen = [Seen(*(float(cell) for cell in row[6:10])) for row in pods]
    probes = [float(row[9]) - float(row[5]) for row in pods if row[0] == "probe"]
    fill_s = max(pod.running for pod in seen[:PODS]) / 1000
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": f"run-{cell['codec']}-{cell['store']}",
        "started": "2026-01-02T03:04:05Z",
        "duration_s": 31.5,
        "environment": environment(),
        "config": cell,
        "verdict": {"status": "valid", "reasons": []},
        "slo": _service_levels(latency(probes)["p99_ms"]),
        "phases": [
            {"name": "fill", "start_s": 0.0, "end_s": fill_s},
            {"name": "steady", "start_s": fill_s, "end_s": 20.0},
            {"name": "delete", "start_s": 20.0, "end_s": 24.0},
        ],
        "measurements": {
            "pod_startup": _startup(seen, probes),
            "api_latency": _api_latency(),
            "throughput": {
                "pods_per_s": PODS / fill_s,
                "writes_per_s": PODS * 4.1 / fill_s,
                "watch_events_per_s": PODS * 12 / fill_s,
                "deletes_per_s": None,
            },
            "processes": _process_use(cost),
            "bytes": {
                "wire": {"measuring.received": 4_000_000, "nodes.received": 12_000_000},
                "per_object": {"pod.json": 2467.0, "pod.protobuf": 1144.0},
            },
            "layers": LAYERS,
            "lateness": latency([0.1, 0.2, 0.4]),
            "counters": {"apiserver": {"requests": 5210.0, "watch_events": 4800.0}},
            "hot": {},
            "load": LOAD,
            "waterfall": WATERFALL,
        },
    }


def write_run(
    directory: Path, *, codec: str = "protobuf", store: str = "etcd3", seed: int = 1
) -> Json:
    """Write a run's directory; return its results.json."""
    random = Random(seed)
    cost = _COST.get(codec, 1.0) * _STORE_COST.get(store, 1.0) * (1 + random.random() * 0.12)
    pods = _pods(random, cost)
    _write_csv(directory / "samples/pods.csv", _POD_HEAD, pods)
    _write_csv(
        directory / "samples/processes.csv",
        ["t_ms", "process", "cpu_s", "anon_mib", "file_mib"],
        _processes(random, cost),
    )
    written = results(pods, config(codec, store), cost)
    (directory / "results.json").write_text(json.dumps(written))
    return written


METRICS: Final = {
    "pods_per_s": ("Pods started", "pods/s", True),
    "startup_p99_ms": ("Pod start-up p99 (probes)", "ms", False),
    "cpu_ms_per_pod": ("CPU a pod, all processes", "ms", False),
    "apiserver_cpu_fill_s": ("CPU of the fill, API server", "s", False),
    "apiserver_anon_max_mib": ("Memory, API server", "MiB", False),
}


def _values(run: Json) -> dict[str, float]:
    measured = run["measurements"]
    fill = {name: use["cpu_fill_s"] for name, use in measured["processes"].items()}
    return {
        "pods_per_s": measured["throughput"]["pods_per_s"],
        "startup_p99_ms": measured["pod_startup"]["pod_startup"]["p99_ms"],
        "cpu_ms_per_pod": sum(fill.values()) * 1000 / PODS,
        "apiserver_cpu_fill_s": fill["apiserver"],
        "apiserver_anon_max_mib": measured["processes"]["apiserver"]["anon_max_mib"],
    }


def _cell(directory: Path, codec: str, store: str, rounds: int) -> Json:
    name = f"{codec}-{store}"
    made: list[Json] = []
    for number in range(1, rounds + 1):
        run = write_run(
            directory / name / f"round-{number}", codec=codec, store=store, seed=number * 31
        )
        made.append(
            {
                "round": number,
                "directory": f"{name}/round-{number}",
                "verdict": {"status": "valid", "reasons": []},
                "values": _values(run),
            }
        )
    summary: Json = {}
    for key in METRICS:
        values = [item["values"][key] for item in made]
        mean = sum(values) / rounds
        half = (max(values) - min(values)) * 1.2
        bounds = (mean - half, mean + half) if rounds > 1 else (None, None)
        summary[key] = {"mean": mean, "low": bounds[0], "high": bounds[1], "rounds": rounds}
    return {
        "name": name,
        "codec": codec,
        "storage_codec": codec,
        "store": store,
        "rounds": made,
        "summary": summary,
    }


def _comparison(metric: str, numerator: Json, denominator: Json, rounds: int) -> Json:
    ratio = numerator["summary"][metric]["mean"] / denominator["summary"][metric]["mean"]
    return {
        "axis": "codec" if numerator["store"] == denominator["store"] else "store",
        "metric": metric,
        "numerator": numerator["name"],
        "denominator": denominator["name"],
        "ratio": ratio,
        "low": ratio * 0.8 if rounds > 1 else None,
        "high": ratio * 1.25 if rounds > 1 else None,
        "rounds": rounds,
        "decided": False,
        "rounds_needed": 6 if rounds > 1 else None,
        "text": f"undecided: {rounds} rounds, about 6 needed",
    }


def write_matrix(directory: Path, *, rounds: int = 3) -> Json:
    """Write a matrix' directory with its runs; return its matrix.json."""
    pairs = [(codec, store) for store in _STORE_COST for codec in _COST]
    cells = [_cell(directory, codec, store, rounds) for codec, store in pairs]
    named = {cell["name"]: cell for cell in cells}
    comparisons = [
        _comparison(metric, named[f"{codec}-{store}"], named[f"protobuf-{store}"], rounds)
        for metric in METRICS
        for store in _STORE_COST
        for codec in ("json", "orjson")
    ]
    comparisons += [
        _comparison(metric, named[f"{codec}-etcd3"], named[f"{codec}-memory"], rounds)
        for metric in METRICS
        for codec in _COST
    ]
    written = {
        "schema_version": SCHEMA_VERSION,
        "matrix_id": "matrix-1",
        "started": "2026-01-02T03:04:05Z",
        "duration_s": 280.0,
        "complete": True,
        "environment": environment(),
        "config": config(),
        "order": [item["directory"] for cell in cells for item in cell["rounds"]],
        "metrics": {
            key: {"title": title, "unit": unit, "higher_is_better": higher}
            for key, (title, unit, higher) in METRICS.items()
        },
        "cells": cells,
        "comparisons": comparisons,
    }
    (directory / "matrix.json").write_text(json.dumps(written))
    return written


def write_codecs(directory: Path) -> Json:
    """Write a codec table; return its codecs.json."""
    weight = {"small pod": 6.0, "running pod": 20.0, "node": 26.0, "list of 500": 9500.0}
    rows = [
        {
            "codec": codec,
            "level": level,
            "direction": direction,
            "shape": shape,
            "mean_us": base * cost * factor * (1.2 if direction == "decode" else 1.0),
            "stdev_us": base * 0.02,
            "encoded_bytes": int(base * (50 if codec == "protobuf" else 120)),
        }
        for shape, base in weight.items()
        for direction in ("encode", "decode")
        for level, factor in (("wire", 1.0), ("typed", 2.4))
        for codec, cost in (("json", 1.0), ("orjson", 0.3), ("protobuf", 0.1))
    ]
    written = {
        "schema_version": SCHEMA_VERSION,
        "started": "2026-01-02T03:04:05Z",
        "environment": environment(),
        "rows": rows,
        "fast": True,
        "notes": [],
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "codecs.json").write_text(json.dumps(written))
    return written
