"""Stamps of reports that pods run: the last PUT counts, memory is bounded, the file whole."""

from __future__ import annotations

from pathlib import Path

from cluster.kubelet.report_stamps import ReportStamps


def test_a_put_that_is_made_again_replaces_the_stamp_of_the_stale_one() -> None:
    stamps = ReportStamps(1)

    stamps.take("a", 1)
    stamps.take("a", 5)

    assert (stamps.kept, stamps.left_out) == (1, 0)


def test_pods_beyond_the_bound_are_left_out_and_counted(tmp_path: Path) -> None:
    stamps = ReportStamps(2)

    for number, uid in enumerate("abca"):
        stamps.take(uid, number)
    stamps.write(tmp_path / "stamps.csv")

    assert (stamps.kept, stamps.left_out) == (2, 1)
    assert (tmp_path / "stamps.csv").read_text(encoding="ascii") == "uid,stamp_ns\na,3\nb,1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["stamps.csv"]
