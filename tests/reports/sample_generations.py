"""A comparison of the two generations, as the reports' tests need it: every verdict is in it."""

from __future__ import annotations

from reports.generations_model import Detail, Generations, Line, Reading, Spread
from reports.model import Environment


def sample_generations() -> Generations:
    """Return five rounds: each verdict once, a size that is missed, a line that is missing."""
    lines = [
        _line("a", "a_poll_500", "opposite", 0.13, older=4000.0, words="500 / etcd 2"),
        _line("b", "b_idle_kib_per_watcher", "as claimed", 7.6, size=10.0, said="but by less"),
        _line("c", "c_list_bytes", "no difference", 1.04),
        _line("f", "f_gap_ms_max", "undecided", 2.1, low=0.7, high=6.3),
        _line("d", "d_entries_per_refresh_together", "as claimed", None),
        _line("b", "b_idle_kib_per_watcher", "undecided", None, family="ours", rounds=0),
    ]
    details = [
        Detail("a_poll_per_s", "etcd2-real", Spread(4000.0, 3900.0, 4100.0, 5)),
        Detail("a_stream_per_s", "etcd3-real", Spread(8000.0, None, None, 1)),
        Detail("b_idle_anon_mib_at_1", "etcd2-real", Spread(7.0, 6.5, 7.5, 5)),
        Detail("b_idle_anon_mib_at_1000", "etcd2-real", Spread(40.0, 38.0, 42.0, 5)),
        Detail("b_flow_anon_mib_at_1000", "etcd2-real", Spread(42.0, None, None, 1)),
    ]
    readings = [
        Reading("feeding", "etcd2-real", 5, ["poll: the <watch> ended"], 0.4, 0.5, 17.0),
        Reading("fanning", "etcd2", 2, failed="it ended | unasked"),
    ]
    return Generations(
        run_id="2026-01-02T03:04:05+00:00-0",
        started="2026-01-02T03:04:05+00:00",
        duration_s=1800.0,
        environment=Environment(),
        command="kubedyno generations --rounds 5",
        etcd_version="3.4.23",
        rounds=5,
        seed=0,
        readings=readings,
        lines=lines,
        details=details,
        skipped=["the moon"],
    )


def _line(
    row: str,
    measure: str,
    verdict: str,
    ratio: float | None,
    *,
    low: float | None = None,
    high: float | None = None,
    older: float = 1.0,
    words: str = "etcd 2 / etcd 3",
    size: float | None = None,
    said: str = "",
    family: str = "real",
    rounds: int = 5,
) -> Line:
    if ratio is not None and low is None:
        low, high = ratio * 0.98, ratio * 1.02
    return Line(
        row=row,
        measure=measure,
        title=f"title of {measure}",
        unit="KiB",
        family=family,
        claim=f"claim of {row}",
        source=f"source of {row}",
        words=words,
        verdict=verdict,
        older=Spread(older, older * 0.9, older * 1.1, 5) if rounds else None,
        newer=Spread(0.0 if ratio is None else older / ratio, rounds=5) if rounds else None,
        ratio=ratio,
        low=low,
        high=high,
        rounds=rounds,
        size=size,
        size_verdict=said,
    )
