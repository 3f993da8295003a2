"""Faults in etcd on a run's page."""

from __future__ import annotations

from reports.etcd_fault_model import EtcdFault
from reports.etcd_fault_section import HEADS, etcd_fault_section

KILLED = EtcdFault(
    kind="kill-leader",
    member="etcd-3",
    at_s=0.8,
    successor="etcd-1",
    elected_s=1.5,
    unknown_writes=25,
)


def test_each_fault_is_a_column_and_each_fact_a_row() -> None:
    stopped = EtcdFault(kind="stop-leader", member="etcd-1", failure="nobody led")

    page = str(etcd_fault_section([KILLED, stopped]))

    assert page.count("<tr") == len(HEADS)
    assert page.count("</th>") == 1 + 2
    for words in ("leader killed, started again", "leader stopped, continued (nobody led)"):
        assert words in page
    assert page.index("etcd-3") < page.index("etcd-1") < page.index("1.50 s")
    assert "25" in page
