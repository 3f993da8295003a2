"""What the terminal says of the load: whether it was sent when due, and who used the cores."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load_results import HEARTBEATS, Load, Sent


def load_lines(load: Load) -> Iterator[str]:
    """Yield a line on all schedules that have a rate, by their worst, and one on the heartbeats.

    A table of each schedule is in the report.
    """
    timed = [row for row in load.sent if row.achieved_share is not None]
    asked = [row for row in timed if row.what != HEARTBEATS]
    if asked:
        slowest = min(asked, key=lambda row: row.achieved_share or 0.0)
        latest = max(asked, key=lambda row: row.late.p99_ms or 0.0)
        each = "schedule" if len(asked) == 1 else "schedules"
        yield (
            f"{len(asked)} {each}: slowest {_rate(slowest)} ({_name(slowest)}), latest p99"
            f" {latest.late.p99_ms or 0.0:.3g} ms ({_name(latest)})"
        )
    for row in timed:
        if row.what == HEARTBEATS:
            late = row.late.p99_ms
            said = "" if late is None else f", late p99 {late:.3g} ms"
            yield f"heartbeats {_rate(row)}{said}"


def core_lines(load: Load) -> Iterator[str]:
    """Yield one line on who used how many cores in each phase."""
    uses = load.machine
    if uses:
        cores = next(iter(uses.values())).cores
        yield f"of {cores}: " + "; ".join(
            f"{phase} {use.plane_cores:.2f} plane + {use.generator_cores:.2f} generator"
            f" + {use.others_cores:.2f} others"
            for phase, use in uses.items()
        )


def _name(row: Sent) -> str:
    return f"{row.phase}: {row.what}"


def _rate(row: Sent) -> str:
    return f"{row.achieved_per_s:.4g}/s of {row.intended_per_s:.4g}/s asked"
