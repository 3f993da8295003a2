"""What the terminal says of a run's history."""

from __future__ import annotations

from collections.abc import Iterator

from bench.history.report import AT_LEAST_ONCE, HistoryReport


def history_lines(report: HistoryReport | None) -> Iterator[str]:
    """Yield a line on what was recorded and checked; none where no history was kept."""
    if report is None:
        return
    if report.error:
        yield f"not checked: {report.error}"
        return
    yield (
        f"{report.records:,} entries (about {report.overhead_s:.2g} s of CPU),"
        f" {report.assertions:,} assertions, {report.broken:,} broken"
        f"{', watches judged at least once' if report.delivery == AT_LEAST_ONCE else ''}"
    )
