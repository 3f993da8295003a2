"""The steady phase: its part of the results, its page's section, and a real one in small."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.cli import main
from bench.commands.run import exit_code
from bench.commands.steady_lines import steady_lines
from bench.declared import Declared
from bench.measurements.steady import steady
from bench.observed import Observed
from bench.plane import PlaneOptions, apiserver_arguments
from bench.plane_store import StoreFacts
from bench.requests import Call, Request
from bench.results import Config, Results, Status
from bench.scenarios.stage import Mark, OldRead, PhaseRecord
from bench.steadiness import usual_compact_every_s, usual_steady_s
from bench.steady_results import Aim, Compactions
from bench.verdict.registry import RULES
from reports.steady_model import Steady as ReadSteady
from reports.steady_section import steady_section
from tests.bench.busy_machine import own_reasons
from tests.bench.run_results import MS, ORIGIN, S, mark, observed, scrape
from tests.reports.markup import PageReader

CHANGES = {"created": 10, "grown": 10, "deleted": 9, "shrunk": 8, "passed": 3}


def compacting(at_s: float, count: float, revision: float, requests: int) -> Mark:
    made = mark(at_s, at_s, int(revision) + 7, scrape(0, requests, requests), 0)
    counters = {"store_compactions": count, "store_compacted_revision": revision}
    return made._replace(counters={"apiserver": counters})


def churned() -> Observed:
    """Return a run that was steady from 5 s to 7 s, with a probe in it."""
    get, listed = Call("get", "pods"), Call("list", "pods", scope="cluster")
    begin, end = compacting(5, 1.0, 20.0, 50), compacting(7, 3.0, 60.0, 150)
    found = observed()
    requests = [
        Request(get, ORIGIN + 1 * S, ORIGIN + 1 * S, ORIGIN + 3 * S, 200),  # in the fill
        Request(get, ORIGIN + 6 * S, ORIGIN + 6 * S, ORIGIN + 6 * S + 3 * MS, 200),
        Request(get, ORIGIN + 6 * S, ORIGIN + 6 * S, ORIGIN + 6 * S + 9 * MS, 404),
        Request(listed, ORIGIN + 6 * S, ORIGIN + 6 * S, ORIGIN + 7 * S, 200),
    ]
    return replace(
        found,
        config=replace(found.config, steady_s=2.0, compact_every_s=1.0),
        requests=requests,
        phases=[*found.phases, PhaseRecord("steady", begin, end)],
        churn=CHANGES,
        old_read=OldRead(27, 410),
    )


def test_steady_part_is_of_the_steady_phase_alone() -> None:
    found = steady(churned())

    assert found is not None
    assert (found.seconds, found.changes, found.changes_per_s) == (2.0, CHANGES, 18.5)
    assert (found.pod_startup.count, found.single_object.count) == (1, 1)
    assert found.pod_startup.max_ms == pytest.approx(10, rel=0.01)
    assert found.single_object.max_ms == pytest.approx(3, rel=0.01)
    assert {(r.source, r.verb, r.count) for r in found.api_latency} == {
        ("client", "get", 1),
        ("client", "list", 1),
        ("apiserver", "create", 100),
    }
    assert found.compactions == Compactions(1.0, 2, 60, 27, 410, last_revision=67)
    assert found.writes_per_s == 20.0


def test_steady_part_says_where_the_store_declares_no_compaction() -> None:
    seen = churned()
    limited = replace(seen, store=StoreFacts(declared=Declared(compaction=False)))
    found = steady(limited)

    assert found is not None
    assert found.compactions is not None
    assert not found.compactions.declared
    assert "a store that has no compaction" in next(iter(steady_lines(found)))
    read = msgspec.json.decode(msgspec.json.encode(found), type=ReadSteady)
    assert "the store declares that it has none" in PageReader(steady_section(read)).text


def test_steady_aims_are_held_against_what_was_measured() -> None:
    found = steady(churned())

    assert found is not None
    assert found.aims["pod_startup_p99"] == Aim(
        1_000.0, 5_000.0, found.pod_startup.p99_ms, met=True
    )
    assert found.aims["single_object_client_p99"].measured_ms == found.single_object.p99_ms
    assert found.aims["single_object_server_p99"].measured_ms == pytest.approx(24.8)


def test_steady_part_of_probes_alone_speaks_of_no_compaction() -> None:
    seen = replace(churned(), config=Config(probes=1), churn={}, old_read=None)

    found = steady(seen)

    assert found is not None
    assert (found.compactions, found.changes_per_s) == (None, None)
    assert list(steady_lines(found)) == []


def test_steady_part_is_absent_where_the_phase_did_not_end() -> None:
    assert steady(observed()) is None


def test_section_and_lines_tell_the_aims_the_churn_and_the_compactions() -> None:
    found = steady(churned())
    assert found is not None
    read = msgspec.convert(msgspec.to_builtins(found), ReadSteady)

    text = PageReader(steady_section(read)).text

    for words in ("≤ 1 s", "≤ 100 ms", "18.5 /s of 20 asked", "410: gone", "passed over"):
        assert words in text, (words, text)
    first, *aims = steady_lines(found)
    assert first == (
        "2 s, 18.5 changes/s of 20 asked, 2 compactions, a read as of its begin: gone (410)"
    )
    assert all(line.endswith(": met") for line in aims)


@pytest.mark.parametrize(
    ("nodes", "pods", "seconds", "every_s"),
    [(2000, 60_000, 300.0, 135.0), (1000, 30_000, 300.0, 135.0), (999, 60_000, 0.0, 0.0)],
)
def test_full_size_is_steady_and_compacted_by_itself(
    nodes: int, pods: int, seconds: float, every_s: float
) -> None:
    assert usual_steady_s(nodes, pods) == seconds
    assert usual_compact_every_s(seconds) == every_s
    config = Config(nodes=nodes, pods=pods, steady_s=seconds, compact_every_s=every_s)
    assert config.cell == "protobuf-etcd3"
    assert replace(config, compact_every_s=7.0).cell == "protobuf-etcd3-compact-7s"


def test_api_server_compacts_as_the_config_says_or_as_usual(tmp_path: Path) -> None:
    told = apiserver_arguments(PlaneOptions(Config(compact_every_s=1.5), tmp_path))
    untold = apiserver_arguments(PlaneOptions(Config(), tmp_path))

    assert told[told.index("--compact-every") + 1] == "1.5"
    assert "--compact-every" not in untold


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_run_with_churn_across_a_compaction_is_audited_full_and_empty(tmp_path: Path) -> None:
    out = tmp_path / "run"
    load = ["--nodes", "10", "--pods", "60", "--steady", "3", "--heartbeat", "1"]

    code = main(["run", *load, "--store", "etcd3", "--out", str(out)])

    results = Results.read(out)
    verdict = results.verdict
    assert own_reasons(verdict) == []
    assert set(verdict.rules) <= set(RULES)
    assert code == exit_code(results)
    found = results.measurements.steady
    assert found is not None
    assert found.compactions is not None
    assert found.compactions.in_phase
    assert found.compactions.read_code == 410
    assert sum(found.changes.values()) == 60
    counts = {name: json.loads((out / "audit" / f"{name}.json").read_bytes()) for name in LABELS}
    standing = found.changes["created"] - found.changes["deleted"]
    assert counts["full"]["counts"]["pods"] == 60 + standing
    assert counts["full"]["stored_pods"] in (60 + standing, None)
    assert counts["empty"]["counts"]["pods"] == 0
    assert "The steady phase" in (out / "report.html").read_text(encoding="utf-8")


LABELS = ("full", "empty")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("undrawn")
def test_run_whose_store_is_never_compacted_though_asked_is_void(tmp_path: Path) -> None:
    out = tmp_path / "run"
    load = ["--nodes", "2", "--pods", "10", "--steady", "1", "--compact-every", "99"]
    load += ["--history", "off"]

    main(["run", *load, "--store", "memory", "--out", str(out)])

    verdict = Results.read(out).verdict
    assert verdict.status is Status.VOID
    assert "the store was not compacted in the steady phase, asked every 99 s" in verdict.reasons
