from __future__ import annotations

from pathlib import Path

import pytest

from bench.results import UnreadableResultsError
from bench.stamps_file import read_stamps
from cluster.kubelet.report_stamps import ReportStamps


def test_what_the_nodes_write_is_read_by_uid(tmp_path: Path) -> None:
    stamps = ReportStamps(2)
    stamps.take("a", 12)
    stamps.take("b", 10**18)

    stamps.write(tmp_path / "nodes.csv")

    assert read_stamps(tmp_path / "nodes.csv") == {"a": 12, "b": 10**18}


def test_a_process_that_wrote_no_file_gives_no_stamps(tmp_path: Path) -> None:
    assert read_stamps(tmp_path / "nodes.csv") == {}


@pytest.mark.parametrize("text", ["uid\na\n", "uid,stamp_ns\na\n", "uid,stamp_ns\na,soon\n", "é"])
def test_a_file_that_says_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "nodes.csv"
    path.write_text(text + "\n1\n", encoding="utf-8")

    with pytest.raises(UnreadableResultsError, match=r"nodes\.csv"):
        read_stamps(path)
