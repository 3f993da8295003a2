"""What the terminal says of the load: whether it was sent when due, and who used the cores."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load_results import Load


def load_lines(load: Load) -> Iterator[str]:
    """Yield a line for each schedule that has a rate, and one for the cores of each phase."""
    for row in load.sent:
        if row.intended_per_s and row.achieved_per_s is not None:
            late = row.late.p99_ms
            said = "" if late is None else f", late p99 {late:.3g} ms"
            yield (
                f"{row.phase}: {row.what} {row.achieved_per_s:.4g}/s of {row.intended_per_s:.4g}/s"
                f" asked{said}"
            )
    for phase, use in load.machine.items():
        yield (
            f"{phase}: plane {use.plane_cores:.2f}, generator {use.generator_cores:.2f}, others"
            f" {use.others_cores:.2f} of {use.cores} cores"
        )
