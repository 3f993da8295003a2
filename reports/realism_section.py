"""The realism sheet of a run's page: what we send, beside what a real cluster of its size sends."""

from __future__ import annotations

from collections.abc import Iterable

from reports.html import Markup, bullets, element, join, table
from reports.realism_model import Realism
from reports.wording import NOT_MEASURED, plain, whole


def realism_section(realism: Realism) -> Markup:
    """Return the table of rates, the watches, and what hollow parts do not do."""
    rows = [
        (
            row.source,
            row.what,
            _rate(row.fill_per_s),
            _rate(row.real_fill_per_s),
            _rate(row.steady_per_s),
            _rate(row.real_steady_per_s),
            row.how,
        )
        for row in realism.rows
    ]
    sums = (
        _sum(row.fill_per_s for row in realism.rows),
        _sum(row.real_fill_per_s for row in realism.rows),
        _sum(row.steady_per_s for row in realism.rows),
        _sum(row.real_steady_per_s for row in realism.rows),
    )
    head = ("source", "requests a second", "fill", "real", "steady", "real", "of a real cluster")
    watches = " and ".join(
        (
            f"Watches held at the end of the fill: {_count(realism.watches)}",
            f"{_count(realism.real_watches)} in a real cluster (kubelets and kube-proxies).",
        )
    )
    note = (
        "Real: estimated from published defaults and recorded traffic of 1.36, for as many nodes "
        "and for pods that come and go as fast. A real cluster's controllers are also held to 20 "
        "requests a second and its scheduler to 50, unless they are told otherwise."
    )
    return join(
        (
            table(head, [*rows, ("all", "", *map(_rate, sums), "")], labels=2),
            element("p", watches),
            element("p", note, style="missing"),
            element("h3", "What hollow parts do not do"),
            bullets(realism.absent),
        )
    )


def _rate(value: float | None) -> str:
    return "-" if value is None else plain(value)


def _count(value: int | None) -> str:
    return NOT_MEASURED if value is None else whole(value)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
