"""What etcdctl says, read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands.interface import OK
from bench.commands.store_bench_summary import comparison_line
from bench.storebench.check_perf import LOADS, name_of, row_of
from bench.storebench.rows import Window
from bench.storebench.table import compared

PASSED = """
 60 / 60 Booooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo! 100.00% 1m0s
PASS: Throughput is 7996 writes/s
PASS: Slowest request took 0.151321s
PASS: Stddev is 0.010291s
PASS
"""
FAILED = """
FAIL: Throughput too low: 3700 writes/s
Slowest request took too long: 0.871321s
FAIL: Stddev too high: 0.110291s
FAIL
"""
WINDOW = Window(60.0, 30.0, {"syncs": 6000.0})


@pytest.mark.parametrize(
    ("said", "per_s", "max_ms", "notes"),
    [(PASSED, 7996.0, 151.321, 0), (FAILED, 3700.0, 871.321, 2)],
)
def test_its_throughput_and_slowest_request_are_read(
    said: str, per_s: float, max_ms: float, notes: int
) -> None:
    row = row_of("etcd", "l", 1, said, 45.0, WINDOW)

    assert row.values == {
        "per_s": per_s,
        "client_cores": 0.75,
        "server_cores": 0.5,
        "syncs_per_s": 100.0,
    }
    assert row.latency.max_ms == pytest.approx(max_ms)
    assert (row.invalid, len(row.notes), row.clients) == ([], notes, LOADS["l"])


def test_one_that_told_nothing_makes_its_row_invalid() -> None:
    row = row_of("etcd", "s", 1, "Error: context deadline exceeded\n", 0.0, WINDOW)

    assert row.invalid == ["etcdctl told no throughput: Error: context deadline exceeded"]


def test_ours_and_the_real_one_are_compared() -> None:
    rows = [
        row_of(server, "l", 1, said, 1.0, WINDOW)
        for server, said in (("kubedyno-etcd3", FAILED), ("etcd", PASSED))
    ]

    (found,) = compared(rows)

    assert rows[0].cell == name_of("kubedyno-etcd3", "l")
    assert (found.what, round(found.ratio, 3)) == ("check-perf l", 0.463)
    assert comparison_line(found).endswith("(one round); aim >= 0.25, met")
    assert comparison_line(replace(found, ratio=0.24)).endswith("aim >= 0.25, missed")


def test_without_the_program_it_is_left_out_with_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["store-bench", "--check-perf"]) == OK

    assert "skipped: check perf: there is no program 'etcdctl'" in capsys.readouterr().out
