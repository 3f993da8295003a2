"""The page of the store suite, from what the suite writes."""

from __future__ import annotations

from pathlib import Path

from bench.environment import describe_environment
from bench.micro.store_results import STORE_MICRO_FILE, StoreMicro, StoreRow
from bench.results import write_json
from reports.render import render


def test_page_has_a_row_an_operation_and_a_column_an_engine(tmp_path: Path) -> None:
    rows = [StoreRow("memory", "put", 120.0, 5.0), StoreRow("etcd3", "put", 820.0, 33.0)]
    write_json(tmp_path / STORE_MICRO_FILE, StoreMicro("now", describe_environment(), rows))

    page = render(tmp_path).read_text()

    for said in ("memory", "etcd3", "120 ± 5", "820 ± 33", "includes its sync"):
        assert said in page
