"""The section of a run's page on faults that were planted into its etcd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reports.etcd_fault_model import EtcdFault
from reports.html import Markup, element, join, table
from reports.wording import NOT_MEASURED, whole, with_unit

KINDS: Final = {
    "kill-leader": "leader killed, started again",
    "stop-leader": "leader stopped, continued",
}
HEADS: Final = (
    "fault",
    "member",
    "at",
    "next leader",
    "elected after",
    "back after",
    "all healthy after",
    "writes stood still",
    "longest before any fault",
    "unknown outcomes",
    "refused",
)
NOTE: Final = (
    "Writes stood still for the longest time without an acknowledged write, of any client, that "
    "ended after the fault. The outcome of a write is unknown where no answer came, or the API "
    "server says that it does not know: it may have happened. The history's rules count it neither "
    "as lost nor as made by nobody."
)


def etcd_fault_section(faults: Sequence[EtcdFault]) -> Markup:
    """Return a table, a fault a column: as rows they are wider than a page."""
    columns = [
        (
            KINDS.get(fault.kind, fault.kind) + (f" ({fault.failure})" if fault.failure else ""),
            fault.member,
            _seconds(fault.at_s),
            fault.successor or NOT_MEASURED,
            _seconds(fault.elected_s),
            _seconds(fault.back_s),
            _seconds(fault.healthy_s),
            _seconds(fault.writes_stood_still_s),
            _seconds(fault.usual_gap_s),
            _count(fault.unknown_writes),
            _count(fault.refused_writes),
        )
        for fault in faults
    ]
    head, *rows = zip(HEADS, *columns, strict=True)
    return join((table(head, rows, labels=1), element("p", NOTE, style="missing")))


def _seconds(value: float | None) -> str:
    return NOT_MEASURED if value is None else with_unit(value, "s")


def _count(value: float | None) -> str:
    return NOT_MEASURED if value is None else whole(value)
