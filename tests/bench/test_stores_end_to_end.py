"""``kubedyno run`` on a real etcd, on one that others run, and with several API servers; small."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import ERROR
from bench.commands.run import exit_code
from bench.history.report import AT_LEAST_ONCE
from bench.own_etcd import OwnEtcd
from bench.results import Results
from storage.clock import SystemClock
from tests.bench.busy_machine import own_reasons
from tests.real_etcd import require_etcd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("undrawn"),
]

SMALL = ["--nodes", "10", "--pods", "60", "--probes", "3", "--probe-interval", "50"]
PODS = 63

Run = Callable[..., Results]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs, and reads the results."""

    def act(*more: str) -> Results:
        out = tmp_path / "run"
        code = main(["run", *SMALL, "--out", str(out), *more])
        results = Results.read(out)
        assert code == exit_code(results)
        return results

    return act


def judged(results: Results, directory: Path, servers: int) -> None:
    """Hold that all parties who look at a run find it right."""
    assert own_reasons(results.verdict) == []
    assert results.measurements.pod_startup.watched_startup.count == PODS
    report = results.history
    assert report is not None
    assert (report.error, report.violations) == ("", {})
    assert ("truth-agreed" in report.checked) is (servers > 1)
    for label, pods in (("full", PODS), ("empty", 0)):
        audit = json.loads((directory / "run" / "audit" / f"{label}.json").read_bytes())
        assert audit["disagreements"] == []
        assert (audit["counts"]["pods"], audit["servers"]) == (pods, servers)


def test_run_on_a_real_etcd(run: Run, tmp_path: Path) -> None:
    require_etcd()

    results = run("--real-etcd", "1")

    judged(results, tmp_path, servers=1)
    assert results.config.cell == "protobuf-etcd3-real"
    measured = results.measurements
    assert set(measured.processes) == {"etcd", "apiserver", "control", "nodes", "measuring"}
    assert measured.processes["etcd"].cpu_s > 0
    assert measured.processes["etcd"].anon_max_mib > 0
    store = measured.store
    assert (store.kind, store.members) == ("real", 1)
    assert store.version.startswith("3.")
    assert store.syncs
    assert store.writes
    assert store.writes > PODS
    assert store.disk_bytes
    assert not (tmp_path / "run" / "data").exists()


def test_run_with_two_servers_on_our_engine(run: Run, tmp_path: Path) -> None:
    results = run("--apiservers", "2")

    judged(results, tmp_path, servers=2)
    measured = results.measurements
    assert {"etcd", "apiserver-1", "apiserver-2"} <= set(measured.processes)
    assert "apiserver" not in measured.processes
    assert measured.store.kind == "served"
    assert measured.store.syncs
    layers = measured.layers.processes
    assert {"apiserver", "control", "nodes"} <= set(layers)
    used = [measured.processes[f"apiserver-{n}"].cpu_s for n in (1, 2)]
    assert layers["apiserver"].cpu_s == pytest.approx(sum(used), rel=0.3)
    created = [row for row in measured.api_latency if row.source == "apiserver"]
    pods = next(r for r in created if (r.verb, r.resource, r.subresource) == ("create", "pods", ""))
    assert pods.count == PODS


def test_run_with_two_servers_on_three_members(run: Run, tmp_path: Path) -> None:
    require_etcd()

    results = run("--apiservers", "2", "--real-etcd", "3")

    judged(results, tmp_path, servers=2)
    assert results.config.cell == "protobuf-etcd3-real3-apiservers-2"
    assert {"etcd-1", "etcd-2", "etcd-3"} <= set(results.measurements.processes)
    assert set(results.measurements.store.by_member) == {"etcd-1", "etcd-2", "etcd-3"}


@pytest.mark.parametrize(
    ("chosen", "kind", "codec"),
    [
        (("--store", "etcd2"), "embedded", "protobuf"),
        (("--store", "etcd2", "--apiservers", "2"), "served", "orjson"),
        (("--store", "etcd2", "--real-etcd", "1", "--steady", "2"), "real", "protobuf"),
    ],
)
def test_run_on_etcd_2(
    run: Run, tmp_path: Path, chosen: tuple[str, ...], kind: str, codec: str
) -> None:
    require_etcd()

    results = run("--codec", codec, *chosen)

    steady = kind == "real"
    if not steady:
        judged(results, tmp_path, servers=2 if kind == "served" else 1)
    assert own_reasons(results.verdict) == []
    assert results.history is not None
    assert (results.history.error, results.history.violations) == ("", {})
    store = results.measurements.store
    assert (store.kind, store.declared.history_events) == (kind, 1000)
    assert not store.declared.old_revisions
    assert not store.declared.compaction
    assert store.syncs
    assert store.writes
    assert store.writes > PODS
    if codec == "protobuf":
        assert store.plain_value_bytes
        assert store.wrapped_value_bytes
        assert 1.3 < store.wrapped_value_bytes / store.plain_value_bytes < 1.4
    servers = [n for n in results.measurements.counters if n.startswith("apiserver")]
    told = [results.measurements.counters[name]["store_compactions"] for name in servers]
    assert set(told) == {0}
    if steady:
        found = results.measurements.steady
        assert found is not None
        assert found.compactions is not None
        assert (found.compactions.declared, found.compactions.read_code) == (False, 410)


def test_run_with_joined_writes_is_judged_at_least_once_and_loses_nothing_with_a_watch(
    run: Run,
) -> None:
    require_etcd()

    results = run("--real-etcd", "1", "--etcd-batch", "on", "--fault", "drop-watch")

    assert results.config.cell == "protobuf-etcd3-real-etcd-batch-on"
    assert all("the watch was torn" in reason for reason in own_reasons(results.verdict))
    report = results.history
    assert report is not None
    assert (report.error, report.violations) == ("", {})
    assert report.delivery == AT_LEAST_ONCE
    told = results.measurements.counters["apiserver"]
    assert told["store_batched_writes"] >= 2 * told["store_batches"] > 0
    assert told["store_txns"] < told["store_client_writes"]
    assert results.measurements.store.writes
    assert results.measurements.store.writes > 3 * PODS  # created, bound, running: at the least


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[str]:
    """Return the URL of an etcd that others run."""
    require_etcd()
    with asyncio.Runner() as runner:
        etcd = OwnEtcd(1, tmp_path / "foreign", tmp_path / "foreign-logs", SystemClock())
        runner.run(etcd.start())
        yield etcd.url
        runner.run(etcd.stop())


def test_a_store_of_others_must_be_clean_and_is_left_so_unless_it_is_to_be_kept(
    run: Run, foreign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run("--store", foreign)
    second = run("--store", foreign, "--keep-store", "--history", "off")
    code = main(["run", *SMALL, "--store", foreign, "--out", str(tmp_path / "third")])

    judged_of = [own_reasons(results.verdict) for results in (first, second)]
    assert judged_of == [[], []]
    assert first.history is not None
    assert first.history.violations == {}
    assert first.measurements.store.kind == "remote"
    assert first.measurements.store.syncs
    assert code == ERROR
    said = capsys.readouterr().err.splitlines()[-1]
    assert "keys under /registry/ already" in said
